#define _GNU_SOURCE
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpus.h"

static char nonce[129];

int report_as(const char *word)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(word);

    if (length < 1 || length > 128 || strspn(word, safe) != length)
        return 0;
    memcpy(nonce, word, length + 1);
    return 1;
}

int write_all(int fd, const void *data, size_t size)
{
    const char *next = data;

    while (size > 0) {
        ssize_t written = write(fd, next, size);
        if (written >= 0) {
            next += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN) {
            /* The other end made the pipe non-blocking: wait for room. */
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            if (poll(&room, 1, -1) < 0 && errno != EINTR)
                return errno;
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

int report_start(int pid, const char *mask, const char *tty)
{
    static char line[64 * 1024]; /* a list of 8192 CPUs, every second one, is 20 KB */
    int length = snprintf(line, sizeof line, "%s {\"event\":\"start\",\"pid\":%d,\"mask\":\"%s\",\"tty\":\"%s\"}\n",
                          nonce, pid, mask, tty);

    if (length < 0 || (size_t)length >= sizeof line)
        return EOVERFLOW;
    return write_all(STDOUT_FILENO, line, (size_t)length);
}

void report_exit_marker(int fd, int status)
{
    char line[256]; /* less than PIPE_BUF: a pipe with room takes it whole */
    int length = snprintf(line, sizeof line, "%c%s {\"event\":\"ended\",\"status\":%d}\n", 0, nonce, status);

    if (length > 0 && (size_t)length < sizeof line)
        write_all(fd, line, (size_t)length);
}

int report_held(void)
{
    static char line[64 * 1024], mask[CPU_TEXT]; /* as above */
    struct cpus cpus;
    int error = cpus_of(getpid(), &cpus), length;

    if (error)
        return error;
    cpus_print(&cpus, mask);
    length = snprintf(line, sizeof line, "%s {\"event\":\"held\",\"mask\":\"%s\",\"cgroup\":\"\",\"pin\":\"folder\"}\n",
                      nonce, mask);
    if (length < 0 || (size_t)length >= sizeof line)
        return EOVERFLOW;
    return write_all(STDOUT_FILENO, line, (size_t)length);
}

/* JSON (RFC 8259) wants UTF-8; a path of the container may be anything, so every odd byte goes as an escape. */
static size_t escape(char *out, size_t room, const char *text)
{
    size_t used = 0;

    for (const unsigned char *c = (const unsigned char *)text; *c && used + 7 < room; c++) {
        if (*c == '"' || *c == '\\')
            used += (size_t)sprintf(out + used, "\\%c", *c);
        else if (*c < 0x20 || *c > 0x7e)
            used += (size_t)sprintf(out + used, "\\u%04x", *c);
        else
            out[used++] = (char)*c;
    }
    out[used] = 0;
    return used;
}

_Noreturn void fail(const char *code, const char *format, ...)
{
    char message[1024], escaped[7 * sizeof message], line[sizeof escaped + 256];
    va_list arguments;
    int length;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    escape(escaped, sizeof escaped, message);
    length = snprintf(line, sizeof line, "%s {\"event\":\"error\",\"code\":\"%s\",\"message\":\"%s\"}\n", nonce, code,
                      escaped);
    if (length > 0 && (size_t)length < sizeof line)
        write_all(STDOUT_FILENO, line, (size_t)length);
    _exit(OWN_FAILURE);
}

int open_again(int proc, int there, int flags)
{
    char name[32];

    snprintf(name, sizeof name, "self/fd/%d", there);
    return openat(proc, name, flags | O_CLOEXEC | O_NOCTTY);
}

int parse_number(const char *text, int base, uint64_t limit, uint64_t *number)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;

    if (!*text)
        return 0;
    for (; *text; text++) {
        const char *digit = memchr(digits, *text, (size_t)base);
        uint64_t units;
        if (!digit)
            return 0;
        units = (uint64_t)(digit - digits);
        if (value > (UINT64_MAX - units) / (uint64_t)base)
            return 0;
        value = value * (uint64_t)base + units;
    }
    *number = value;
    return value <= limit;
}
