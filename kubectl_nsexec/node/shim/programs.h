/* BPF programs that decide about devices on cgroup v2 (BPF_PROG_TYPE_CGROUP_DEVICE, linux/bpf.h). */
#ifndef NSEXEC_PROGRAMS_H
#define NSEXEC_PROGRAMS_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_RULES_MAX 400
#define ANY_NUMBER (-1)

struct device_rule {
    int denies;
    int type, access; /* BPF_DEVCG_DEV_, BPF_DEVCG_ACC_ */
    int64_t major, minor; /* or ANY_NUMBER */
};

/*
 * From now on the COUNT RULES decide over the processes in FOLDER, a later one before an earlier, and EVERYTHING where no
 * rule matches; whatever the folders above allow is restricted further. 0, or another number and errno.
 */
int programs_decide(int folder, const struct device_rule *rules, size_t count, int everything);

/*
 * From now on the very programs decide over FOLDER that do over CONTAINER, a path. False when that has none of its own,
 * or when not all of them can be had (a kernel before 4.15, a security module): what was attached by then only restricts.
 */
int programs_take_over(int folder, const char *container);

#endif
