#define _GNU_SOURCE
#include "frames.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/*
 * A frame is a channel, a size in three bytes, and the content; the channels are those of the exec subresource (KEP-4006).
 * A frame of any other channel only says that the client is still there.
 */
enum channel { STDIN = 0, STDOUT = 1, STDERR = 2, STATUS = 3, CLOSE = 255 };

static time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static void close_input(struct frames *frames)
{
    if (frames->in >= 0)
        close(frames->in);
    frames->in = -1;
}

int frames_receive(struct frames *frames)
{
    int of_header = frames->left == 0;
    char *place = of_header ? (char *)frames->header + frames->have : frames->inward;
    size_t room = of_header ? HEADER - frames->have : frames->left < CHUNK ? frames->left : CHUNK;
    ssize_t got = read(STDIN_FILENO, place, room);

    if (got <= 0)
        return got < 0 && (errno == EINTR || errno == EAGAIN);
    frames->last_received = now();
    if (!of_header) {
        frames->left -= (uint32_t)got;
        frames->in_begin = 0;
        frames->in_end = frames->header[0] == STDIN && frames->in >= 0 ? (size_t)got : 0;
        return 1;
    }
    frames->have += (size_t)got;
    if (frames->have == HEADER) {
        frames->have = 0;
        frames->left = (uint32_t)frames->header[1] << 16 | (uint32_t)frames->header[2] << 8 | frames->header[3];
        if (frames->header[0] == CLOSE)
            close_input(frames);
    }
    return 1;
}

void frames_pass_in(struct frames *frames)
{
    ssize_t given = write(frames->in, frames->inward + frames->in_begin, frames->in_end - frames->in_begin);

    if (given > 0) {
        frames->in_begin += (size_t)given;
    } else if (given < 0 && errno != EAGAIN && errno != EINTR) {
        close_input(frames); /* nobody reads it any more: the rest goes nowhere, as the runtime does it */
        frames->in_begin = frames->in_end = 0;
    }
}

static void put_frame(struct frames *frames, enum channel channel, size_t size)
{
    frames->outward[0] = (char)channel;
    frames->outward[1] = (char)(size >> 16);
    frames->outward[2] = (char)(size >> 8);
    frames->outward[3] = (char)size;
    frames->out_begin = 0;
    frames->out_end = HEADER + size;
}

/* The next piece of what the session writes on *PIPE, into the empty `outward`; false when there is none now. */
static int take_outward(struct frames *frames, int *pipe, enum channel channel)
{
    ssize_t got = *pipe < 0 ? 0 : read(*pipe, frames->outward + HEADER, CHUNK);

    if (got > 0) {
        put_frame(frames, channel, (size_t)got);
        return 1;
    }
    if (*pipe >= 0 && (got == 0 || (errno != EAGAIN && errno != EINTR))) {
        close(*pipe);
        *pipe = -1;
    }
    return 0;
}

int frames_send(struct frames *frames)
{
    ssize_t given = write(STDOUT_FILENO, frames->outward + frames->out_begin, frames->out_end - frames->out_begin);

    if (given > 0)
        frames->out_begin += (size_t)given;
    return given >= 0 || errno == EAGAIN || errno == EINTR;
}

/* The end, as the API server tells it (metav1.Status). */
void frames_end(struct frames *frames, int status)
{
    static const char failed[] =
        "{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"message\":\"command terminated "
        "with non-zero exit code\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
        "\"message\":\"%d\"}]}}";
    const char *format = status ? failed : "{\"status\":\"Success\"}";
    int length = snprintf(frames->outward + HEADER, CHUNK, format, status);

    put_frame(frames, STATUS, (size_t)length);
}

int frames_collect(struct frames *frames)
{
    int *pipes[] = {&frames->out, &frames->err};
    int first = frames->turn;

    frames->turn = !first; /* a flood of the one must not hold the other back */
    return take_outward(frames, pipes[first], first ? STDERR : STDOUT) ||
           take_outward(frames, pipes[!first], first ? STDOUT : STDERR);
}

int frames_inward(const struct frames *frames)
{
    return frames->in_end > frames->in_begin;
}

int frames_outward(const struct frames *frames)
{
    return frames->out_end > frames->out_begin;
}

void frames_begin(struct frames *frames)
{
    frames->last_received = now();
}

long frames_silence(const struct frames *frames)
{
    return (long)(now() - frames->last_received);
}
