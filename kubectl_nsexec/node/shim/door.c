#define _GNU_SOURCE
#include "door.h"

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

#define GUESTS 1024 /* at once, who each have a connection */
#define NAME 21

enum kind { NOBODY, NEW, SESSION, LEASE };

struct guest {
    enum kind kind;
    int fd;
    char name[NAME];
    time_t came; /* s */
};

struct house {
    const char *pod, *devices;
    struct guest guests[GUESTS];
    long idle, life; /* s */
    time_t left;     /* when the last guest did, s */
};

static time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

static int named(const struct guest *guest, enum kind kind, const char *name)
{
    return guest->kind == kind && !strcmp(guest->name, name);
}

static void folder_in(const char *above, const char *name, char *path)
{
    if (snprintf(path, PATH_MAX, "%s/nsexec-%s", above, name) >= PATH_MAX)
        *path = 0;
}

/* Ends the processes of a session; its connection ends with the last of them. */
static void end_session(const struct house *house, const char *name)
{
    char folder[PATH_MAX];

    folder_in(house->pod, name, folder);
    for (const struct guest *guest = house->guests; guest < house->guests + GUESTS; guest++)
        if (named(guest, SESSION, name))
            folder_empty(folder);
}

static void leave(struct house *house, struct guest *guest)
{
    struct guest gone = *guest;
    char folder[PATH_MAX];

    close(guest->fd);
    guest->kind = NOBODY;
    if (gone.kind == SESSION) {
        folder_in(house->pod, gone.name, folder);
        folder_empty(folder);
        folder_remove(folder);
        folder_in(house->devices, gone.name, folder);
        if (strcmp(house->devices, "-"))
            folder_remove(folder);
    }
    if (gone.kind == LEASE)
        end_session(house, gone.name);
    if (gone.kind != NEW)
        house->left = now();
}

static int count(const struct house *house, enum kind kind)
{
    int found = 0;

    for (const struct guest *guest = house->guests; guest < house->guests + GUESTS; guest++)
        found += guest->kind == kind;
    return found;
}

static int visitors(const struct house *house)
{
    return count(house, SESSION) + count(house, LEASE);
}

static void answer(const struct guest *guest, const char *word)
{
    if (send(guest->fd, word, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
        shutdown(guest->fd, SHUT_RDWR);
}

/* Does what a new guest says; true when the helper is to end. */
static int hear(struct house *house, struct guest *guest, char *words)
{
    char name[NAME] = "";
    long idle = 0;

    if (!strcmp(words, "end")) {
        int empty = !count(house, SESSION);

        answer(guest, empty ? "y" : "n");
        return empty;
    }
    if (sscanf(words, "session %20[a-z0-9] %9ld", name, &idle) == 2) {
        guest->kind = SESSION;
        house->idle = idle;
    } else if (sscanf(words, "lease %20[a-z0-9]", name) == 1) {
        guest->kind = LEASE;
    } else {
        shutdown(guest->fd, SHUT_RDWR);
        return 0;
    }
    strcpy(guest->name, name);
    answer(guest, "y");
    return 0;
}

static void let_in(struct house *house, int door)
{
    int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    for (struct guest *guest = house->guests; guest < house->guests + GUESTS; guest++)
        if (guest->kind == NOBODY) {
            *guest = (struct guest){.kind = NEW, .fd = fd, .came = now()};
            return;
        }
    close(fd);
}

/* Milliseconds until something is to be done, whoever says what. */
static int patience(const struct house *house)
{
    long seconds = visitors(house) ? house->life : house->left + house->idle - now();

    for (const struct guest *guest = house->guests; guest < house->guests + GUESTS; guest++)
        if (guest->kind == SESSION && guest->came + house->life - now() < seconds)
            seconds = guest->came + house->life - now();
    return seconds <= 0 ? 0 : seconds > 3600 ? 3600 * 1000 : (int)seconds * 1000;
}

static int serve(struct house *house, int door)
{
    for (;;) {
        static struct pollfd sources[GUESTS + 1];
        int news;

        sources[GUESTS] = (struct pollfd){.fd = door, .events = POLLIN};
        for (int i = 0; i < GUESTS; i++)
            sources[i] = (struct pollfd){.fd = house->guests[i].kind ? house->guests[i].fd : -1, .events = POLLIN};
        news = poll(sources, GUESTS + 1, patience(house));
        if (news < 0)
            continue;
        for (int i = 0; i < GUESTS; i++) {
            struct guest *guest = &house->guests[i];
            char words[DOOR_WORDS + 1] = "";

            if (guest->kind == SESSION && guest->came + house->life <= now()) {
                end_session(house, guest->name);
                guest->came = now(); /* should it not have ended, it is looked at again, but not at once */
            }
            if (!sources[i].revents)
                continue;
            if (recv(guest->fd, words, DOOR_WORDS, MSG_DONTWAIT) <= 0)
                leave(house, guest);
            else if (guest->kind == NEW && hear(house, guest, words))
                return 0;
        }
        if (sources[GUESTS].revents)
            let_in(house, door);
        else if (!news && !visitors(house) && house->left + house->idle <= now())
            return 0; /* whoever knocks now finds nobody */
    }
}

int door(char **words)
{
    static struct house house;
    struct sockaddr_un address;
    uint64_t idle, life;
    int fd = door_socket(words[0], &address);

    if (!parse_number(words[3], 10, INT32_MAX, &idle) || !parse_number(words[4], 10, INT32_MAX, &life))
        return OWN_FAILURE;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, GUESTS))
        fail(LAST_LINK, "nothing can be listened to at %s: %s", words[0], strerror(errno));
    house.pod = words[1];
    house.devices = words[2];
    house.idle = (long)idle;
    house.life = (long)life;
    house.left = now();
    if (write_all(STDOUT_FILENO, words[5], strlen(words[5])) || write_all(STDOUT_FILENO, "\n", 1))
        return OWN_FAILURE;
    return serve(&house, fd);
}
