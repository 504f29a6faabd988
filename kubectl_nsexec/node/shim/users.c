#define _GNU_SOURCE
#include "users.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"

/* As whoever opens it sees the ids outside (user_namespaces(7)): we are in the node's namespace still. */
static void read_map(const char *path, struct id_map *map)
{
    FILE *file = fopen(path, "re");
    struct extent *next = map->extents;

    while (file && map->count < EXTENTS_MAX &&
           fscanf(file, "%u %u %u", &next->inside, &next->outside, &next->length) == 3)
        next = map->extents + ++map->count;
    if (!file || ferror(file) || !feof(file) || !map->count)
        fail(SHIM, "%s of the container's process cannot be read", path);
    fclose(file);
}

void users_open(struct users *users, int expected, int proc)
{
    struct stat its, ours;

    users->space = open("ns/user", O_RDONLY | O_CLOEXEC);
    if (users->space < 0 || fstat(users->space, &its) || fstatat(proc, "self/ns/user", &ours, 0))
        fail(SHIM, "the user namespaces of the container and the node cannot be compared: %s", strerror(errno));
    if (its.st_dev == ours.st_dev && its.st_ino == ours.st_ino) {
        if (expected)
            fail(USER_NAMESPACE, "the runtime's config.json names a user namespace, and the process is in the node's");
        close(users->space);
        users->space = -1;
        return;
    }
    if (!expected)
        fail(USER_NAMESPACE, "the process is in a user namespace of its own that no config.json of the runtime names");
    read_map("uid_map", &users->uids);
    read_map("gid_map", &users->gids);
}

static uint32_t outside(const struct users *users, const struct id_map *map, const char *what, uint32_t inside)
{
    if (users->space < 0)
        return inside;
    for (size_t i = 0; i < map->count; i++) {
        const struct extent *extent = map->extents + i;
        if (inside >= extent->inside && inside - extent->inside < extent->length)
            return extent->outside + (inside - extent->inside);
    }
    fail(IDENTITY, "the container's user namespace has no %s %u", what, inside);
}

uid_t users_uid(const struct users *users, uid_t inside)
{
    return outside(users, &users->uids, "user", inside);
}

gid_t users_gid(const struct users *users, gid_t inside)
{
    return outside(users, &users->gids, "group", inside);
}

void users_join(const struct users *users)
{
    if (users->space < 0)
        return;
    if (setns(users->space, CLONE_NEWUSER))
        fail(SHIM, "the container's user namespace cannot be joined: %s", strerror(errno));
    /* Joining leaves the ids: files of the node's root would still open to us as to their owner. As runc does. */
    if (setgroups(0, NULL) || setresgid(0, 0, 0) || setresuid(0, 0, 0))
        fail(SHIM, "this process cannot become root of the container's user namespace: %s", strerror(errno));
}
