/* What the client has sent and the command has not read, once that has ended. */
#ifndef NSEXEC_DRAIN_H
#define NSEXEC_DRAIN_H

#include "control.h"
#include "session.h"

/*
 * Reads the command's stdin to its end and throws it away, for a short time at the most, or until the lease ends. What is
 * left of the command's group may still read it: as long as there is something, that has it alone.
 */
void drain(const struct session *session, const struct child *child);

#endif
