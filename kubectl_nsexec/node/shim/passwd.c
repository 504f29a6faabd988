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
static char *read_passwd(int proc, size_t *size)
{
    /* It may be a link to anything, or a device itself: looked at before it is opened, and nothing that blocks. */
    int there = open("/etc/passwd", O_PATH | O_CLOEXEC), fd = -1;
    struct stat about;
    char *text = NULL;
    ssize_t got = 1;

    *size = 0;
    if (there >= 0 && !fstat(there, &about) && S_ISREG(about.st_mode))
        fd = open_again(proc, there, O_RDONLY | O_NONBLOCK);
    close(there);
    if (fd < 0)
        return NULL;
    text = malloc(PASSWD_MAX);
    while (text && got > 0 && *size < PASSWD_MAX) {
        got = read(fd, text + *size, PASSWD_MAX - *size);
        *size += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return text;
}

/*
 * As the runtimes do (runc's libcontainer/init_linux.go, setupUser; containerd's oci.WithUserID for the gid): by the
 * first entry of the uid; "/" and 0 for a user without one. The string is the caller's to free, NULL without memory.
 */
static char *look_up(int proc, uid_t uid, gid_t *gid)
{
    char *text, *home = NULL;
    struct passwd *entry;
    FILE *file;
    size_t size;

    *gid = 0;
    text = read_passwd(proc, &size);
    file = text && size ? fmemopen(text, size, "r") : NULL;
    while (file && (entry = fgetpwent(file)))
        if (entry->pw_uid == uid) {
            home = strdup(entry->pw_dir);
            *gid = entry->pw_gid;
            break;
        }
    if (file)
        fclose(file);
    free(text);
    return home ? home : strdup("/");
}

void identity_complete(struct identity *identity, int proc)
{
    char **variable = identity->environment, *home;
    int homeless;
    gid_t gid;

    while (*variable && strncmp(*variable, "HOME=", 5))
        variable++;
    homeless = !*variable || !(*variable)[5];
    if (!homeless && !identity->gid_of_passwd)
        return;
    home = look_up(proc, identity->uid, &gid);
    if (!home || (homeless && asprintf(variable, "HOME=%s", home) < 0))
        fail(IDENTITY, "no memory for HOME");
    free(home);
    if (identity->gid_of_passwd && gid == (gid_t)-1) /* to setresgid(2) that is "no change" */
        fail(IDENTITY, "user %u has a group in /etc/passwd that there cannot be", (unsigned)identity->uid);
    if (identity->gid_of_passwd)
        identity->gid = gid;
}
