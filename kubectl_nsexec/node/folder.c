#define _GNU_SOURCE
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "report.h"

#define PATIENCE 200 /* times 10 ms: a process in an uninterruptible wait must not hold us */
#define PIDFD_SEND_SIGNAL_CALL 424 /* pidfd_send_signal(2) and pidfd_open(2), the same numbers everywhere */
#define PIDFD_OPEN_CALL 434

static int path_of(char *path, const char *folder, const char *file)
{
    return snprintf(path, PATH_MAX, "%s/%s", folder, file) < PATH_MAX;
}

/* A process but this one that is listed at PATH, and WANTED unless that is 0; 0 when there is none. */
static pid_t listed(const char *path, pid_t wanted)
{
    char line[32];
    pid_t found = 0;
    FILE *list = fopen(path, "re");

    while (list && !found && fgets(line, sizeof line, list)) {
        pid_t pid = (pid_t)strtol(line, NULL, 10);
        if (pid > 1 && pid != getpid() && (!wanted || pid == wanted)) /* 0 is a process that has no number here */
            found = pid;
    }
    if (list)
        fclose(list);
    return found;
}

/* By a descriptor that is opened before the process is seen in the folder: another one of that number is not hit. */
static void kill_in(const char *path, pid_t pid)
{
    int fd = (int)syscall(PIDFD_OPEN_CALL, pid, 0);

    if (fd < 0) {
        if (errno == ENOSYS)
            kill(pid, SIGKILL);
        return;
    }
    if (listed(path, pid))
        syscall(PIDFD_SEND_SIGNAL_CALL, fd, SIGKILL, NULL, 0);
    close(fd);
}

void folder_kill(const char *folder)
{
    char path[PATH_MAX];
    pid_t pid;

    if (!path_of(path, folder, "cgroup.procs"))
        return;
    for (int tries = 0; tries < PATIENCE && (pid = listed(path, 0)); tries++) {
        kill_in(path, pid);
        if (listed(path, pid))
            poll(NULL, 0, 10);
    }
}

void folder_empty(const char *folder)
{
    char path[PATH_MAX];
    int all = path_of(path, folder, "cgroup.kill") ? open(path, O_WRONLY | O_CLOEXEC) : -1;

    if (all >= 0) { /* since Linux 5.14, on v2: no fork gets away */
        write_all(all, "1", 1);
        close(all);
    }
    folder_kill(folder);
}

void folder_remove(const char *folder)
{
    /* Its processes are seen to be gone a moment before the kernel lets go of it. */
    for (int tries = 0; tries < PATIENCE && rmdir(folder) && errno == EBUSY; tries++)
        poll(NULL, 0, 10);
}
