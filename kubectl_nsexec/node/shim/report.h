/* What the shim says to the client, and the small things that every part of it needs. */
#ifndef NSEXEC_REPORT_H
#define NSEXEC_REPORT_H

#include <stddef.h>
#include <stdint.h>

#define OWN_FAILURE 125
#define SHIM "shim"
#define IDENTITY "identity"
#define USER_NAMESPACE "user-namespace"

/* The word that begins every line of ours; false when it is not [A-Za-z0-9._-]{1,128}. */
int report_as(const char *nonce);

/*
 * "NONCE {json}": the command is next, as process PID of the node, on the CPUs of MASK, with a terminal of TTY's
 * ("container", "helper", or "" for none). 0 or errno.
 */
int report_start(int pid, const char *mask, const char *tty);

/*
 * The exit marker: that the command has ended with STATUS, as the last thing on the stream FD, which is the command's.
 * It begins with a zero byte, so that what the command ends with itself is seldom taken for the beginning of it.
 */
void report_exit_marker(int fd, int status);

/* "NONCE {json}": the lease is this process's now; with its own CPUs. 0 or errno. */
int report_held(void);

/* Ends this process with status 125 and an error line; CODE is one of those above, or "gone". */
_Noreturn void fail(const char *code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes all of it, whatever interrupts; 0 or errno. */
int write_all(int fd, const void *data, size_t size);

/*
 * What THERE (O_PATH) is of, opened with FLAGS by way of PROC, the node's /proc; -1 when it cannot be. Nothing can be put
 * in its place meanwhile, and to open a device is to do something to it: look at THERE first.
 */
int open_again(int proc, int there, int flags);

/* A number in BASE (8, 10 or 16), digits only, at most LIMIT; false when it is not one. */
int parse_number(const char *text, int base, uint64_t limit, uint64_t *number);

#endif
