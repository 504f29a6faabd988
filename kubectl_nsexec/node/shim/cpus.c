#define _GNU_SOURCE
#include "cpus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORD (8 * sizeof(unsigned long))

static int has(const struct cpus *set, unsigned cpu)
{
    return set->bits[cpu / WORD] >> cpu % WORD & 1;
}

/* A number below CPU_LIMIT at *TEXT, which moves behind it; -1 when there is none. */
static int cpu_at(const char **text)
{
    int cpu = -1;

    for (; **text >= '0' && **text <= '9'; (*text)++) {
        cpu = (cpu < 0 ? 0 : cpu * 10) + (**text - '0');
        if (cpu >= CPU_LIMIT)
            return -1;
    }
    return cpu;
}

int cpus_parse(const char *text, struct cpus *set)
{
    memset(set, 0, sizeof *set);
    if (!*text || !strcmp(text, "\n"))
        return 1;
    for (;;) {
        int first = cpu_at(&text), last = first;
        if (*text == '-') {
            text++;
            last = cpu_at(&text);
        }
        if (first < 0 || last < first)
            return 0;
        for (unsigned cpu = (unsigned)first; cpu <= (unsigned)last; cpu++)
            set->bits[cpu / WORD] |= 1UL << cpu % WORD;
        if (*text != ',')
            return !*text || !strcmp(text, "\n");
        text++;
    }
}

int cpus_of(pid_t pid, struct cpus *set)
{
    memset(set, 0, sizeof *set);
    /* The raw call takes any size that holds the kernel's own; libc's type stops at 1024 CPUs. */
    return syscall(SYS_sched_getaffinity, pid, sizeof set->bits, set->bits) < 0 ? errno : 0;
}

int cpus_within(const struct cpus *set, const struct cpus *limit)
{
    unsigned long any = 0;

    for (size_t i = 0; i < sizeof set->bits / sizeof *set->bits; i++) {
        if (set->bits[i] & ~limit->bits[i])
            return 0;
        any |= set->bits[i];
    }
    return any != 0;
}

int cpus_equal(const struct cpus *one, const struct cpus *other)
{
    return !memcmp(one->bits, other->bits, sizeof one->bits);
}

void cpus_print(const struct cpus *set, char *text)
{
    const char *comma = "";

    *text = 0;
    for (unsigned cpu = 0; cpu < CPU_LIMIT; cpu++) {
        unsigned last = cpu;
        if (!has(set, cpu))
            continue;
        while (last + 1 < CPU_LIMIT && has(set, last + 1))
            last++;
        text += sprintf(text, last > cpu ? "%s%u-%u" : "%s%u", comma, cpu, last);
        comma = ",";
        cpu = last;
    }
}
