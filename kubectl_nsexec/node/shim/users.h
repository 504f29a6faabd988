/* The container's user namespace, where it has one of its own (hostUsers: false), and its ids as the node knows them. */
#ifndef NSEXEC_USERS_H
#define NSEXEC_USERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define EXTENTS_MAX 340 /* of a map, since Linux 4.15 (user_namespaces(7)) */

struct id_map {
    size_t count;
    struct extent {
        uint32_t inside, outside, length;
    } extents[EXTENTS_MAX];
};

struct users {
    int space; /* the user namespace; -1 for the node's own, where ids are the same inside and outside */
    struct id_map uids, gids;
};

/*
 * In the folder in /proc of the process that is entered: opens its user namespace. Fails (exit 125) unless it is one
 * of its own just when EXPECTED says so. PROC is the node's /proc.
 */
void users_open(struct users *users, int expected, int proc);

/* An id of the container's as the node has it. Fails (exit 125) for one that the namespace does not map. */
uid_t users_uid(const struct users *users, uid_t inside);
gid_t users_gid(const struct users *users, gid_t inside);

/* Joins it as its root: every right from here on is one over what belongs to it, and none over the node. */
void users_join(const struct users *users);

#endif
