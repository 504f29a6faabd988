#define _GNU_SOURCE
#include "door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "report.h"

int door_socket(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address->sun_path, path);
    return socket(AF_UNIX, SOCK_SEQPACKET, 0);
}

/* The connection, once the helper has agreed; -1 when it has not, or is not there. */
static int knock(const char *path, const char *words)
{
    struct sockaddr_un address;
    char answer = 'n';
    int fd = door_socket(path, &address);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) ||
        send(fd, words, strlen(words), MSG_NOSIGNAL) < 0 || recv(fd, &answer, 1, 0) != 1 || answer != 'y')
        return -1;
    return fd;
}

static void enter_or_fail(const char *path, const char *words, int *fd)
{
    *fd = knock(path, words);
    if (*fd < 0)
        fail("gone", "the helper that was kept has just ended");
}

int door_session(char **words)
{
    char said[DOOR_WORDS], number[16];
    int fd;

    snprintf(said, sizeof said, "session %s %s", words[1], words[2]);
    enter_or_fail(words[0], said, &fd);
    snprintf(number, sizeof number, "%d", fd);
    if (!strcmp(words[3], "held") && report_held())
        return OWN_FAILURE;
    setenv(SESSION_VARIABLE, number, 1);
    execv(words[4], words + 4);
    fail(LAST_LINK, "%s cannot be run: %s", words[4], strerror(errno));
}

int door_lease(char **words)
{
    char said[DOOR_WORDS], byte;
    ssize_t got;
    int fd;

    snprintf(said, sizeof said, "lease %s", words[1]);
    enter_or_fail(words[0], said, &fd);
    if (report_held())
        return OWN_FAILURE;
    do {
        /* The helper's end is that of its container, and so of this process: only the client is to be watched. */
        got = read(STDIN_FILENO, &byte, 1);
    } while (got > 0 || (got < 0 && errno == EINTR));
    return 0;
}

int door_end(char **words)
{
    return knock(words[0], "end") < 0 ? OWN_FAILURE : 0;
}
