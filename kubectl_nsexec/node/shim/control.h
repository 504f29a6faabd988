/* What the supervisor does to its child, and what the kernel says of it. */
#ifndef NSEXEC_CONTROL_H
#define NSEXEC_CONTROL_H

#include <stdint.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* 0 once it has been reaped: the number may be another's then. Only control.c sends signals to it */
    pid_t group; /* its process group, which others may outlive it in */
    int from, to;    /* pipe from it, pipe to it */
    int signals;     /* signalfd, see child_signals */
    int timer;       /* timerfd that ends when its time is over, or -1 */
    int timed_out;   /* it has been sent TERM for that */
};

/* From now on signals to this process only arrive on the descriptor that is returned; -1 and errno when they cannot. */
int child_signals(void);

/* The next signal that has arrived on SIGNALS, 0 when there is none. */
int child_signal(int signals);

/* Reaps whatever has ended; true when the child has just now, with its exit status. */
int child_reap(struct child *child, int *status);

/* Passes a signal on to it. To one that has been reaped nothing is sent, here and below. */
void child_send(const struct child *child, int number);

/*
 * Kills it and its group, and waits for it a while. 0: it has ended; EPERM or EACCES: that was refused, as of what has
 * become another user; EBUSY: it does not end.
 */
int child_kill(struct child *child);

/* Whether there is anybody in its group; a zombie that the container has not reaped counts. */
int child_group_lives(const struct child *child);

/* It may run for MS milliseconds from now on; false (0) when that could be arranged, else errno is set. */
int child_limit(struct child *child, uint64_t ms);

/* Its time is over: TERM to its group; true when that was sent before and it is to be killed. */
int child_time_out(struct child *child);

#endif
