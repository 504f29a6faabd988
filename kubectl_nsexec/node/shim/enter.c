#define _GNU_SOURCE
#include "enter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "devices.h"
#include "exec_env.h"
#include "server.h"
#include "report.h"
#include "session.h"

#define PIDFD_OPEN_CALL 434 /* pidfd_open(2), the same number everywhere */
#define IDENTITY_MAX (8U << 20) /* the kernel takes 6 MiB of arguments and environment at most (execve(2)) */

/* The descriptor that says to the server of a shared helper pod that this session lives; -1 where the helper pod is ours alone. */
static int server_descriptor(void)
{
    const char *text = getenv(SESSION_VARIABLE);
    uint64_t number;

    if (!text || !*text)
        return -1;
    if (!parse_number(text, 10, INT32_MAX, &number) || number < 3 || fcntl((int)number, F_SETFD, FD_CLOEXEC))
        fail(SHIM, "%s is '%s', which is no descriptor", SESSION_VARIABLE, text);
    return (int)number;
}

/* Opens the lease; fails (exit 125) when nobody holds it. */
static int lease_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat about;
    char byte;

    if (fd < 0 || fstat(fd, &about))
        fail(SHIM, "the lease %s cannot be opened: %s", path, strerror(errno));
    if (!S_ISFIFO(about.st_mode))
        fail(SHIM, "the lease %s is not a FIFO", path);
    /*
     * poll reports a hang-up only after a writer that this descriptor has seen. read tells at once:
     * end of file when nobody holds the other end, EAGAIN when somebody does (fifo(7), read(2)).
     */
    if (read(fd, &byte, 1) == 0)
        fail(SHIM, "the helper's main process is gone: nobody holds the lease %s", path);
    return fd;
}

/* Leaves open but the streams, SERVER and the lease, whose path may lead through a descriptor (init.c). */
static void begin_clean(struct session *session, int server, const char *lease)
{
    int descriptors[] = {server, -1};
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            fail(SHIM, "descriptor %d is closed", fd);
    descriptors[1] = session->lease = lease_open(lease);
    close_all_but(descriptors, sizeof descriptors / sizeof *descriptors);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        fail(SHIM, "this process cannot be shut to the container: %s", strerror(errno));
    session->null = open("/dev/null", O_RDWR | O_CLOEXEC);
    session->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (session->null < 0 || session->proc < 0)
        fail(SHIM, "/dev/null and /proc cannot be opened: %s", strerror(errno));
}

static char *read_identity(size_t size, int lease)
{
    char *blob = malloc(size);
    struct pollfd sources[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = lease}};

    if (!blob)
        fail(IDENTITY, "no memory for an identity of %zu bytes", size);
    for (size_t got = 0; got < size;) {
        ssize_t more;
        if (poll(sources, 2, -1) < 0 && errno != EINTR)
            fail(IDENTITY, "the identity cannot be awaited: %s", strerror(errno));
        if (sources[1].revents)
            fail(SHIM, "the lease ended before the command started");
        more = read(STDIN_FILENO, blob + got, size - got);
        if (more == 0)
            fail(IDENTITY, "the identity ended after %zu of %zu bytes", got, size);
        if (more < 0 && errno != EINTR && errno != EAGAIN)
            fail(IDENTITY, "the identity cannot be read: %s", strerror(errno));
        got += more > 0 ? (size_t)more : 0;
    }
    return blob;
}

/* The container's first process; -1 on kernels without pidfds (before 5.3). */
static int watch_target(const char *number)
{
    uint64_t pid;
    int fd;

    if (!parse_number(number, 10, INT32_MAX, &pid) || pid == 0)
        fail(SHIM, "'%s' is no process", number);
    fd = (int)syscall(PIDFD_OPEN_CALL, (pid_t)pid, 0);
    if (fd < 0 && errno == ESRCH)
        fail(SHIM, "the container's first process %s has ended", number);
    return fd;
}

/*
 * The node's files in a mount namespace of the session's own, where the child can have a /proc of its own. As slaves
 * the mounts stay the node's: what it unmounts is not kept busy here, and what is mounted here is seen nowhere else.
 */
static void go_to_node(const char *root)
{
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
        fail(SHIM, "there is no mount namespace to be had for the node's tools: %s", strerror(errno));
    if (chdir(root) || chroot("."))
        fail(SHIM, "the node's root %s cannot be entered: %s", root, strerror(errno));
}

