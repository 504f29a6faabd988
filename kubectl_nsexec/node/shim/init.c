#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exec_env.h"
#include "server.h"
#include "report.h"
#include "session.h"

#define SHELL "/bin/sh"
/* Paths of the container end at chroot(2); by descriptors what lies there can still be named (proc_pid_fd(5)). */
#define RUN_DESCRIPTOR 7
#define PROGRAM_DESCRIPTOR 8
#define RUN "/proc/self/fd/7"
#define SHIM_PATH "/proc/self/fd/8/shim"
#define AGENT "/proc/self/fd/8/agent.sh"
#define SOCKET RUN "/server"
#define SERVER_TRIES 300 /* times 100 ms: another client of the same user may still be starting the helper */
#define GREETING 5     /* bytes of "hold\n" or "look\n" */
#define WORDS_MAX 64   /* of a session's command line */

static int is(const char *word, const char *name)
{
    return word && !strcmp(word, name);
}

/*
 * Fails, but says so only to somebody: what the main process says before its client has attached is lost. The client
 * greets it (agent/main.sh, hold) within PATIENCE, the fourth word.
 */
static _Noreturn void refuse(char **words, const char *why, int error)
{
    uint64_t seconds;
    char greeting[GREETING];

    if (is(words[0], "hold") && words[1] && words[2] && words[3] &&
        parse_number(words[3], 10, INT_MAX / 1000, &seconds)) {
        struct pollfd client = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&client, 1, (int)seconds * 1000) > 0 && read(STDIN_FILENO, greeting, GREETING) < 0)
            _exit(OWN_FAILURE);
    }
    fail("node", "%s: %s", why, strerror(error));
}

/* FOLDER/NAME as descriptor WANTED, for this program and all that it becomes. */
static int keep_open(const char *folder, const char *name, int wanted)
{
    char path[PATH_MAX];
    int fd, done;

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return -1;
    fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    done = fd < 0 ? -1 : dup2(fd, wanted);
    if (fd != wanted && fd >= 0)
        close(fd);
    return done;
}

/* Whatever the image says of signals, umask, user and groups. */
static int forget_image(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    umask(022);
    return setgroups(0, NULL) || setresgid(0, 0, 0) || setresuid(0, 0, 0) ? -1 : 0;
}

static int set_environment(const char *host, const char *pod_uid)
{
    return exec_env_only() || setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) || setenv("NSEXEC_HOST", host, 1) ||
           setenv("NSEXEC_RUN", RUN, 1) || setenv("NSEXEC_SHIM", SHIM_PATH, 1) || setenv("NSEXEC_POD_UID", pod_uid, 1);
}

/* Until the helper listens, or is known not to: then it is refused as one that has ended. */
static void await_server(void)
{
    struct stat about;

    for (int tries = 0; tries < SERVER_TRIES && (stat(SOCKET, &about) || !S_ISSOCK(about.st_mode)); tries++)
        poll(NULL, 0, 100);
}

/* ID IDLE held|- WORD... */
static int session(char **words)
{
    static char socket[] = SOCKET, shell[] = SHELL, agent[] = AGENT;
    char *arguments[WORDS_MAX + 6] = {socket, words[0], words[1], words[2], shell, agent};
    size_t count = 0;

    for (words += 3; words[count]; count++) {
        if (count + 1 == WORDS_MAX)
            return OWN_FAILURE;
        arguments[6 + count] = words[count];
    }
    await_server();
    return client_session(arguments);
}

static int lease(char *id)
{
    static char socket[] = SOCKET;
    char *arguments[] = {socket, id, NULL};

    await_server();
    return client_lease(arguments);
}

static int become(char **words)
{
    static char socket[] = SOCKET, shell[] = SHELL, agent[] = AGENT;
    char *end[] = {socket, NULL}, *command[WORDS_MAX + 2] = {shell, agent};
    size_t count = 0;

    if (is(words[0], "end"))
        return client_end(end);
    if (is(words[0], "lease") && words[2])
        return lease(words[2]);
    if (is(words[0], "session") && words[2] && words[3] && words[4] && words[5])
        return session(words + 2);
    for (; words[count]; count++) {
        if (count + 1 == WORDS_MAX)
            return OWN_FAILURE;
        command[2 + count] = words[count];
    }
    execv(shell, command);
    refuse(words, SHELL " of this node cannot be run", errno);
}

int init(char **words)
{
    const char *folder = words[0], *pod_uid = words[2];
    int of_node = is(words[1], "node"), nobodys = -1;
    char host[PATH_MAX];

    words += 3;
    if (words[1] && !report_as(words[1]))
        return OWN_FAILURE;
    if (exec_env_odd())
        fail("command", "something has put '%s' before the command of the helper pod", exec_env_odd());
    if (snprintf(host, sizeof host, "%s/node", folder) >= (int)sizeof host)
        refuse(words, "the node's root has too long a path", ENAMETOOLONG);
    close_all_but(&nobodys, 1);
    if (forget_image())
        refuse(words, "this process is not root in the helper container", errno);
    if (keep_open(folder, "run", RUN_DESCRIPTOR) < 0 || keep_open(folder, "program", PROGRAM_DESCRIPTOR) < 0)
        refuse(words, "the helper's own volumes cannot be opened", errno);
    if (of_node && (chdir(host) || chroot(".")))
        refuse(words, "the node's root cannot be entered", errno);
    if (chdir("/") || set_environment(of_node ? "" : host, pod_uid))
        refuse(words, "a root directory and an environment cannot be had", errno);
    return become(words);
}
