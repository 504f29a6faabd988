/* One session: the command as a child inside the container, and the supervisor that stays outside it. */
#ifndef NSEXEC_SESSION_H
#define NSEXEC_SESSION_H

#include <sys/types.h>

#include "cpus.h"
#include "identity.h"
#include "terminal.h"
#include "users.h"

struct session {
    const struct identity *identity;
    struct users users; /* the container's user namespace */
    struct cpus allowed;
    struct terminal *terminal; /* the command's, or NULL */
    int own_proc;  /* the command is to have a /proc of its PID namespace, over the node's */
    int in_cwd;    /* in the child: the working directory is entered already */
    int null;      /* the node's /dev/null */
    int proc;      /* the node's /proc */
    int pids;      /* the container's PID namespace */
    int lease;     /* hangs up when the helper's main process ends */
    int client; /* ends when the client does, where the helper pod outlives it and the command has no stdin, or -1 */
    int target; /* pidfd of the container's first process, or -1 on kernels without */
    int kill_file; /* cgroup.kill of the session's folder, or -1 */
};

enum stage { READY, CWD_FAILED, TERMINAL_FAILED, PROC_FAILED, FILTER_FAILED, EXEC_FAILED };
struct child_report { /* from the child to the supervisor */
    int stage, error;
};

/* Closes every descriptor from 3 on but those of the COUNT in KEPT, which it sorts; -1 is none. */
void close_all_but(int *kept, size_t count);

/*
 * Spawns the child, the command's process, in the container's PID namespace and returns its PID outside; TO_PARENT and
 * FROM_PARENT are the child's ends of two pipes. Fails (exit 125) when the container lets no process be started.
 */
pid_t spawn_child(struct session *session, int to_parent, int from_parent);

/* Takes the command's limits, joins the container's user namespace, where it has one of its own. */
void session_join(const struct session *session);

/* The child, once spawned: gets ready, reports that TO_PARENT, waits for a byte FROM_PARENT, becomes the command. */
_Noreturn void child_run(const struct session *session, int to_parent, int from_parent);

/* Starts the command and stays until it has ended; the exit status for the client. */
int supervise(struct session *session);

#endif
