#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "folder.h"
#include "report.h"

#define CLIENTS_MAX 1024 /* at once, who each have a connection */
#define NAME 21

enum kind { FREE, NEW, SESSION, LEASE };

struct client {
    enum kind kind;
    int fd;
    char name[NAME];
    time_t came; /* s */
};

struct server {
    const char *pod, *devices;
    struct client clients[CLIENTS_MAX];
    long idle, life; /* s */
    time_t left;     /* when the last client left, s */
};

static time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static int named(const struct client *client, enum kind kind, const char *name)
{
    return client->kind == kind && !strcmp(client->name, name);
}

static void folder_in(const char *above, const char *name, char *path)
{
    if (snprintf(path, PATH_MAX, "%s/nsexec-%s", above, name) >= PATH_MAX)
        *path = 0;
}

/* Ends the processes of a session; its connection ends with the last of them. */
static void end_session(const struct server *server, const char *name)
{
    char folder[PATH_MAX];

    folder_in(server->pod, name, folder);
    for (const struct client *client = server->clients; client < server->clients + CLIENTS_MAX; client++)
        if (named(client, SESSION, name))
            folder_empty(folder);
}

static void disconnect(struct server *server, struct client *client)
{
    struct client gone = *client;
    char folder[PATH_MAX];

    close(client->fd);
    client->kind = FREE;
    if (gone.kind == SESSION) {
        folder_in(server->pod, gone.name, folder);
        folder_empty(folder);
        folder_remove(folder);
        folder_in(server->devices, gone.name, folder);
        if (strcmp(server->devices, "-"))
            folder_remove(folder);
    }
    if (gone.kind == LEASE)
        end_session(server, gone.name);
    if (gone.kind != NEW)
        server->left = now();
}

static int count(const struct server *server, enum kind kind)
{
    int found = 0;

    for (const struct client *client = server->clients; client < server->clients + CLIENTS_MAX; client++)
        found += client->kind == kind;
    return found;
}

static int in_use(const struct server *server)
{
    return count(server, SESSION) + count(server, LEASE);
}

static void answer(const struct client *client, const char *word)
{
    if (send(client->fd, word, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
        shutdown(client->fd, SHUT_RDWR);
}

/* Does what a new client requests; true when the helper is to end. */
static int handle(struct server *server, struct client *client, char *request)
{
    char name[NAME] = "";
    long idle = 0;

    if (!strcmp(request, "end")) {
        int empty = !count(server, SESSION);

        answer(client, empty ? "y" : "n");
        return empty;
    }
    if (sscanf(request, "session %20[a-z0-9] %9ld", name, &idle) == 2) {
        client->kind = SESSION;
        server->idle = idle;
    } else if (sscanf(request, "lease %20[a-z0-9]", name) == 1) {
        client->kind = LEASE;
    } else {
        shutdown(client->fd, SHUT_RDWR);
        return 0;
    }
    strcpy(client->name, name);
    answer(client, "y");
    return 0;
}

/* False when there is room for no more: no entry, or no descriptor (RLIMIT_NOFILE). Who waits does so in the backlog. */
static int accept_client(struct server *server, int listener)
{
    for (struct client *client = server->clients; client < server->clients + CLIENTS_MAX; client++)
        if (client->kind == FREE) {
            int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

            if (fd >= 0)
                *client = (struct client){.kind = NEW, .fd = fd, .came = now()};
            return fd >= 0 || errno == EINTR || errno == ECONNABORTED;
        }
    return 0;
}

/* Milliseconds until something is to be done, whatever arrives. */
static int poll_ms(const struct server *server)
{
    long seconds = in_use(server) ? server->life : server->left + server->idle - now();

    for (const struct client *client = server->clients; client < server->clients + CLIENTS_MAX; client++)
        if (client->kind == SESSION && client->came + server->life - now() < seconds)
            seconds = client->came + server->life - now();
    return seconds <= 0 ? 0 : seconds > 3600 ? 3600 * 1000 : (int)seconds * 1000;
}

/*
 * Each descriptor that is open and no more: poll(2) refuses more of them than RLIMIT_NOFILE, which is 1024 where systemd's
 * default is the runtime's, or where SELinux cuts limits in a change of domains. Client I is at place[I].
 */
static nfds_t fill(const struct server *server, struct pollfd *sources, nfds_t *place)
{
    nfds_t used = 0;

    for (int i = 0; i < CLIENTS_MAX; i++)
        if (server->clients[i].kind) {
            place[i] = used;
            sources[used++] = (struct pollfd){.fd = server->clients[i].fd, .events = POLLIN};
        }
    return used;
}

static int serve(struct server *server, int listener)
{
    int full = 0;

    for (;;) {
        static struct pollfd sources[CLIENTS_MAX + 1];
        static nfds_t place[CLIENTS_MAX];
        nfds_t used = fill(server, sources, place);
        int news;

        if (full && !used)
            return OWN_FAILURE; /* nobody will leave, and nobody can come */
        sources[used] = (struct pollfd){.fd = listener, .events = POLLIN};
        news = poll(sources, full ? used : used + 1, poll_ms(server));
        if (news < 0 && errno != EINTR)
            return OWN_FAILURE;
        if (news < 0)
            continue;
        for (int i = 0; i < CLIENTS_MAX; i++) {
            struct client *client = &server->clients[i];
            char request[REQUEST_MAX + 1] = "";

            if (client->kind == SESSION && client->came + server->life <= now()) {
                end_session(server, client->name);
                client->came = now(); /* should it not have ended, it is looked at again, but not at once */
            }
            if (!client->kind || !sources[place[i]].revents)
                continue;
            if (recv(client->fd, request, REQUEST_MAX, MSG_DONTWAIT) <= 0) {
                disconnect(server, client);
                full = 0;
            } else if (client->kind == NEW && handle(server, client, request))
                return 0;
        }
        if (!full && sources[used].revents)
            full = !accept_client(server, listener);
        else if (!news && !in_use(server) && server->left + server->idle <= now())
            return 0; /* whoever connects now finds nobody */
    }
}

int server(char **words)
{
    static struct server state;
    struct sockaddr_un address;
    uint64_t idle, life;
    int fd = server_socket(words[0], &address);

    if (!parse_number(words[3], 10, INT32_MAX, &idle) || !parse_number(words[4], 10, INT32_MAX, &life))
        return OWN_FAILURE;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, CLIENTS_MAX))
        fail(SHIM, "nothing can be listened to at %s: %s", words[0], strerror(errno));
    state.pod = words[1];
    state.devices = words[2];
    state.idle = (long)idle;
    state.life = (long)life;
    state.left = now();
    if (write_all(STDOUT_FILENO, words[5], strlen(words[5])) || write_all(STDOUT_FILENO, "\n", 1))
        return OWN_FAILURE;
    return serve(&state, fd);
}
