#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "guard.h"
#include "report.h"

#define OURS "nsexec-"
#define GUARD "nsexec-guard"
#define PATIENCE 200 /* times 10 ms: a process in an uninterruptible wait must not hold us */

static int put(const char *folder, const char *file, const char *text)
{
    char path[PATH_MAX];
    int fd, error;

    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
        return -1;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    error = write_all(fd, text, strlen(text));
    close(fd);
    return error ? -1 : 0;
}

/* Sends SIGKILL to every process in FOLDER but this one, and says how many there were. */
static int kill_each(const char *folder)
{
    char path[PATH_MAX], line[32];
    int count = 0;
    FILE *list;

    if (snprintf(path, sizeof path, "%s/cgroup.procs", folder) >= (int)sizeof path)
        return 0;
    list = fopen(path, "re");
    if (!list)
        return 0;
    while (fgets(line, sizeof line, list)) {
        pid_t pid = (pid_t)strtol(line, NULL, 10);
        if (pid > 1 && pid != getpid()) { /* 0 is a process that has no number here */
            kill(pid, SIGKILL);
            count++;
        }
    }
    fclose(list);
    return count;
}

static void wait_until_empty(const char *folder)
{
    for (int tries = 0; tries < PATIENCE && kill_each(folder) > 0; tries++)
        poll(NULL, 0, 10);
}

static void empty(const char *folder)
{
    put(folder, "cgroup.kill", "1"); /* since Linux 5.14, on v2: no fork gets away */
    wait_until_empty(folder);
}

/* For every session's folder in HOME. */
static void each_session(const struct places *places, void (*act)(const char *folder))
{
    DIR *home = opendir(places->home);
    struct dirent *entry;

    while (home && (entry = readdir(home))) {
        char path[PATH_MAX];
        if (strncmp(entry->d_name, OURS, strlen(OURS)) || !strcmp(entry->d_name, GUARD))
            continue;
        if (snprintf(path, sizeof path, "%s/%s", places->home, entry->d_name) < (int)sizeof path)
            act(path);
    }
    if (home)
        closedir(home);
}

static void remove_folder(const char *folder)
{
    for (int tries = 0; tries < PATIENCE && rmdir(folder); tries++) {
        if (access(folder, F_OK))
            return;
        poll(NULL, 0, 10);
    }
}

void places_empty(const struct places *places)
{
    each_session(places, empty);
}

void places_remove(const struct places *places)
{
    char own[PATH_MAX];

    places_empty(places);
    each_session(places, remove_folder);
    if (snprintf(own, sizeof own, "%s/%s", places->home, GUARD) < (int)sizeof own) {
        wait_until_empty(own); /* of a session that had not moved yet */
        if (strcmp(places->top, "-")) {
            put(places->top, "cgroup.procs", "0");
            remove_folder(own);
            remove_folder(places->home);
            /* The session's, on cgroup v1: see make_devices_folder in agent-base.sh. */
            if (snprintf(own, sizeof own, "%s/../devices%s", places->top, strrchr(places->home, '/')) < (int)sizeof own)
                remove_folder(own);
        }
    }
    umount2(places->run, MNT_DETACH);
    rmdir(places->run);
}
