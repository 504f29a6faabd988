#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "drain.h"
#include "report.h"
#include "session.h"

#define KILLED (128 + SIGKILL)
#define TIMED_OUT 124 /* as timeout(1) says it */

#define give_up(child, ...) (child_kill(child), fail(__VA_ARGS__))

/* What the child reports next; false when it ended instead. */
static int next_report(const struct child *child, struct child_report *report)
{
    ssize_t got;

    do
        got = read(child->from, report, sizeof *report);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof *report;
}

enum source { SIGNALS, LEASE, CLIENT, TARGET, CHILD, TIMER, SOURCES, ALL_SOURCES = SOURCES + TERMINAL_SOURCES };

/* Waits for news; descriptors of -1 have none. False when nothing came of it (EINTR, or a want of memory that passes). */
static int await(const struct session *session, const struct child *child, struct pollfd *sources)
{
    nfds_t count = SOURCES;

    sources[SIGNALS] = (struct pollfd){.fd = child->signals, .events = POLLIN};
    sources[LEASE] = (struct pollfd){.fd = session->lease};
    sources[CLIENT] = (struct pollfd){.fd = session->client, .events = POLLIN};
    sources[TARGET] = (struct pollfd){.fd = session->target, .events = POLLIN};
    sources[CHILD] = (struct pollfd){.fd = child->from, .events = POLLIN};
    sources[TIMER] = (struct pollfd){.fd = child->timer, .events = POLLIN};
    if (session->terminal) {
        terminal_await(session->terminal, sources + SOURCES);
        count += TERMINAL_SOURCES;
    }
    return poll(sources, count, -1) > 0;
}

/* The client is gone. What it still sends is nobody's: a command without stdin gets none. */
static int abandoned(const struct session *session, const struct pollfd *sources)
{
    char nobodys[256];

    return sources[CLIENT].revents && read(session->client, nobodys, sizeof nobodys) <= 0;
}

static void await_ready(const struct session *session, struct child *child)
{
    struct pollfd sources[ALL_SOURCES] = {0};
    struct child_report report;

    while (!sources[CHILD].revents) {
        int number;

        if (!await(session, child, sources))
            continue;
        if (sources[LEASE].revents)
            give_up(child, SHIM, "the lease ended before the command started");
        if (abandoned(session, sources))
            give_up(child, SHIM, "the client ended before the command started");
        if (sources[TARGET].revents)
            give_up(child, SHIM, "the container ended before the command started");
        number = child_signal(child->signals);
        if (number && number != SIGCHLD)
            give_up(child, SHIM, "signal %d arrived before the command started", number);
    }
    if (!next_report(child, &report))
        give_up(child, SHIM, "the process in the container ended before the command started");
    if (report.stage == TERMINAL_FAILED)
        give_up(child, SHIM, "the terminal cannot be given to the command: %s", strerror(report.error));
    if (report.stage == PROC_FAILED)
        give_up(child, SHIM, "the container's /proc cannot be mounted: %s", strerror(report.error));
    if (report.stage != READY)
        give_up(child, IDENTITY, "the working directory '%s' cannot be entered: %s", session->identity->cwd,
                strerror(report.error));
}

static void announce(const struct session *session, struct child *child)
{
    static char mask[CPU_TEXT], allowed[CPU_TEXT];
    struct cpus cpus;
    int error = cpus_of(child->pid, &cpus);

    if (error)
        give_up(child, SHIM, "the CPU mask of process %d is unreadable: %s", child->pid, strerror(error));
    cpus_print(&cpus, mask);
    cpus_print(&session->allowed, allowed);
    if (!cpus_within(&cpus, &session->allowed))
        give_up(child, SHIM, "process %d is on CPUs %s, not inside %s", child->pid, mask, allowed);
    error = report_start(child->pid, mask, session->terminal ? terminal_owner(session->terminal) : "");
    if (error)
        give_up(child, SHIM, "nobody hears that the command starts: %s", strerror(error));
}

/* True when the command could not be executed; says why in the words of the runtime. */
static void report_exec_failure(const struct session *session, struct child *child)
{
    struct child_report report;

    if (child->from < 0)
        return;
    if (next_report(child, &report))
        dprintf(STDERR_FILENO, "%s: \"%s\": %s%s", report.stage == FILTER_FAILED ? "seccomp" : "exec",
                session->identity->arguments[0], strerror(report.error),
                session->terminal ? "\r\n" : "\n"); /* the client's terminal is in raw mode */
    close(child->from);
    child->from = -1;
}

