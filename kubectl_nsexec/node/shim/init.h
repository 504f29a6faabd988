/* The helper container's first process, and that of every exec into it: nothing of the container's image runs before it. */
#ifndef NSEXEC_INIT_H
#define NSEXEC_INIT_H

/*
 * FOLDER node|image POD_UID WORD...: takes the node's root ("image": leaves the image's), an environment of its own and
 * nobody's descriptors, then becomes what WORD says, never returning but with the status of what needs no shell:
 *
 *   hold NONCE RESERVED PATIENCE ..., enter NONCE ...   the agent (its text beside this program), by /bin/sh
 *   session NONCE ID IDLE held|- WORD...                the same as a session of a shared helper pod (server.h)
 *   lease NONCE ID, end                                 a session's lease; the end of such a helper pod
 *
 * FOLDER has three mounts: `node`, the node's root; `program`, what this program and the agent come from; `run`, the
 * helper's memory. No other path of the container is looked at.
 */
int init(char **words);

#endif
