/* Sets of CPUs in the kernel's list syntax (cpuset(7), "List format"): "0-3,8". */
#ifndef NSEXEC_CPUS_H
#define NSEXEC_CPUS_H

#include <sys/types.h>

#define CPU_LIMIT 8192 /* the most that Linux can be built for */
#define CPU_TEXT (5 * CPU_LIMIT)

struct cpus {
    unsigned long bits[CPU_LIMIT / (8 * sizeof(unsigned long))];
};

/* False when TEXT is not a list of CPUs below CPU_LIMIT; a trailing newline is allowed, so is an empty list. */
int cpus_parse(const char *text, struct cpus *set);
/* The CPUs that the scheduler allows PID (sched_getaffinity(2)); 0 or errno. */
int cpus_of(pid_t pid, struct cpus *set);
/* True when SET is not empty and inside LIMIT. */
int cpus_within(const struct cpus *set, const struct cpus *limit);
int cpus_equal(const struct cpus *one, const struct cpus *other);
/* As the kernel prints it; TEXT has room for CPU_TEXT bytes. */
void cpus_print(const struct cpus *set, char *text);

#endif
