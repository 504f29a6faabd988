#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "session.h"
#include "report.h"

#ifndef CLOSE_RANGE_CALL
#define CLOSE_RANGE_CALL 436 /* close_range(2), the same number everywhere; older kernels (before 5.9) lack it */
#endif
#define HIGHEST_CLOSED_ONE_BY_ONE 65536U
#define NOT_EXECUTABLE 126
#define NOT_FOUND 127

static int by_number(const void *one, const void *other)
{
    return *(const int *)one - *(const int *)other;
}

static void close_span(unsigned first, unsigned last)
{
    if (first > last || !syscall(CLOSE_RANGE_CALL, first, last, 0))
        return;
    for (unsigned fd = first; fd <= last && fd < HIGHEST_CLOSED_ONE_BY_ONE; fd++)
        close((int)fd);
}

void close_all_but(int *kept, size_t count)
{
    unsigned next = 3;

    qsort(kept, count, sizeof *kept, by_number);
    for (size_t i = 0; i < count; i++)
        if (kept[i] >= (int)next) {
            close_span(next, (unsigned)kept[i] - 1);
            next = (unsigned)kept[i] + 1;
        }
    close_span(next, ~0U);
}

static void report_stage(int fd, enum stage stage, int error)
{
    struct child_report report = {.stage = (int)stage, .error = error};

    if (write_all(fd, &report, sizeof report))
        _exit(OWN_FAILURE); /* the supervisor is gone */
}

/* 0 or errno. A directory outside the container's root is none (CVE-2024-21626). */
static int enter_cwd(const struct session *session)
{
    char path[PATH_MAX];

    if (!session->in_cwd && chdir(session->identity->cwd))
        return errno;
    if (syscall(SYS_getcwd, path, sizeof path) < 0)
        return errno == ERANGE ? 0 : errno; /* deeper than PATH_MAX is odd, but inside */
    return path[0] == '/' ? 0 : ENOENT;
}

static const char *search_path(char **environment)
{
    for (; *environment; environment++)
        if (!strncmp(*environment, "PATH=", 5))
            return *environment + 5;
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* Becomes the command, looked for in the container's PATH (absolute entries only, as runc does); errno when it cannot. */
static int execute(char **arguments, char **environment)
{
    char file[PATH_MAX];
    const char *name = arguments[0];
    int found = 0;

    if (strchr(name, '/')) {
        execve(name, arguments, environment);
        return errno;
    }
    for (const char *next = search_path(environment), *end; *name && *next; next = *end ? end + 1 : end) {
        end = strchrnul(next, ':');
        if (*next != '/' || (size_t)(end - next) + strlen(name) + 2 > sizeof file)
            continue;
        memcpy(file, next, (size_t)(end - next));
        file[end - next] = '/';
        strcpy(file + (end - next) + 1, name);
        execve(file, arguments, environment);
        if (errno == EACCES)
            found = 1; /* go on: another directory may have one that we may run */
        else if (errno != ENOENT && errno != ENOTDIR)
            return errno;
    }
    return found ? EACCES : ENOENT;
}

_Noreturn void child_run(const struct session *session, int to_parent, int from_parent)
{
    int kept[] = {to_parent, from_parent};
    const struct identity *identity = session->identity;
    sigset_t none;
    ssize_t got;
    int error;
    char go;

    /* First the death signal, then the wait for a byte: a supervisor that died in between is an end of file. */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    setsid();
    error = session->terminal ? terminal_take(session->terminal) : 0;
    if (error)
        report_stage(to_parent, TERMINAL_FAILED, error);
    /* The kernel makes it of the PID namespace of the process that mounts it. */
    if (!error && session->own_proc && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) {
        error = errno;
        report_stage(to_parent, PROC_FAILED, error);
    }
    close_all_but(kept, sizeof kept / sizeof *kept);
    /* All but 32 and 33, which the C library keeps for itself: those stay as the runtime left them, as in its own exec. */
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(identity->umask);
    if (!error) {
        error = enter_cwd(session);
        report_stage(to_parent, error ? CWD_FAILED : READY, error);
    }
    do
        got = read(from_parent, &go, 1);
    while (got < 0 && errno == EINTR);
    if (error || got != 1)
        _exit(OWN_FAILURE);
    if (identity->verify_only)
        _exit(0);
    /* With no_new_privs it takes no privilege, and comes last: as little as possible of ours is subject to it. */
    error = identity->no_new_privs ? identity_filter(identity) : 0;
    if (error) {
        report_stage(to_parent, FILTER_FAILED, error);
        _exit(OWN_FAILURE);
    }
    error = execute(identity->arguments, identity->environment);
    report_stage(to_parent, EXEC_FAILED, error);
    _exit(error == ENOENT ? NOT_FOUND : NOT_EXECUTABLE);
}
