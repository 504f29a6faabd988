#define _GNU_SOURCE
#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSTRUCTIONS_PER_RULE 10
#define PROGRAMS_MAX 64 /* BPF_CGROUP_MAX_PROGS of the kernel */
#define EVERY_ACCESS (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

struct program {
    struct bpf_insn instructions[DEVICE_RULES_MAX * INSTRUCTIONS_PER_RULE + 16];
    size_t count;
};

enum { ANSWER = BPF_REG_0, CONTEXT = BPF_REG_1, TYPE = BPF_REG_2, ACCESS = BPF_REG_3, SCRATCH = BPF_REG_4 };

static void emit(struct program *program, int code, int to, int from, int offset, int32_t value)
{
    program->instructions[program->count++] = (struct bpf_insn){.code = (uint8_t)code,
                                                                .dst_reg = (uint8_t)(to & 15),
                                                                .src_reg = (uint8_t)(from & 15),
                                                                .off = (int16_t)offset,
                                                                .imm = value};
}

static void answer(struct program *program, int allowed)
{
    emit(program, BPF_ALU64 | BPF_MOV | BPF_K, ANSWER, 0, 0, allowed);
    emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void compare(struct program *program, int offset, int64_t number)
{
    if (number == ANY_NUMBER)
        return;
    /* Loaded anew for each rule: what a rule has found of it makes the kernel's check of the next one no longer. */
    emit(program, BPF_LDX | BPF_MEM | BPF_W, SCRATCH, CONTEXT, offset, 0);
    emit(program, BPF_JMP | BPF_JNE | BPF_K, SCRATCH, 0, 0, (int32_t)number);
}

/* The latest rule about a kind of access decides on it; ACCESS is what no later rule than this one has allowed. */
static void decide(struct program *program, const struct device_rule *rule)
{
    size_t begin = program->count;

    emit(program, BPF_JMP | BPF_JNE | BPF_K, TYPE, 0, 0, rule->type);
    compare(program, offsetof(struct bpf_cgroup_dev_ctx, major), rule->major);
    compare(program, offsetof(struct bpf_cgroup_dev_ctx, minor), rule->minor);
    if (rule->denies) {
        emit(program, BPF_ALU64 | BPF_MOV | BPF_X, SCRATCH, ACCESS, 0, 0);
        emit(program, BPF_ALU64 | BPF_AND | BPF_K, SCRATCH, 0, 0, rule->access);
        emit(program, BPF_JMP | BPF_JEQ | BPF_K, SCRATCH, 0, 0, 0);
    } else {
        emit(program, BPF_ALU64 | BPF_AND | BPF_K, ACCESS, 0, 0, EVERY_ACCESS & ~rule->access);
        emit(program, BPF_JMP | BPF_JNE | BPF_K, ACCESS, 0, 0, 0);
    }
    answer(program, !rule->denies);
    for (size_t at = begin; at < program->count; at++) { /* every jump leads past this rule */
        struct bpf_insn *instruction = program->instructions + at;
        if (BPF_CLASS(instruction->code) == BPF_JMP && BPF_OP(instruction->code) != BPF_EXIT)
            instruction->off = (int16_t)(program->count - at - 1);
    }
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
    attributes.license = (uint64_t)(uintptr_t)"Apache-2.0";
    /* Before Linux 5.11 programs count as locked memory of the user. */
    getrlimit(RLIMIT_MEMLOCK, &before);
    setrlimit(RLIMIT_MEMLOCK, &plenty);
    fd = bpf(BPF_PROG_LOAD, &attributes);
    error = errno;
    setrlimit(RLIMIT_MEMLOCK, &before);
    errno = error;
    return fd;
}

/* It restricts further whatever the folders above allow. */
static int attach(int folder, int program)
{
    union bpf_attr attributes = {0};

    attributes.target_fd = (uint32_t)folder;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.attach_flags = BPF_F_ALLOW_MULTI;
    return bpf(BPF_PROG_ATTACH, &attributes);
}

int programs_decide(int folder, const struct device_rule *rules, size_t count, int everything)
{
    static struct program program;
    int fd, refused;

    program.count = 0;
    emit(&program, BPF_LDX | BPF_MEM | BPF_W, TYPE, CONTEXT, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
    emit(&program, BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, TYPE, 0, 0);
    emit(&program, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
    emit(&program, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
    while (count > 0)
        decide(&program, rules + --count);
    answer(&program, everything);
    fd = load(&program);
    refused = fd < 0 || attach(folder, fd);
    if (fd >= 0)
        close(fd);
    return refused;
}

struct programs {
    uint32_t ids[PROGRAMS_MAX], count;
};

/* Those that decide over the processes in FOLDER, those of the folders above among them; false and errno when unknown. */
static int effective(int folder, struct programs *programs)
{
    union bpf_attr attributes = {0};

    attributes.query.target_fd = (uint32_t)folder;
    attributes.query.attach_type = BPF_CGROUP_DEVICE;
    attributes.query.query_flags = BPF_F_QUERY_EFFECTIVE;
    attributes.query.prog_ids = (uint64_t)(uintptr_t)programs->ids;
    attributes.query.prog_cnt = PROGRAMS_MAX;
    if (bpf(BPF_PROG_QUERY, &attributes))
        return 0;
    programs->count = attributes.query.prog_cnt;
    return 1;
}

static int among(uint32_t id, const struct programs *programs)
{
    for (uint32_t i = 0; i < programs->count; i++)
        if (programs->ids[i] == id)
            return 1;
    return 0;
}

static int attach_again(int folder, uint32_t id)
{
    union bpf_attr attributes = {0};
    int fd, done;

    attributes.prog_id = id;
    fd = bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
    done = fd >= 0 && !attach(folder, fd);
    close(fd);
    return done;
}

int programs_take_over(int folder, const char *container)
{
    struct programs theirs, ours;
    uint32_t taken = 0;
    int fd = open(container, O_RDONLY | O_DIRECTORY | O_CLOEXEC), known;

    known = fd >= 0 && effective(fd, &theirs) && effective(folder, &ours);
    close(fd);
    for (uint32_t i = 0; known && i < theirs.count; i++)
        if (!among(theirs.ids[i], &ours)) {
            known = attach_again(folder, theirs.ids[i]);
            taken++;
        }
    return known && taken;
}
