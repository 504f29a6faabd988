#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_MS 5000 /* from TERM to KILL, at the end of the command's time */

int child_signals(void)
{
    static const int forwarded[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
    static const int ignored[] = {SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
        sigaddset(&set, forwarded[i]);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* ignored, it would reap behind our back */
    if (sigprocmask(SIG_SETMASK, &set, NULL))
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int child_signal(int signals)
{
    struct signalfd_siginfo information;
    ssize_t got = read(signals, &information, sizeof information);

    return got == (ssize_t)sizeof information ? (int)information.ssi_signo : 0;
}

int child_reap(struct child *child, int *status)
{
    int ended = 0, how;
    pid_t pid;

    while ((pid = waitpid(-1, &how, WNOHANG)) > 0)
        if (pid == child->pid) {
            ended = 1;
            child->pid = 0;
            *status = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
        }
    return ended;
}

void child_send(const struct child *child, int number)
{
    if (child->pid)
        kill(child->pid, number);
}

static void send_to_group(const struct child *child, int number)
{
    if (child->pid)
        kill(-child->pid, number);
}

int child_kill(struct child *child)
{
    struct pollfd signals = {.fd = child->signals, .events = POLLIN};
    int status, error = EBUSY;

    send_to_group(child, SIGKILL);
    if (child->pid && kill(child->pid, SIGKILL))
        error = errno;
    /* A child in an uninterruptible wait must not hold us: give it two seconds. */
    for (int tries = 0; tries < 20 && child->pid && !child_reap(child, &status); tries++) {
        poll(&signals, 1, 100);
        while (child_signal(child->signals))
            ;
    }
    return child->pid ? error : 0;
}

int child_group_lives(const struct child *child)
{
    return !kill(-child->group, 0) || errno != ESRCH;
}

static int set_timer(int timer, uint64_t ms)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000}};

    return timerfd_settime(timer, 0, &when, NULL);
}

int child_limit(struct child *child, uint64_t ms)
{
    child->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    return child->timer < 0 || set_timer(child->timer, ms);
}

int child_time_out(struct child *child)
{
    if (child->timed_out)
        return 1;
    child->timed_out = 1;
    set_timer(child->timer, GRACE_MS);
    /* To its whole group, as timeout(1) does, and to one that is stopped as well. */
    send_to_group(child, SIGTERM);
    send_to_group(child, SIGCONT);
    return 0;
}
