/* The lease's holder and the session's runtime where there is no helper pod: over ssh, or in a shell on the node. */
#ifndef NSEXEC_GUARD_H
#define NSEXEC_GUARD_H

/* What the session was given on the node, and what is removed when it ends. */
struct places {
    const char *pod; /* the cgroup folder that stands for a helper pod's; in it nsexec-guard, and the session's */
    const char *top; /* the cgroup folder to leave for, so that the pod's can go, or "-": systemd removes that */
    const char *run; /* mount point of the memory file system with this program in it */
};

/*
 * POD TOP RUN PROGRAM ARGUMENT...: runs PROGRAM with pipes, which the client reaches by frames on stdin and stdout, and
 * stays until it or the client has ended: then nothing of PLACES, and no process in POD, is left.
 */
int guard(const char *nonce, char **words);

/* Ends every process in the folders below POD but the guard's own. */
void places_empty(const struct places *places);

/* Removes all of it; whoever calls it is the last one in. */
void places_remove(const struct places *places);

#endif
