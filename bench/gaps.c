/*
 * A busy loop that records what it loses: every gap between two looks at the clock that is longer than GAP_NS.
 *
 * Usage: gaps FILE. FILE is a page of shared memory (struct record below, little-endian u64 throughout; bench/record.py
 * knows the same layout). The reader names the phase in it and reads the numbers from it, so that neither starting a
 * phase nor reading it makes this process do anything but look at the same word of memory as ever.
 *
 * run_delay (proc(5), /proc/PID/schedstat) is the time that this process was runnable and another task had the CPU. It
 * tells what a neighbour on this CPU took from what interrupts and the hypervisor took.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define GAP_NS 10000ULL
#define LONG_GAP_NS 1000000ULL
#define SLOTS 64ULL
#define REST UINT64_MAX

struct slot {
    uint64_t elapsed_ns, gaps, lost_ns, longest_ns, long_gaps, long_gaps_by_tasks, run_delay_ns;
};

struct record {
    volatile uint64_t wanted;    /* written by the reader: a slot to record into, or REST to sleep */
    volatile uint64_t recording; /* what it is at: slots other than this one are complete */
    struct slot slots[SLOTS];
};

static int schedstat;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static uint64_t run_delay_ns(void)
{
    char text[96];
    unsigned long long on_cpu, delay;
    ssize_t length = pread(schedstat, text, sizeof text - 1, 0);

    if (length <= 0)
        return 0;
    text[length] = '\0';
    return sscanf(text, "%llu %llu", &on_cpu, &delay) == 2 ? delay : 0;
}

/* Records into the slot until another one is wanted. */
static void watch(struct record *record, struct slot *slot, uint64_t wanted)
{
    uint64_t first_delay = run_delay_ns(), delay = first_delay, begin = now_ns(), last = begin;

    while (record->wanted == wanted) {
        uint64_t now = now_ns(), gap = now - last;

        last = now;
        if (gap <= GAP_NS)
            continue;
        slot->gaps++;
        slot->lost_ns += gap;
        if (gap > slot->longest_ns)
            slot->longest_ns = gap;
        if (gap > LONG_GAP_NS) {
            uint64_t delay_now = run_delay_ns();

            slot->long_gaps++;
            slot->long_gaps_by_tasks += (delay_now - delay) * 2 > gap;
            delay = delay_now;
            last = now_ns(); /* our own reading is not counted */
        }
    }
    slot->elapsed_ns = now_ns() - begin;
    slot->run_delay_ns = run_delay_ns() - first_delay;
}

int main(int argc, char **argv)
{
    const struct timespec nap = {.tv_nsec = 20000000};
    int file = argc == 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
    struct record *record;

    schedstat = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
    if (file < 0 || schedstat < 0) {
        perror("gaps FILE");
        return EXIT_FAILURE;
    }
    record = mmap(NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0);
    if (record == MAP_FAILED) {
        perror("gaps: memory");
        return EXIT_FAILURE;
    }
    for (;;) {
        uint64_t wanted = record->wanted;

        record->recording = wanted;
        if (wanted < SLOTS)
            watch(record, &record->slots[wanted], wanted);
        else
            nanosleep(&nap, NULL);
    }
}
