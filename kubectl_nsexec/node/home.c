#define _GNU_SOURCE
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "identity.h"
#include "report.h"

#define PASSWD_MAX (1U << 20) /* a container's own file: it must not cost us more memory than this */

/* The container's /etc/passwd as far as PASSWD_MAX, and its size; NULL when it has none that can be read. */
static char *read_passwd(size_t *size)
{
    /* It may be a link to anything: nothing that blocks, no terminal, no device. */
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat about;
    char *text = NULL;
    ssize_t got = 1;

    *size = 0;
    if (fd < 0)
        return NULL;
    if (!fstat(fd, &about) && S_ISREG(about.st_mode))
        text = malloc(PASSWD_MAX);
    while (text && got > 0 && *size < PASSWD_MAX) {
        got = read(fd, text + *size, PASSWD_MAX - *size);
        *size += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return text;
}

/* As runc does (libcontainer/init_linux.go, setupUser): by the first entry of the uid, "/" for a user without one. */
static char *home_of(uid_t uid)
{
    char *text, *home = NULL;
    struct passwd *entry;
    FILE *file;
    size_t size;

    text = read_passwd(&size);
    file = text && size ? fmemopen(text, size, "r") : NULL;
    while (file && !home && (entry = fgetpwent(file)))
        if (entry->pw_uid == uid)
            home = strdup(entry->pw_dir);
    if (file)
        fclose(file);
    free(text);
    return home ? home : strdup("/");
}

void identity_complete_home(struct identity *identity)
{
    char **variable = identity->environment, *home;

    while (*variable && strncmp(*variable, "HOME=", 5))
        variable++;
    if (*variable && (*variable)[5])
        return;
    home = home_of(identity->uid);
    if (!home || asprintf(variable, "HOME=%s", home) < 0)
        fail(IDENTITY, "no memory for HOME");
    free(home);
}
