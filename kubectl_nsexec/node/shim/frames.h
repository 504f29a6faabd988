/* The session's pipes as frames on our stdin and stdout; one piece at a time each way, and nothing here waits. */
#ifndef NSEXEC_FRAMES_H
#define NSEXEC_FRAMES_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define HEADER 4
#define CHUNK (32 * 1024)

struct frames {
    int in, out, err; /* our ends of the session's three pipes, which do not block; -1 when closed */
    int turn;         /* which of `out` and `err` is looked at first */
    unsigned char header[HEADER]; /* of the frame that arrives now */
    size_t have;
    uint32_t left; /* what is yet to come of its content */
    char inward[CHUNK], outward[HEADER + CHUNK];
    size_t in_begin, in_end, out_begin, out_end;
    time_t last_received; /* when the client last sent something */
};

void frames_begin(struct frames *frames);

/* How many seconds the client has been silent. */
long frames_silence(const struct frames *frames);

/* Whether a piece is on its way to the session, to the client. */
int frames_inward(const struct frames *frames);
int frames_outward(const struct frames *frames);

/* Takes the next piece of what the client sends, when none is on its way; false at its end. */
int frames_receive(struct frames *frames);

/* Passes it on to the session, as far as that takes it. */
void frames_pass_in(struct frames *frames);

/* Takes the next piece of what the session wrote, when none is on its way; false when there is none now. */
int frames_collect(struct frames *frames);

/* Passes it on to the client, as far as that takes it; false when nobody reads us any more. */
int frames_send(struct frames *frames);

/* The last piece: the session has ended with STATUS. */
void frames_end(struct frames *frames, int status);

#endif
