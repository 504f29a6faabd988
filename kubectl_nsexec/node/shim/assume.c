#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "identity.h"
#include "report.h"

void identity_limit(const struct identity *identity)
{
    for (int kind = 0; kind < LIMIT_KINDS; kind++)
        if (identity->limits[kind].given && setrlimit(kind, &identity->limits[kind].values))
            fail(IDENTITY, "resource limit %d cannot be set: %s", kind, strerror(errno));
}

static void set_bounding(uint64_t wanted)
{
    for (int capability = 0; capability < 64; capability++) {
        int bounded = prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1; /* -1: unknown to this kernel */
        int asked = wanted >> capability & 1;

        if (asked && !bounded)
            fail(IDENTITY, "the container has capability %d, which the helper was not given on this node", capability);
        if (bounded && !asked && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
            fail(IDENTITY, "capability %d cannot be dropped: %s", capability, strerror(errno));
    }
}

static void set_capabilities(const struct capabilities *wanted)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    for (int word = 0; word < 2; word++) {
        data[word].permitted = (uint32_t)(wanted->permitted >> 32 * word);
        data[word].effective = (uint32_t)(wanted->effective >> 32 * word);
        data[word].inheritable = (uint32_t)(wanted->inheritable >> 32 * word);
    }
    if (syscall(SYS_capset, &header, data))
        fail(IDENTITY, "the container's capabilities cannot be taken: %s", strerror(errno));
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
        fail(IDENTITY, "ambient capabilities cannot be cleared: %s", strerror(errno));
    for (int capability = 0; capability < 64; capability++)
        if (wanted->ambient >> capability & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))
            fail(IDENTITY, "ambient capability %d cannot be raised: %s", capability, strerror(errno));
}

static void write_label(int proc, const char *file, const char *how, const char *label)
{
    int fd = openat(proc, file, O_WRONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) /* before Linux 5.1 all security modules share one file */
        fd = openat(proc, "self/attr/exec", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || dprintf(fd, "%s%s", how, label) < 0)
        fail(IDENTITY, "the container's label '%s' cannot be taken: %s", label, strerror(errno));
    close(fd);
}

void identity_label(const struct identity *identity, int proc)
{
    if (*identity->selinux)
        write_label(proc, "self/attr/exec", "", identity->selinux);
    if (*identity->apparmor)
        write_label(proc, "self/attr/apparmor/exec", "exec ", identity->apparmor);
}

void identity_assume(const struct identity *identity)
{
    /* Dropping from the bounding set takes CAP_SETPCAP, which is lost with the ids: it comes first. */
    set_bounding(identity->capabilities.bounding);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
        fail(IDENTITY, "capabilities cannot be kept: %s", strerror(errno));
    if (setgroups(identity->group_count, identity->groups))
        fail(IDENTITY, "the container's groups cannot be set: %s", strerror(errno));
    if (setresgid(identity->gid, identity->gid, identity->gid))
        fail(IDENTITY, "group %u cannot be taken: %s", (unsigned)identity->gid, strerror(errno));
    if (setresuid(identity->uid, identity->uid, identity->uid))
        fail(IDENTITY, "user %u cannot be taken: %s", (unsigned)identity->uid, strerror(errno));
    set_capabilities(&identity->capabilities);
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0))
        fail(IDENTITY, "capabilities cannot be settled: %s", strerror(errno));
    if (identity->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        fail(IDENTITY, "no_new_privs cannot be set: %s", strerror(errno));
    /* A change of ids may make a process dumpable again. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        fail(IDENTITY, "this process cannot be shut to the container: %s", strerror(errno));
}

int identity_filter(const struct identity *identity)
{
    if (!identity->filter.len)
        return 0;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, identity->filter_flags, &identity->filter) ? errno : 0;
}
