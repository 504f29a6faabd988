/* The guard's frames: what the client sends, in pieces of any size, against a reader that knows it all at once. */
#define _GNU_SOURCE
#include "frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define SESSION 1000000 /* stands for the session's stdin, which is no descriptor here */

static const uint8_t *sent;
static size_t left, given_size;
static uint8_t given[8192];
static int closed;

static size_t piece(size_t most)
{
    return 1 + chance(most < 1 ? 1 : most);
}

ssize_t fake_read(int fd, void *room, size_t size)
{
    size_t count = piece(size);

    if (fd != STDIN_FILENO || !size)
        broken("it reads from something else, or nothing");
    count = count > size ? size : count;
    count = count > left ? left : count;
    if (count && chance(8) == 0) {
        errno = chance(2) ? EAGAIN : EINTR;
        return -1;
    }
    memcpy(room, sent, count);
    sent += count;
    left -= count;
    return (ssize_t)count;
}

ssize_t fake_write(int fd, const void *data, size_t size)
{
    size_t count = piece(size);

    if (fd != SESSION || closed || !size)
        broken("it writes to something else, or nothing, or what is closed");
    if (chance(8) == 0) {
        errno = EAGAIN;
        return -1;
    }
    count = count > size ? size : count;
    if (given_size + count > sizeof given)
        broken("the session is given more than was sent");
    memcpy(given + given_size, data, count);
    given_size += count;
    return (ssize_t)count;
}

int fake_close(int fd)
{
    if (fd != SESSION || closed)
        broken("it closes something else, or twice");
    closed = 1;
    return 0;
}

/* What the session has to be given; whether its stdin is to be closed. */
static size_t expect(const uint8_t *data, size_t size, uint8_t *out, int *ends)
{
    size_t at = 0, count = 0;

    *ends = 0;
    while (size - at >= HEADER) {
        size_t length = (size_t)data[at + 1] << 16 | (size_t)data[at + 2] << 8 | data[at + 3];
        uint8_t channel = data[at];

        at += HEADER;
        *ends |= channel == 255;
        length = length > size - at ? size - at : length;
        if (channel == 0 && !*ends) {
            memcpy(out + count, data + at, length);
            count += length;
        }
        at += length;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t wanted[8192];
    struct frames *frames = calloc(1, sizeof *frames);
    int ends, running = 1;
    size_t count = expect(data, size, wanted, &ends);

    sent = data;
    left = size;
    given_size = 0;
    closed = 0;
    frames->in = SESSION;
    frames->out = frames->err = -1;
    while (running || frames_inward(frames)) {
        if (frames_inward(frames))
            frames_pass_in(frames);
        else
            running = frames_receive(frames);
    }
    if (given_size != count || memcmp(given, wanted, count))
        broken("the session is not given what was sent");
    if (closed != ends)
        broken("the session's stdin is closed too early, or not at all");
    free(frames);
    return 0;
}
