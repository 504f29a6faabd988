/* fail() and calloc() of the code under test: a process that ends with each refusal would be no fuzz target. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "report.h"

#define TAKEN_MAX 64

jmp_buf refused;
static void *taken[TAKEN_MAX];
static size_t taken_count;

_Noreturn void fail(const char *code, const char *format, ...)
{
    char message[1024]; /* as in report.c */
    va_list arguments;

    (void)code;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    longjmp(refused, 1);
}

void *tracked_calloc(size_t count, size_t size)
{
    void *room = calloc(count, size);

    if (taken_count == TAKEN_MAX)
        broken("it takes memory without an end");
    taken[taken_count++] = room;
    return room;
}

void forget(void)
{
    while (taken_count)
        free(taken[--taken_count]);
}
