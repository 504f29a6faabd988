/* Who the command is to be, as the client worked it out from the container's own specification. */
#ifndef NSEXEC_IDENTITY_H
#define NSEXEC_IDENTITY_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define LIMIT_KINDS 16 /* RLIMIT_CPU (0) to RLIMIT_RTTIME (15) */

struct capabilities {
    uint64_t bounding, permitted, effective, inheritable, ambient; /* bit n is capability n */
};

struct identity {
    uid_t uid;
    gid_t gid;
    int gid_of_passwd; /* the gid is that of the container's /etc/passwd */
    gid_t *groups;
    size_t group_count;
    struct capabilities capabilities;
    int no_new_privs;
    struct sock_fprog filter; /* seccomp(2); without instructions for none */
    unsigned filter_flags;
    const char *selinux, *apparmor; /* what the security modules call the command, or "" */
    int own_users; /* the ids and rights are of a user namespace of the container's own */
    int streams_group; /* the command's pipes are its group's as well */
    const char *devices; /* see devices.h */
    mode_t umask;
    const char *cwd;
    struct {
        int given;
        struct rlimit values;
    } limits[LIMIT_KINDS];
    char **environment, **arguments; /* end in NULL */
    int with_stdin, verify_only, with_terminal;
    unsigned rows, columns; /* of the terminal's window */
    uint64_t limit_ms; /* how long the command may run, 0 for ever */
};

/*
 * Takes NUL-terminated records key=value from BLOB, which IDENTITY then points into. Fails (exit 125) on an unknown,
 * missing or repeated key, a bad number, a record without its NUL.
 */
void identity_parse(char *blob, size_t size, struct identity *identity);

/*
 * Inside the command's root: a missing HOME, and a gid where it is asked for, are those of its /etc/passwd. PROC: the
 * node's /proc.
 */
void identity_complete(struct identity *identity, int proc);

/* Sets its limits. Fails (exit 125) when it cannot; to raise a hard one takes a right over the node. */
void identity_limit(const struct identity *identity);

/* Makes this process that user, with those rights and no others. Fails (exit 125) when it cannot. */
void identity_assume(const struct identity *identity);

/*
 * What this process, or a child of it, executes next runs under the container's labels; PROC is the node's /proc.
 * Fails (exit 125) when a security module refuses.
 */
void identity_label(const struct identity *identity, int proc);

/* From here on the container's seccomp filter decides on this process's system calls; 0 or errno. */
int identity_filter(const struct identity *identity);

#endif
