/* A terminal's frames: keys and window sizes, in pieces of any size, against a reader that knows them all at once. */
#include "../../kubectl_nsexec/node/shim/terminal.c"

#include <stdarg.h>
#include <stdlib.h>

#include "fuzz.h"

#define DEVICE 1000000 /* stands for the terminal, which is no descriptor here */

static const uint8_t *sent;
static size_t left, done_size;
static uint8_t done[16384]; /* what the terminal was given: its bytes after 'd', a size after 'w' */

ssize_t fake_read(int fd, void *place, size_t size)
{
    size_t count = chance(2) ? size : 1 + chance(size);

    if (fd != STDIN_FILENO || !size)
        broken("it reads from something else, or nothing");
    count = count > left ? left : count;
    memcpy(place, sent, count);
    sent += count;
    left -= count;
    return (ssize_t)count;
}

static void note(const void *data, size_t size)
{
    if (done_size + size > sizeof done)
        broken("the terminal is given more than was sent");
    memcpy(done + done_size, data, size);
    done_size += size;
}

ssize_t fake_write(int fd, const void *data, size_t size)
{
    size_t count = 1 + chance(size < 1 ? 1 : size);

    if (fd != DEVICE || !size)
        broken("it writes to something else, or nothing");
    if (chance(4) == 0) {
        errno = EAGAIN;
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        note("d", 1);
        note((const uint8_t *)data + i, 1);
    }
    return (ssize_t)count;
}

int fake_ioctl(int fd, unsigned long request, ...)
{
    const struct winsize *size;
    va_list arguments;

    va_start(arguments, request);
    size = va_arg(arguments, const struct winsize *);
    va_end(arguments);
    if (fd != DEVICE || request != TIOCSWINSZ)
        broken("it asks something else of the terminal");
    note("w", 1);
    note(&size->ws_row, sizeof size->ws_row);
    note(&size->ws_col, sizeof size->ws_col);
    return 0;
}

static size_t expect(const uint8_t *data, size_t size, uint8_t *out)
{
    size_t at = 0, count = 0;

    while (size - at >= HEADER) {
        size_t length = (size_t)data[at + 1] << 8 | data[at + 2];
        uint8_t kind = data[at];

        at += HEADER;
        if (kind == 'd') {
            for (; length && at < size; length--, at++) {
                out[count++] = 'd';
                out[count++] = data[at];
            }
        } else if (kind == 'w' && length == WINDOW && size - at >= WINDOW) {
            unsigned short window[] = {(unsigned short)(data[at] << 8 | data[at + 1]),
                                       (unsigned short)(data[at + 2] << 8 | data[at + 3])};
            out[count++] = 'w';
            memcpy(out + count, window, sizeof window);
            count += sizeof window;
            at += WINDOW;
        } else {
            break;
        }
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t wanted[16384];
    struct terminal *terminal = calloc(1, sizeof *terminal);
    size_t count = expect(data, size, wanted);

    sent = data;
    left = size;
    done_size = 0;
    terminal->master = terminal->slave = DEVICE;
    terminal->started = 1;
    for (;;) {
        struct pollfd sources[TERMINAL_SOURCES];

        terminal_await(terminal, sources);
        sources[CLIENT_IN].revents = sources[CLIENT_IN].fd == STDIN_FILENO ? POLLIN : 0;
        sources[CLIENT_OUT].revents = 0;
        sources[MASTER].revents = sources[MASTER].events & POLLOUT;
        if (!sources[CLIENT_IN].revents && !sources[MASTER].revents)
            break;
        terminal_move(terminal, sources);
    }
    if (done_size != count || memcmp(done, wanted, count))
        broken("the terminal is not given what was sent");
    free(terminal);
    return 0;
}
