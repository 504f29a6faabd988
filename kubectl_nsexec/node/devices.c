#define _GNU_SOURCE
#include "devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "report.h"

#define RULES_MAX 400
#define RULE_ROOM 64
#define INSTRUCTIONS_PER_RULE 9
#define ANY (-1)
#define ALL_ACCESS (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

struct rule {
    int type, access; /* BPF_DEVCG_DEV_, BPF_DEVCG_ACC_ */
    int64_t major, minor; /* or ANY */
};

struct program {
    struct bpf_insn instructions[RULES_MAX * INSTRUCTIONS_PER_RULE + 16];
    size_t count;
};

static int parse_device(const char *text, int64_t *number)
{
    uint64_t value = 0;
    int any = !strcmp(text, "*");

    if (!any && !parse_number(text, 10, INT32_MAX, &value))
        return 0;
    *number = any ? ANY : (int64_t)value;
    return 1;
}

/* 0 when it is none. */
static int parse_access(const char *text)
{
    int access = 0;

    for (; *text; text++)
        switch (*text) {
        case 'r': access |= BPF_DEVCG_ACC_READ; break;
        case 'w': access |= BPF_DEVCG_ACC_WRITE; break;
        case 'm': access |= BPF_DEVCG_ACC_MKNOD; break;
        default: return 0;
        }
    return access;
}

static struct rule parse_rule(const char *text)
{
    char words[RULE_ROOM], *rest = words, *type, *major, *minor;
    struct rule rule = {.access = 0};

    strcpy(words, text);
    type = strsep(&rest, " ");
    major = strsep(&rest, ":");
    minor = strsep(&rest, " ");
    if (rest && parse_device(major, &rule.major) && parse_device(minor, &rule.minor))
        rule.access = parse_access(rest);
    rule.type = !strcmp(type, "b") ? BPF_DEVCG_DEV_BLOCK : !strcmp(type, "c") ? BPF_DEVCG_DEV_CHAR : 0;
    if (!rule.access || !rule.type)
        fail(IDENTITY, "bad rule for devices: '%s'", text);
    return rule;
}

/* The next of RULES (see devices.h) into ROOM, and where the one after it begins; NULL after the last. */
static const char *next_rule(const char *rules, char room[RULE_ROOM])
{
    size_t length = strcspn(rules, ",");

    if (!*rules)
        return NULL;
    if (length >= RULE_ROOM)
        fail(IDENTITY, "bad rule for devices: '%.64s'", rules);
    memcpy(room, rules, length);
    room[length] = 0;
    return rules + length + (rules[length] == ',');
}

/* --- cgroup v1: words for the kernel --- */

static void put(int folder, const char *file, const char *text)
{
    int fd = openat(folder, file, O_WRONLY | O_CLOEXEC), error;

    error = fd < 0 ? errno : write_all(fd, text, strlen(text));
    if (error)
        fail(IDENTITY, "the container's devices cannot be had: '%s' for %s: %s", text, file, strerror(error));
    close(fd);
}

static void allow_by_words(int folder, const char *rules)
{
    char rule[RULE_ROOM];

    put(folder, "devices.deny", "a");
    while ((rules = next_rule(rules, rule))) {
        parse_rule(rule);
        put(folder, "devices.allow", rule);
    }
}

/* --- cgroup v2: a program (BPF_PROG_TYPE_CGROUP_DEVICE, struct bpf_cgroup_dev_ctx in linux/bpf.h) --- */

enum { ANSWER = BPF_REG_0, SCRATCH = BPF_REG_1, TYPE = BPF_REG_2, ACCESS = BPF_REG_3, MAJOR = BPF_REG_4, MINOR = BPF_REG_5 };

static void emit(struct program *program, int code, int to, int from, int offset, int32_t value)
{
    program->instructions[program->count++] =
        (struct bpf_insn){.code = (uint8_t)code, .dst_reg = (uint8_t)(to & 15), .src_reg = (uint8_t)(from & 15),
                          .off = (int16_t)offset, .imm = value};
}

