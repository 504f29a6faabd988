#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"
#include "session.h"

/*
 * Three processes: the supervisor, which stays outside the container and subject to none of its filters; the child, which
 * the container sees; and between the two the intermediate process, which the container does not see. It takes on all that
 * the container is, step by step, and at last starts the child, as its own sibling (CLONE_PARENT, clone(2)): so that is
 * the supervisor's to wait for.
 *
 * The rule behind the order of the steps: nothing that the container can see ever has more rights than the container, or
 * anything open that has.
 */

static pid_t clone_sibling(void)
{
    unsigned long flags = CLONE_PARENT | SIGCHLD;

#ifdef __s390x__
    return (pid_t)syscall(SYS_clone, 0, flags, 0, 0, 0);
#else
    return (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
#endif
}

void session_join(const struct session *session)
{
    /* The limits first: to raise one takes a right over the node, which ends with the node's user namespace. */
    identity_limit(session->identity);
    users_join(&session->users);
}

/* The intermediate process. SPAWNED is the pipe by which it tells the supervisor the child's PID. */
static _Noreturn void spawn(struct session *session, int to_parent, int from_parent, int spawned)
{
    int kept[] = {to_parent, from_parent, spawned, session->terminal ? terminal_end(session->terminal) : -1};
    const struct identity *identity = session->identity;
    int error;
    pid_t child;

    /*
     * 1. The PID namespace, which is for children only: this process, which has root's rights for some steps yet, is never
     * seen in the container. Before 3, for joining takes CAP_SYS_ADMIN over our own user namespace, the node's.
     */
    if (setns(session->pids, CLONE_NEWPID))
        fail(SHIM, "the container's PID namespace cannot be joined: %s", strerror(errno));
    /* 2. The labels of what is executed next. By the node's /proc and with rights over the node: before 3 and 4. */
    identity_label(identity, session->proc);
    /*
     * 3. Limits and user namespace. After all that takes a right over the node (1, 2, and what enter() did before); before
     * 5 and 7, whose rights and ids are the container's. Whoever joins has every right in that namespace, so 7 follows
     * before anything that the container sees exists.
     */
    session_join(session);
    /*
     * 4. Descriptors. After the last use of them (1 to 3), before 8: from its start on the child can be seen, and what may
     * trace it can take what it has open (CVE-2016-9962). Before 5, which might forbid it.
     */
    close_all_but(kept, sizeof kept / sizeof *kept);
    /*
     * 5. The seccomp filter, where there is no no_new_privs: loading takes CAP_SYS_ADMIN, so before 7, which gives that up.
     * Whoever loads it is subject to it: so it is this process that does, never the supervisor, and as late as can be. With
     * no_new_privs the child loads it itself, as its last act (child.c).
     */
    error = identity->no_new_privs ? 0 : identity_filter(identity);
    if (error)
        fail(IDENTITY, "the container's seccomp filter cannot be loaded: %s", strerror(error));
    /*
     * 6. The working directory. With root's rights, so before 7, for one that the user may use but not reach; the child
     * tries what failed here once more as the user, and looks whether it is inside the container's root (child.c). As runc.
     */
    session->in_cwd = !chdir(identity->cwd);
    /* 7. Ids, capabilities, no_new_privs. Before 8: no process in the container has more than the container, ever. */
    identity_assume(identity);
    /* 8. The child, last: it is in the PID namespace from its start, with nothing left that could be taken from it. */
    child = clone_sibling();
    if (child == 0)
        child_run(session, to_parent, from_parent);
    if (child < 0)
        fail(SHIM, "no process can be started in the container, it may have ended: %s", strerror(errno));
    _exit(write_all(spawned, &child, sizeof child) ? OWN_FAILURE : 0);
}

pid_t spawn_child(struct session *session, int to_parent, int from_parent)
{
    int spawned[2], how;
    pid_t intermediate, child = 0;
    siginfo_t state;

    if (pipe2(spawned, O_CLOEXEC))
        fail(SHIM, "cannot prepare for the child: %s", strerror(errno));
    intermediate = fork();
    if (intermediate == 0)
        spawn(session, to_parent, from_parent, spawned[1]);
    if (intermediate < 0)
        fail(SHIM, "no process can be started: %s", strerror(errno));
    close(spawned[1]);
    while (waitpid(intermediate, &how, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(how) && WEXITSTATUS(how) != 0)
        _exit(OWN_FAILURE); /* it has said why */
    if (!WIFEXITED(how) || read(spawned[0], &child, sizeof child) != (ssize_t)sizeof child)
        fail(IDENTITY, "signal %d ended what was to start the command; a seccomp filter that kills does that",
             WIFSIGNALED(how) ? WTERMSIG(how) : 0);
    /* The child has had that pipe, too, and signals go to this number: it must be our child's. */
    if (child <= 0 || waitid(P_PID, (id_t)child, &state, WEXITED | WNOHANG | WNOWAIT))
        fail(SHIM, "process %d, which the container names, is not the command's", child);
    close(spawned[0]);
    /* Ways to the node, of no use any more, in a process that is about to have the container's rights. */
    close(session->proc);
    close(session->pids);
    return child;
}
