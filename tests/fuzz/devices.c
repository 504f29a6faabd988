/* devices_confine(): rules as text, to words for cgroup v1 and to a BPF program for v2; no kernel is asked. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "devices.h"
#include "fuzz.h"
#include "programs.h"

#define FD 1000000 /* no descriptor: nothing here may reach the kernel by it */

static int version;

int fake_open(const char *path, int flags, ...)
{
    (void)path, (void)flags;
    return FD;
}

int fake_openat(int folder, const char *path, int flags, ...)
{
    if (folder != FD || strncmp(path, "devices.", 8) || flags != (O_WRONLY | O_CLOEXEC))
        broken("it opens something else");
    return FD;
}

int fake_faccessat(int folder, const char *path, int mode, int flags)
{
    (void)folder, (void)path, (void)mode, (void)flags;
    return version == 1 ? 0 : -1;
}

int fake_close(int fd)
{
    return fd == FD ? 0 : -1;
}

/* What the kernel is told on v1: a rule, or all of them. */
int fake_write_all(int fd, const void *data, size_t size)
{
    const char *text = data;

    if (fd != FD || size == 0 || size > 64 || !strchr("abc", *text) || memchr(text, ',', size) || memchr(text, 0, size))
        broken("the kernel is told what is no rule");
    return 0;
}

/* A program: every jump stays in it, and it ends. */
static void look_at(const struct bpf_insn *instructions, uint32_t count)
{
    for (uint32_t at = 0; at < count; at++)
        if (BPF_CLASS(instructions[at].code) == BPF_JMP && BPF_OP(instructions[at].code) != BPF_EXIT &&
            (instructions[at].off < 0 || at + 1 + (uint32_t)instructions[at].off >= count))
            broken("a jump leads out of the program");
    if (!count || instructions[count - 1].code != (BPF_JMP | BPF_EXIT))
        broken("the program does not end");
}

long fake_syscall(long number, ...)
{
    union bpf_attr *attributes;
    va_list arguments;
    int command;

    va_start(arguments, number);
    command = va_arg(arguments, int);
    attributes = va_arg(arguments, union bpf_attr *);
    va_end(arguments);
    if (number != SYS_bpf)
        broken("another system call");
    if (command == BPF_PROG_LOAD)
        look_at((const struct bpf_insn *)(uintptr_t)attributes->insns, attributes->insn_cnt);
    errno = EPERM;
    return command == BPF_PROG_QUERY ? -1 : command == BPF_PROG_LOAD ? FD : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *volatile rules;

    for (version = 1; version <= 2; version++) {
        rules = malloc(size + 1);
        memcpy(rules, data, size);
        rules[size] = 0;
        if (!setjmp(refused))
            devices_confine(rules, "folder", "container");
        free(rules);
    }
    return 0;
}
