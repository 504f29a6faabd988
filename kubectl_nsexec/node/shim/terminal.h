/* The command's terminal: a pseudo-terminal of the container, and the relay between it and the client. */
#ifndef NSEXEC_TERMINAL_H
#define NSEXEC_TERMINAL_H

#include <poll.h>

#include "identity.h"
#include "users.h"

struct terminal;

enum terminal_source { CLIENT_IN, CLIENT_OUT, MASTER, TERMINAL_SOURCES };

/* Where terminals come from in the mount namespace and root of this moment, or -1: a descriptor of /dev/pts. */
int terminal_folder(void);

/*
 * Opens a terminal of the /dev/pts that there is (it is OWNER's), or of FALLBACK (see above) where it is none, of that
 * user and size; USERS tells whose ids they are. With root's rights, inside the command's root; PROC is
 * the node's /proc. Fails (exit 125) when neither can be had.
 */
struct terminal *terminal_open(const struct identity *identity, const struct users *users, const char *owner,
                               int fallback, int proc);

/* The descriptor that the command is to have. */
int terminal_end(const struct terminal *terminal);

/* Whose /dev/pts it is: OWNER, or "helper". */
const char *terminal_owner(const struct terminal *terminal);

/* In the child, which leads a session: makes it the controlling terminal and descriptors 0, 1 and 2; 0 or errno. */
int terminal_take(const struct terminal *terminal);

/* From now on stdin is what the client sends (see terminal.c), and stdout what the terminal shows. */
void terminal_start(struct terminal *terminal);

/* What to wait for next, TERMINAL_SOURCES of them, and the work once poll(2) has answered. */
void terminal_await(const struct terminal *terminal, struct pollfd *sources);
void terminal_move(struct terminal *terminal, const struct pollfd *sources);

/* The command has ended: takes no more input; true when all that it has shown is with the client. */
int terminal_finished(struct terminal *terminal);

#endif