/* Waits until the client takes what is written, PATIENCE ms (-1: for ever); false when it is gone or does not read for so long. */
static int client_reads(const struct session *session, int patience)
{
    struct pollfd sources[] = {
        {.fd = STDERR_FILENO, .events = POLLOUT}, {.fd = session->lease}, {.fd = session->client}};

    while (poll(sources, sizeof sources / sizeof *sources, patience) < 0)
        if (errno != EINTR)
            return 0;
    return sources[0].revents & POLLOUT;
}

static void mark_exit(const struct session *session, int status, int patience)
{
    if (client_reads(session, patience))
        report_exit_marker(STDERR_FILENO, status);
}

/* On cgroup v2 this is the end of every process of the session, of this one too: the kernel asks nobody's leave. */
static int all_killed(const struct session *session)
{
    return session->kill_file >= 0 && write(session->kill_file, "1", 1) == 1;
}

/*
 * The command's time is over, and ERROR is what became of killing it. Where that is refused (it has become somebody else;
 * a security module, see profile.h) the kernel still ends the whole folder, us as well: so the exit marker comes first. Of what
 * has not ended no status is told.
 */
static int outlived(const struct session *session, const struct child *child, int error)
{
    if (error != EBUSY && session->kill_file >= 0)
        mark_exit(session, TIMED_OUT, -1);
    if (!all_killed(session) && client_reads(session, -1))
        dprintf(STDERR_FILENO,
                "process %d of the node, the command, did not end when it was killed, it may run on: %s%s", child->pid,
                strerror(error), session->terminal ? "\r\n" : "\n");
    return OWN_FAILURE;
}

/* The container has ended, or nobody is there any more. */
static int let_go(const struct session *session, struct child *child, int container_ended)
{
    /* The container's end is that of the command, which is killed with it. */
    if (container_ended && session->kill_file >= 0)
        mark_exit(session, KILLED, 0);
    if (!all_killed(session) && !child_kill(child) && container_ended && session->kill_file < 0)
        mark_exit(session, KILLED, 0);
    return KILLED;
}

static int follow(struct session *session, struct child *child)
{
    int status = OWN_FAILURE, ended = 0;

    for (;;) {
        struct pollfd sources[ALL_SOURCES];
        int number;

        if (!await(session, child, sources))
            continue;
        if (session->terminal)
            terminal_move(session->terminal, sources + SOURCES);
        if (sources[CHILD].revents)
            report_exec_failure(session, child);
        while ((number = child_signal(child->signals)))
            if (number != SIGCHLD)
                child_send(child, number);
        if (child_reap(child, &status)) {
            report_exec_failure(session, child);
            session->target = -1;
            ended = 1;
        }
        if (sources[TIMER].revents && (ended || child_time_out(child))) {
            int error = child_kill(child);
            if (error)
                return outlived(session, child, error);
            break;
        }
        if (ended && (!session->terminal || sources[LEASE].revents || terminal_finished(session->terminal)))
            break;
        /* Where the container has no PID namespace of its own, its end would leave the command running. */
        if (!ended && (sources[LEASE].revents || sources[TARGET].revents || abandoned(session, sources)))
            return let_go(session, child, !sources[LEASE].revents && sources[TARGET].revents);
    }
    status = child->timed_out ? TIMED_OUT : status;
    mark_exit(session, status, -1);
    if (session->identity->with_stdin && !session->identity->verify_only)
        drain(session, child);
    return status;
}

int supervise(struct session *session)
{
    struct child child = {.timer = -1};
    int up[2], down[2];

    child.signals = child_signals();
    if (child.signals < 0 || pipe2(up, O_CLOEXEC) || pipe2(down, O_CLOEXEC))
        fail(SHIM, "cannot prepare for the child: %s", strerror(errno));
    child.pid = child.group = spawn_child(session, up[1], down[0]);
    session_join(session);
    identity_assume(session->identity);
    close(up[1]);
    close(down[0]);
    child.from = up[0];
    child.to = down[1];
    await_ready(session, &child);
    if (session->identity->limit_ms && child_limit(&child, session->identity->limit_ms))
        give_up(&child, SHIM, "the command's time cannot be limited: %s", strerror(errno));
    announce(session, &child);
    /*
     * From here on the outputs of a command without stdin are its own: who closes stdout is seen to have closed it. stderr
     * stays ours, too, for the exit marker. Else all three stay ours: stdin is drained at the end, and containerd, at the
     * end of one output, ends the input as well, whatever is in it; so they do where that would be taken for the client's end.
     */
    if (session->terminal) {
        terminal_start(session->terminal);
    } else if (!session->identity->with_stdin) {
        dup2(session->null, STDIN_FILENO);
        if (session->client < 0)
            dup2(session->null, STDOUT_FILENO);
    }
    /* A child that died meanwhile cannot read it (EPIPE): following it tells. */
    write_all(child.to, "", 1);
    close(child.to);
    return follow(session, &child);
}