/*
 * From the target's folder in /proc into its mount namespace and root, by descriptors: a recycled PID cannot be hit,
 * and since they open, it was still alive when the pidfd was opened, if it is the container's first process.
 */
static void go_in(struct session *session, const char *node_root)
{
    int mounts = open("ns/mnt", O_RDONLY | O_CLOEXEC);
    int root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);

    session->pids = open("ns/pid", O_RDONLY | O_CLOEXEC);
    if (mounts < 0 || root < 0 || session->pids < 0)
        fail(SHIM, "the container's namespaces or root cannot be opened, it may have ended: %s", strerror(errno));
    if (node_root) {
        go_to_node(node_root);
    } else {
        if (setns(mounts, CLONE_NEWNS))
            fail(SHIM, "the container's mount namespace cannot be joined: %s", strerror(errno));
        if (fchdir(root) || chroot("."))
            fail(SHIM, "the container's root cannot be entered: %s", strerror(errno));
    }
    close(mounts);
    close(root);
}

/*
 * The runtime gives its pipes to the user, so that /dev/stdout can be opened by name; where it cannot be, so be it. crun
 * gives them to the group, too, and in a user namespace all do: root's would be nobody's there.
 */
static void give_streams(const struct identity *identity, const struct users *users)
{
    uid_t uid = users_uid(users, identity->uid);
    int group = identity->own_users || identity->streams_group;
    gid_t gid = group ? users_gid(users, identity->gid) : (gid_t)-1;

    for (int fd = 0; fd < 3; fd++) {
        struct stat about;
        if (!fstat(fd, &about) && S_ISFIFO(about.st_mode) && fchown(fd, uid, gid))
            continue;
    }
}

/*
 * A stdin of nothing by the container's own /dev/null, where that is the null device (mem(4): major 1, minor 3): then
 * its name is the one that the container knows. Ours leads to the helper's mounts.
 */
static void take_null(int proc)
{
    int there = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC), fd = -1;
    struct stat about;

    if (there >= 0 && !fstat(there, &about) && S_ISCHR(about.st_mode) && about.st_rdev == makedev(1, 3))
        fd = open_again(proc, there, O_RDONLY);
    if (fd >= 0)
        dup2(fd, STDIN_FILENO);
    close(fd);
    close(there);
}

int enter(char **words)
{
    const char *cpus = words[0], *size = words[1], *lease = words[2], *kill_file = words[3], *first = words[4];
    const char *node_root = strcmp(words[5], "-") ? words[5] : NULL, *devices = words[6], *container = words[7];
    static struct session session;
    static struct identity identity;
    uint64_t bytes;
    int own_terminals, server = server_descriptor();

    begin_clean(&session, server, lease);
    if (!cpus_parse(cpus, &session.allowed))
        fail(SHIM, "'%s' is not a list of CPUs", cpus);
    if (!parse_number(size, 10, IDENTITY_MAX, &bytes) || bytes == 0)
        fail(IDENTITY, "an identity cannot have %s bytes", size);
    session.kill_file = strcmp(kill_file, "-") ? open(kill_file, O_WRONLY | O_CLOEXEC) : -1;
    if (session.kill_file < 0 && strcmp(kill_file, "-"))
        fail(SHIM, "%s cannot be opened: %s", kill_file, strerror(errno));
    identity_parse(read_identity(bytes, session.lease), bytes, &identity);
    session.identity = &identity;
    session.client = server < 0 || identity.with_stdin ? -1 : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    /* To be read and no more, as a runtime's exec has it. */
    if (!identity.with_stdin && (close(STDIN_FILENO) || open("/dev/null", O_RDONLY) != STDIN_FILENO))
        fail(SHIM, "stdin cannot be replaced: %s", strerror(errno));
    own_terminals = identity.with_terminal ? terminal_folder() : -1;
    /* Before anything of the container is opened: ours, too, is an access to whatever device may lie there. */
    devices_confine(identity.devices, devices, container);
    session.target = watch_target(first);
    session.own_proc = node_root != NULL;
    session.users.space = -1;
    if (!node_root)
        users_open(&session.users, identity.own_users, session.proc);
    go_in(&session, node_root);
    if (!identity.with_stdin)
        take_null(session.proc);
    identity_complete(&identity, session.proc);
    exec_env_merge(&identity); /* after HOME, which a runtime completes before any env(1) runs */
    if (identity.with_terminal)
        session.terminal =
            terminal_open(&identity, &session.users, node_root ? "node" : "container", own_terminals, session.proc);
    else
        give_streams(&identity, &session.users);
    return supervise(&session);
}
