#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "report.h"

int server_socket(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address->sun_path, path);
    return socket(AF_UNIX, SOCK_SEQPACKET, 0);
}

/* The connection, once the server has agreed; -1 when it has not, or is not there. */
static int request(const char *path, const char *text)
{
    struct sockaddr_un address;
    char answer = 'n';
    int fd = server_socket(path, &address);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) ||
        send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 || recv(fd, &answer, 1, 0) != 1 || answer != 'y')
        return -1;
    return fd;
}

static int request_or_fail(const char *path, const char *text)
{
    int fd = request(path, text);

    if (fd < 0)
        fail("gone", "the shared helper pod has just ended");
    return fd;
}

int client_session(char **words)
{
    char text[REQUEST_MAX], number[16];
    int fd;

    snprintf(text, sizeof text, "session %s %s", words[1], words[2]);
    fd = request_or_fail(words[0], text);
    snprintf(number, sizeof number, "%d", fd);
    if (!strcmp(words[3], "held") && report_held())
        return OWN_FAILURE;
    setenv(SESSION_VARIABLE, number, 1);
    execv(words[4], words + 4);
    fail(SHIM, "%s cannot be run: %s", words[4], strerror(errno));
}

int client_lease(char **words)
{
    char text[REQUEST_MAX], byte;
    ssize_t got;

    snprintf(text, sizeof text, "lease %s", words[1]);
    request_or_fail(words[0], text); /* the connection stays open as long as this process */
    if (report_held())
        return OWN_FAILURE;
    do {
        /* The server's end is that of its container, and so of this process: only the client is to be watched. */
        got = read(STDIN_FILENO, &byte, 1);
    } while (got > 0 || (got < 0 && errno == EINTR));
    return 0;
}

int client_end(char **words)
{
    return request(words[0], "end") < 0 ? OWN_FAILURE : 0;
}
