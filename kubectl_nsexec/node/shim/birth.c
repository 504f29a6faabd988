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
 * Where the filter takes privilege to load (no no_new_privs), it must come before the ids, and whoever loads it is
 * subject to it: that may be neither the supervisor, nor a process that the container sees, for it still has root's
 * rights. So a mother between the two joins the PID namespace for her children, loads, becomes the container's user,
 * and bears the child as her own sister, a child of the supervisor (CLONE_PARENT, clone(2)).
 *
 * Whoever joins a user namespace has every right in it until it gives them up. So she does that too, just before, and
 * the supervisor once the child is born: each of them outside the PID namespace, where the container sees neither.
 */

static pid_t sister(void)
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

static _Noreturn void bear(struct session *session, int say, int hear, int born)
{
    int kept[] = {say, hear, born, session->terminal ? terminal_end(session->terminal) : -1};
    const struct identity *identity = session->identity;
    int error;
    pid_t child;

    if (setns(session->pids, CLONE_NEWPID))
        fail(LAST_LINK, "the container's PID namespace cannot be joined: %s", strerror(errno));
    identity_label(identity, session->proc);
    session_join(session);
    /* From her birth on the child can be seen, and what may trace her can take what she has open (CVE-2016-9962). */
    close_all_but(kept, sizeof kept / sizeof *kept);
    error = identity->no_new_privs ? 0 : identity_filter(identity);
    if (error)
        fail(IDENTITY, "the container's seccomp filter cannot be loaded: %s", strerror(error));
    /* As runc does: with root's rights first, for a directory that the user may use but not reach. */
    session->in_cwd = !chdir(identity->cwd);
    identity_assume(identity);
    child = sister();
    if (child == 0)
        child_run(session, say, hear);
    if (child < 0)
        fail(LAST_LINK, "no process can be started in the container, it may have ended: %s", strerror(errno));
    _exit(write_all(born, &child, sizeof child) ? OWN_FAILURE : 0);
}

pid_t child_start(struct session *session, int say, int hear)
{
    int born[2], how;
    pid_t mother, child = 0;
    siginfo_t state;

    if (pipe2(born, O_CLOEXEC))
        fail(LAST_LINK, "cannot prepare for the child: %s", strerror(errno));
    mother = fork();
    if (mother == 0)
        bear(session, say, hear, born[1]);
    if (mother < 0)
        fail(LAST_LINK, "no process can be started: %s", strerror(errno));
    close(born[1]);
    while (waitpid(mother, &how, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(how) && WEXITSTATUS(how) != 0)
        _exit(OWN_FAILURE); /* she has said why */
    if (!WIFEXITED(how) || read(born[0], &child, sizeof child) != (ssize_t)sizeof child)
        fail(IDENTITY, "signal %d ended what was to start the command; a seccomp filter that kills does that",
             WIFSIGNALED(how) ? WTERMSIG(how) : 0);
    /* The child has had that pipe, too, and signals go to this number: it must be our child's. */
    if (child <= 0 || waitid(P_PID, (id_t)child, &state, WEXITED | WNOHANG | WNOWAIT))
        fail(LAST_LINK, "process %d, which the container names, is not the command's", child);
    close(born[0]);
    /* Ways to the node, of no use any more, in a process that is about to have the container's rights. */
    close(session->proc);
    close(session->pids);
    return child;
}
