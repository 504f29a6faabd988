#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frames.h"
#include "report.h"

#define SILENCE_SECONDS 600 /* a client whose reader has stopped reading it says nothing either: be patient */

struct guard {
    struct frames frames;
    int signals; /* signalfd */
    pid_t session;
    int ended, status; /* of the session */
    int end_sent;      /* to the client, or on its way */
};

static sigset_t our_signals(void)
{
    static const int ours[] = {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        sigaddset(&set, ours[i]);
    return set;
}

/* An ignored signal would not even be pending, and the agent had all of these ignored. */
static void take_signals(void)
{
    sigset_t set = our_signals();

    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int number = 1; number < NSIG; number++)
        if (sigismember(&set, number) == 1)
            signal(number, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
}

static _Noreturn void become(char **command, const int pipes[3])
{
    sigset_t none;

    for (int fd = 0; fd < 3; fd++)
        dup2(pipes[fd], fd);
    setsid(); /* one group, so that all of it can be ended before it has a folder */
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(command[0], command);
    dprintf(STDERR_FILENO, "%s: %s\n", command[0], strerror(errno));
    _exit(OWN_FAILURE);
}

static int start(struct guard *guard, char **command)
{
    int in[2], out[2], err[2];

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
        return 0;
    guard->session = fork();
    if (guard->session == 0)
        become(command, (const int[]){in[0], out[1], err[1]});
    close(in[0]);
    close(out[1]);
    close(err[1]);
    guard->frames.in = in[1];
    guard->frames.out = out[0];
    guard->frames.err = err[0];
    fcntl(guard->frames.in, F_SETFL, O_NONBLOCK);
    fcntl(guard->frames.out, F_SETFL, O_NONBLOCK);
    fcntl(guard->frames.err, F_SETFL, O_NONBLOCK);
    return guard->session > 0;
}

/* Looks whether the session has ended; with it end those of its processes that are left. */
static void reap(struct guard *guard, const struct places *places)
{
    int how;

    if (guard->ended || waitpid(guard->session, &how, WNOHANG) != guard->session)
        return;
    guard->status = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
    guard->ended = 1;
    places_empty(places); /* so that nobody writes any more */
}

/* Moves what there is to move; false when the client is gone or someone wants us to end. */
static int step(struct guard *guard, const struct places *places)
{
    struct frames *frames = &guard->frames;
    int inward = frames_inward(frames), outward = frames_outward(frames);
    struct pollfd sources[] = {
        {.fd = STDIN_FILENO, .events = inward ? 0 : POLLIN},
        {.fd = STDOUT_FILENO, .events = outward ? POLLOUT : 0},
        {.fd = guard->signals, .events = POLLIN},
        {.fd = inward ? frames->in : -1, .events = POLLOUT},
        {.fd = outward ? -1 : frames->out, .events = POLLIN},
        {.fd = outward ? -1 : frames->err, .events = POLLIN},
    };
    struct signalfd_siginfo signal;

    if (!inward && !outward && frames_silence(frames) > SILENCE_SECONDS)
        return 0;
    if (poll(sources, sizeof sources / sizeof *sources, guard->ended && !outward ? 0 : 60 * 1000) < 0)
        return errno == EINTR || errno == ENOMEM;
    while (read(guard->signals, &signal, sizeof signal) == (ssize_t)sizeof signal)
        if (signal.ssi_signo != SIGCHLD)
            return 0;
    reap(guard, places);
    if (sources[0].revents && (inward ? sources[0].revents & (POLLHUP | POLLERR) : !frames_receive(frames)))
        return 0;
    if (sources[3].revents)
        frames_pass_in(frames);
    if (sources[1].revents && !outward)
        return 0;
    if (outward)
        return !sources[1].revents || frames_send(frames);
    if (!frames_collect(frames) && guard->ended) {
        frames_end(frames, guard->status);
        guard->end_sent = 1;
    }
    return 1;
}

/* The session from start to end; the status for whoever waits for us. */
static int serve(const char *nonce, const struct places *places, char **command, int signals)
{
    static struct guard guard;

    guard.signals = signals;
    frames_begin(&guard.frames);
    if (dprintf(STDOUT_FILENO, "%s framed\n", nonce) < 0 || !start(&guard, command))
        return OWN_FAILURE;
    fcntl(STDOUT_FILENO, F_SETFL, fcntl(STDOUT_FILENO, F_GETFL) | O_NONBLOCK);
    while (!guard.end_sent || frames_outward(&guard.frames))
        if (!step(&guard, places)) {
            if (!guard.ended)
                kill(-guard.session, SIGKILL);
            places_empty(places);
            return OWN_FAILURE;
        }
    return guard.status;
}

/* Waits for the guard, whatever comes, and clears up behind it, also when it was killed. */
static int clear_up_behind(pid_t guard, const struct places *places)
{
    sigset_t set = our_signals();
    int how = 0, number;

    while (waitpid(guard, &how, WNOHANG) != guard)
        if (!sigwait(&set, &number) && number != SIGCHLD)
            kill(guard, SIGTERM);
    places_remove(places);
    return WIFEXITED(how) ? WEXITSTATUS(how) : OWN_FAILURE;
}

int guard(const char *nonce, char **words)
{
    const struct places places = {words[0], words[1], words[2]};
    char lease[PATH_MAX];
    sigset_t set = our_signals();
    pid_t parent = getpid(), child;
    int status, signals;

    take_signals();
    child = fork();
    if (child > 0)
        return clear_up_behind(child, &places);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    snprintf(lease, sizeof lease, "%s/lease", places.run);
    /* Nobody but this process has the lease open for writing: when it ends, however it ends, the session sees it. */
    if (child < 0 || signals < 0 || open(lease, O_RDWR | O_CLOEXEC) < 0) {
        status = OWN_FAILURE;
    } else {
        /* Who clears up must be there to the end: without it we end, and do it ourselves. */
        prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
        status = getppid() == parent ? serve(nonce, &places, words + 3, signals) : OWN_FAILURE;
    }
    if (child < 0 || getppid() != parent)
        places_remove(&places);
    return status;
}
