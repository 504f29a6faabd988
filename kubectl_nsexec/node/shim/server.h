/*
 * The server of a shared helper pod (--keep), which knows who has a session in it and how long to wait when nobody has,
 * and its clients.
 */
#ifndef NSEXEC_SERVER_H
#define NSEXEC_SERVER_H

#include <sys/un.h>

#define REQUEST_MAX 64 /* bytes of a client's request */
#define SESSION_VARIABLE "NSEXEC_SESSION" /* the number of the descriptor that says that a session lives */

/*
 * The helper's main process from then on: SOCKET POD DEVICES IDLE LIFE HELD. Listens at SOCKET, then says HELD on stdout.
 * Ends (0) when there was no session for IDLE seconds, or for as many as the last session said. Of a session that is over
 * no process and no folder below POD, and DEVICES unless that is "-", is left; it is over after LIFE seconds, too.
 */
int server(char **words);

/*
 * SOCKET ID IDLE held|- PROGRAM ARGUMENT...: becomes PROGRAM as the session ID, which lives as long as the program does.
 * "held": its stdin is its lease, and it says so; else another process has it.
 */
int client_session(char **words);

/* SOCKET ID: the lease of the session ID, held until the end of file on stdin; the session ends with it. */
int client_lease(char **words);

/* SOCKET: ends the helper if there is nobody in it, 0; OWN_FAILURE when there is, or it has ended already. */
int client_end(char **words);

/* A socket, and the address of PATH for it; -1 and errno. */
int server_socket(const char *path, struct sockaddr_un *address);

#endif
