#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "folder.h"
#include "guard.h"
#include "report.h"

#define OURS "nsexec-"
#define GUARD "nsexec-guard"

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

/* For every session's folder in the pod's. */
static void each_session(const struct places *places, void (*act)(const char *folder))
{
    DIR *pod = opendir(places->pod);
    struct dirent *entry;

    while (pod && (entry = readdir(pod))) {
        char path[PATH_MAX];
        if (strncmp(entry->d_name, OURS, strlen(OURS)) || !strcmp(entry->d_name, GUARD))
            continue;
        if (snprintf(path, sizeof path, "%s/%s", places->pod, entry->d_name) < (int)sizeof path)
            act(path);
    }
    if (pod)
        closedir(pod);
}

void places_empty(const struct places *places)
{
    each_session(places, folder_empty);
}

void places_remove(const struct places *places)
{
    char own[PATH_MAX];

    places_empty(places);
    each_session(places, folder_remove);
    if (snprintf(own, sizeof own, "%s/%s", places->pod, GUARD) < (int)sizeof own) {
        folder_kill(own); /* of a session that had not moved yet */
        if (strcmp(places->top, "-")) {
            put(places->top, "cgroup.procs", "0");
            folder_remove(own);
            folder_remove(places->pod);
            /* The session's, on cgroup v1: see make_devices_folder in agent/base.sh. */
            if (snprintf(own, sizeof own, "%s/../devices%s", places->top, strrchr(places->pod, '/')) < (int)sizeof own)
                folder_remove(own);
        }
    }
    umount2(places->run, MNT_DETACH);
    rmdir(places->run);
}
