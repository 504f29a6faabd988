/*
 * Runs a fuzz target on inputs that it makes from a corpus: SECONDS SEED CRASH FILE...
 *
 * The target is one function, named as libFuzzer has it. Its sources are compiled with -fsanitize-coverage=trace-pc (gcc's
 * documentation, "Instrumentation Options"), so that an input which gets somewhere new is kept to make others from. With
 * the same SEED the inputs are the same. With SECONDS 0 each FILE is run once. What ends the process (a sanitizer, a check
 * of the target's, an input that takes too long) leaves its input in the file CRASH.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX 4096
#define POOL_MAX 4096
#define EDGES (1 << 16)
#define HANG_SECONDS 20

void __sanitizer_set_death_callback(void (*callback)(void));

struct input {
    size_t size;
    unsigned char bytes[INPUT_MAX];
};

static struct input pool[POOL_MAX], now;
static size_t pooled;
static unsigned char seen[EDGES], hit[EDGES];
static unsigned touched[EDGES], touched_count;
static uint64_t state;
static uintptr_t last;
static const char *crash_file;

/* Called at every basic block of the target; a pair of them is an edge. */
void __sanitizer_cov_trace_pc(void)
{
    uintptr_t here = (uintptr_t)__builtin_return_address(0);
    unsigned edge = (unsigned)((here ^ last << 1) * UINT64_C(0x9e3779b97f4a7c15) >> 48);

    last = here;
    if (!hit[edge])
        touched[touched_count++] = edge;
    hit[edge] += hit[edge] < 255;
}

static void leave_input(void)
{
    int fd = open(crash_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd >= 0 && write(fd, now.bytes, now.size) == (ssize_t)now.size)
        close(fd);
}

void broken(const char *what)
{
    leave_input();
    fprintf(stderr, "broken: %s\n", what);
    _exit(1);
}

static void hangs(int number)
{
    static const char what[] = "broken: one input takes too long\n";

    (void)number;
    leave_input();
    _exit(write(STDERR_FILENO, what, sizeof what - 1) > 0 ? 1 : 2);
}

/* xorshift64* */
uint64_t chance(uint64_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(0x2545f4914f6cdd1d) % below;
}

/* Runs the input of this moment; true when it has been where none was before. */
static int run(void)
{
    int news = 0;

    touched_count = 0;
    last = 0;
    LLVMFuzzerTestOneInput(now.bytes, now.size);
    for (unsigned i = 0; i < touched_count; i++) {
        unsigned edge = touched[i], often = 1U << (31 - __builtin_clz(hit[edge])); /* 1, 2, 4 ... 128 times or more */

        news |= !(seen[edge] & often);
        seen[edge] |= (unsigned char)often;
        hit[edge] = 0;
    }
    return news;
}

static void keep(void)
{
    if (pooled < POOL_MAX)
        pool[pooled++] = now;
}

static void put_in(size_t at, const void *bytes, size_t size)
{
    if (now.size + size > INPUT_MAX)
        return;
    memmove(now.bytes + at + size, now.bytes + at, now.size - at);
    memcpy(now.bytes + at, bytes, size);
    now.size += size;
}

static void take_out(size_t at, size_t size)
{
    memmove(now.bytes + at, now.bytes + at + size, now.size - at - size);
    now.size -= size;
}

static void mutate(void)
{
    static const char *const words[] = {"-1", "0", "255", "256", "4294967295", "18446744073709551616",
                                        ",",  ":", "=",   " ",   "a"};
    static const unsigned char edges[] = {0, 1, 3, 4, 127, 128, 254, 255};
    const struct input *other = pool + chance(pooled);
    size_t at = chance(now.size + 1), size = now.size > at ? 1 + chance(now.size - at) : 0;
    const char *word = words[chance(sizeof words / sizeof *words)];

    switch (chance(8)) {
    case 0:
        if (size)
            now.bytes[at] ^= (unsigned char)(1 << chance(8));
        break;
    case 1:
        if (size)
            now.bytes[at] = edges[chance(sizeof edges)];
        break;
    case 2:
        if (size)
            now.bytes[at] = (unsigned char)chance(256);
        break;
    case 3:
        if (size)
            take_out(at, chance(4) ? 1 + chance(size < 16 ? size : 16) : size);
        break;
    case 4: put_in(at, edges + chance(sizeof edges), 1); break;
    case 5: put_in(at, word, strlen(word)); break;
    case 6:
        if (other->size) { /* a piece of another one */
            size_t from = chance(other->size);
            put_in(at, other->bytes + from, 1 + chance(other->size - from));
            break;
        }
        break;
    default:
        if (size) { /* a piece of its own, again */
            unsigned char copy[INPUT_MAX];
            memcpy(copy, now.bytes + at, size);
            put_in(chance(now.size + 1), copy, size);
        }
    }
}

static void load(const char *file)
{
    FILE *stream = fopen(file, "rb");

    if (!stream) {
        perror(file);
        exit(2);
    }
    now.size = fread(now.bytes, 1, INPUT_MAX, stream);
    fclose(stream);
}

int main(int count, char **words)
{
    uint64_t runs = 0, edges = 0;
    time_t end;

    if (count < 5)
        return 2;
    end = time(NULL) + atoi(words[1]);
    state = strtoull(words[2], NULL, 10) * 2 + 1;
    crash_file = words[3];
    __sanitizer_set_death_callback(leave_input);
    signal(SIGALRM, hangs);
    for (int i = 4; i < count; i++) {
        alarm(HANG_SECONDS);
        load(words[i]);
        run();
        keep();
    }
    for (; atoi(words[1]) && (runs % 256 || time(NULL) < end); runs++) {
        if (runs % 256 == 0)
            alarm(HANG_SECONDS);
        now = pool[chance(pooled)];
        for (uint64_t i = 1 + chance(6); i > 0; i--)
            mutate();
        if (run())
            keep();
    }
    for (int i = 0; i < EDGES; i++)
        edges += seen[i] != 0;
    printf("%llu inputs, %zu kept, %llu edges\n", (unsigned long long)runs, pooled, (unsigned long long)edges);
    return 0;
}
