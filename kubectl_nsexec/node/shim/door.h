/* A helper that is kept: who is in it, and how long it waits when nobody is. */
#ifndef NSEXEC_DOOR_H
#define NSEXEC_DOOR_H

#include <sys/un.h>

#define DOOR_WORDS 64 /* bytes of what a guest says at the door */
#define SESSION_VARIABLE "NSEXEC_SESSION" /* the number of the descriptor that says that a session lives */

/*
 * The helper's main process from then on: DOOR POD DEVICES IDLE LIFE HELD. Listens at the socket DOOR, then says HELD on stdout.
 * Ends (0) when there was no session for IDLE seconds, or for as many as the last session said. Of a session that is over
 * no process and no folder below POD, and DEVICES unless that is "-", is left; it is over after LIFE seconds, too.
 */
int door(char **words);

/*
 * DOOR ID IDLE held|- PROGRAM ARGUMENT...: becomes PROGRAM as the session ID, which lives as long as the program does.
 * "held": its stdin is its lease, and it says so; else another process has it.
 */
int door_session(char **words);

/* DOOR ID: the lease of the session ID, held until the end of file on stdin; the session ends with it. */
int door_lease(char **words);

/* DOOR: ends the helper if there is nobody in it, 0; OWN_FAILURE when there is, or it has ended already. */
int door_end(char **words);

/* A socket, and the address of PATH for it; -1 and errno. */
int door_socket(const char *path, struct sockaddr_un *address);

#endif
