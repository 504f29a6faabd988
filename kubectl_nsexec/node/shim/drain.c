#define _GNU_SOURCE
#include "drain.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

/*
 * What nobody has read when the command ends stays in the sockets on the way. A server that closes with unread bytes resets
 * the connection (tcp_close() of Linux), and the API server and the kubelet end both directions as soon as one is broken
 * (k8s.io/apimachinery, util/proxy, UpgradeAwareHandler): the status behind it is lost. The client, which closes stdin when
 * it sees the exit marker, has its bytes read to the last one here, and only then do the servers see an end.
 */
#ifndef DRAIN_MS
#define DRAIN_MS 2000 /* a client that does not close stdin is not waited for; a test may */
#endif
#define LOOK_MS 20 /* how often to look whether somebody of the command's group is left */
#define PIECE (1U << 20)

static long now_ms(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (long)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/*
 * Throws away what there is; false at the end of it. Not by read(2), which waits when another reader was quicker, nor by
 * O_NONBLOCK, which that reader would have as well (open(2)). splice(2) takes from pipes only, which is what runtimes give.
 */
static int discard(int null)
{
    ssize_t got = splice(STDIN_FILENO, NULL, null, NULL, PIECE, SPLICE_F_NONBLOCK);

    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

void drain(const struct session *session, const struct child *child)
{
    long end = now_ms() + DRAIN_MS;

    for (long left = DRAIN_MS; left > 0; left = end - now_ms()) {
        /* In a terminal's session stdin is ours alone: who is left there has the terminal. */
        int shared = !session->terminal && child_group_lives(child);
        struct pollfd sources[] = {{.fd = session->lease}, {.fd = STDIN_FILENO, .events = POLLIN}};

        if (shared)
            poll(sources, 1, LOOK_MS);
        if (poll(sources, 2, shared ? 0 : (int)left) < 0)
            continue;
        if (sources[0].revents)
            return;
        if (shared ? sources[1].revents == POLLHUP : sources[1].revents && !discard(session->null))
            return;
    }
}
