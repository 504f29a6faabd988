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
#define BATCH 64 /* descriptors at a time */
#define PIDFD_SEND_SIGNAL_CALL 424 /* pidfd_send_signal(2) and pidfd_open(2), the same numbers everywhere */
#define PIDFD_OPEN_CALL 434

static int path_of(char *path, const char *folder, const char *file)
{
    return snprintf(path, PATH_MAX, "%s/%s", folder, file) < PATH_MAX;
}

/* The next process but this one that LIST names, 0 at its end; a process without a number here (0) is passed over. */
static pid_t next(FILE *list)
{
    char line[32];

    while (fgets(line, sizeof line, list)) {
        pid_t pid = (pid_t)strtol(line, NULL, 10);
        if (pid > 1 && pid != getpid())
            return pid;
    }
    return 0;
}

struct process {
    pid_t pid;
    int fd;
};

/*
 * Kills those of COUNT processes that are listed at PATH, where they were seen before their descriptors were opened: so
 * another one that has got such a number meanwhile is not hit.
 */
static void kill_listed(const char *path, const struct process *processes, int count)
{
    FILE *list = fopen(path, "re");
    pid_t pid;

    while (list && (pid = next(list)))
        for (int i = 0; i < count; i++)
            if (processes[i].pid == pid)
                syscall(PIDFD_SEND_SIGNAL_CALL, processes[i].fd, SIGKILL, NULL, 0);
    if (list)
        fclose(list);
}

/* Kills every process listed at PATH once; how many there were. One that does not end holds up no other one's end. */
static int kill_all(const char *path)
{
    struct process batch[BATCH];
    FILE *list = fopen(path, "re");
    int found = 0, count = 0;
    pid_t pid;

    if (!list)
        return 0;
    do {
        pid = next(list);
        if (pid) {
            int fd = (int)syscall(PIDFD_OPEN_CALL, pid, 0);
            found++;
            if (fd >= 0)
                batch[count++] = (struct process){pid, fd};
            else if (errno == ENOSYS)
                kill(pid, SIGKILL);
        }
        if (count == BATCH || !pid) {
            kill_listed(path, batch, count);
            while (count)
                close(batch[--count].fd);
        }
    } while (pid);
    fclose(list);
    return found;
}

void folder_kill(const char *folder)
{
    char path[PATH_MAX];

    if (!path_of(path, folder, "cgroup.procs"))
        return;
    for (int tries = 0; tries < PATIENCE && kill_all(path); tries++)
        poll(NULL, 0, 10);
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