static void answer(struct program *program, int allowed)
{
    emit(program, BPF_ALU64 | BPF_MOV | BPF_K, ANSWER, 0, 0, allowed);
    emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void allow(struct program *program, const struct rule *rule)
{
    size_t begin = program->count;

    emit(program, BPF_JMP | BPF_JNE | BPF_K, TYPE, 0, 0, rule->type);
    emit(program, BPF_ALU64 | BPF_MOV | BPF_X, SCRATCH, ACCESS, 0, 0);
    emit(program, BPF_ALU64 | BPF_AND | BPF_K, SCRATCH, 0, 0, ALL_ACCESS & ~rule->access);
    emit(program, BPF_JMP | BPF_JNE | BPF_K, SCRATCH, 0, 0, 0); /* more is asked for than the rule allows */
    if (rule->major != ANY)
        emit(program, BPF_JMP | BPF_JNE | BPF_K, MAJOR, 0, 0, (int32_t)rule->major);
    if (rule->minor != ANY)
        emit(program, BPF_JMP | BPF_JNE | BPF_K, MINOR, 0, 0, (int32_t)rule->minor);
    answer(program, 1);
    for (size_t at = begin; at < program->count; at++)
        if (BPF_OP(program->instructions[at].code) == BPF_JNE && BPF_CLASS(program->instructions[at].code) == BPF_JMP)
            program->instructions[at].off = (int16_t)(program->count - at - 1);
}

static int bpf(int command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int load(const struct program *program)
{
    union bpf_attr attributes = {0};
    struct rlimit before, plenty = {RLIM_INFINITY, RLIM_INFINITY};
    int fd, error;

    attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attributes.insns = (uint64_t)(uintptr_t)program->instructions;
    attributes.insn_cnt = (uint32_t)program->count;
    attributes.license = (uint64_t)(uintptr_t) "Apache-2.0";
    /* Before Linux 5.11 programs count as locked memory of the user. */
    getrlimit(RLIMIT_MEMLOCK, &before);
    setrlimit(RLIMIT_MEMLOCK, &plenty);
    fd = bpf(BPF_PROG_LOAD, &attributes);
    error = errno;
    setrlimit(RLIMIT_MEMLOCK, &before);
    errno = error;
    return fd;
}

static void allow_by_program(int folder, const char *rules)
{
    static struct program program;
    union bpf_attr attributes = {0};
    int fd, count = 0;
    char rule[RULE_ROOM];

    emit(&program, BPF_LDX | BPF_MEM | BPF_W, TYPE, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
    emit(&program, BPF_LDX | BPF_MEM | BPF_W, MAJOR, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
    emit(&program, BPF_LDX | BPF_MEM | BPF_W, MINOR, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
    emit(&program, BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, TYPE, 0, 0);
    emit(&program, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
    emit(&program, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
    while ((rules = next_rule(rules, rule))) {
        struct rule parsed = parse_rule(rule);
        if (++count > RULES_MAX)
            fail(IDENTITY, "more than %d rules for devices", RULES_MAX);
        allow(&program, &parsed);
    }
    answer(&program, 0);
    fd = load(&program);
    attributes.target_fd = (uint32_t)folder;
    attributes.attach_bpf_fd = (uint32_t)fd;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.attach_flags = BPF_F_ALLOW_MULTI; /* it restricts further whatever the folders above allow */
    if (fd < 0 || bpf(BPF_PROG_ATTACH, &attributes))
        fail(IDENTITY, "the container's devices cannot be had, a BPF program is refused: %s", strerror(errno));
    close(fd);
}

void devices_confine(const char *rules, const char *folder)
{
    int fd;

    if (!strcmp(rules, DEVICES_ALL))
        return;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fail(IDENTITY, "the cgroup folder %s for the container's devices cannot be opened: %s", folder, strerror(errno));
    if (faccessat(fd, "devices.deny", F_OK, 0))
        allow_by_program(fd, rules);
    else
        allow_by_words(fd, rules);
    close(fd);
}
