#define _GNU_SOURCE
#include "cpuset_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cpus.h"
#include "report.h"

#define RETRY_MS 1000

/* 0 when FILE holds WANTED, EBUSY when it holds something else, else errno. */
static int check(const char *file, const struct cpus *wanted)
{
    static char found[CPU_TEXT];
    struct cpus now;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, found, sizeof found - 1);
    int error = errno;

    if (fd >= 0)
        close(fd);
    if (got < 0)
        return error;
    found[got] = 0;
    return cpus_parse(found, &now) && cpus_equal(&now, wanted) ? 0 : EBUSY;
}

/* 0 when FILE holds WANTED, now or after a write; else errno. */
static int put_right(const char *file, const char *text, const struct cpus *wanted)
{
    int error = check(file, wanted), fd;

    if (error != EBUSY)
        return error;
    fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0)
        return errno;
    error = write_all(fd, text, strlen(text));
    close(fd);
    return error ? error : check(file, wanted);
}

/* The worst outcome over all files: ENOENT or ENODEV when one is gone. */
static int put_all_right(char **files, const char *text, const struct cpus *wanted)
{
    int worst = 0;

    for (; *files; files++) {
        int error = put_right(*files, text, wanted);
        if (error == ENOENT || error == ENODEV)
            return error;
        worst = error ? error : worst;
    }
    return worst;
}

static int watch(char **files)
{
    int events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    for (; events >= 0 && *files; files++)
        if (inotify_add_watch(events, *files, IN_MODIFY | IN_DELETE_SELF) < 0) {
            close(events);
            return -1;
        }
    return events;
}

static int say_ready(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    return null < 0 || write_all(STDOUT_FILENO, "ready\n", 6) || dup2(null, STDOUT_FILENO) < 0;
}

int cpuset_watch(const char *holder, const char *cpus, char **files)
{
    struct cpus wanted;
    uint64_t parent;
    int events, error;

    if (!parse_number(holder, 10, INT32_MAX, &parent) || !cpus_parse(cpus, &wanted) || !*files)
        return OWN_FAILURE;
    /* The signal comes only for a death after this call, hence the look at who is our parent now. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != (pid_t)parent)
        return OWN_FAILURE;
    events = watch(files);
    error = put_all_right(files, cpus, &wanted);
    if (error || say_ready())
        return OWN_FAILURE;
    while (error != ENOENT && error != ENODEV) {
        struct pollfd source = {.fd = events, .events = POLLIN};
        char buffer[4096] __attribute__((aligned(8)));

        /* Without inotify look each second; after a write that came to nothing, too, whatever its own event says. */
        poll(&source, error ? 0 : 1, events < 0 || error ? RETRY_MS : -1);
        while (events >= 0 && read(events, buffer, sizeof buffer) > 0)
            ;
        error = put_all_right(files, cpus, &wanted);
    }
    return 0;
}
