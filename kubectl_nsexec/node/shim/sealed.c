#define _GNU_SOURCE
#include "sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "report.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U /* Linux 6.3; without it newer kernels complain in their log */
#endif
#define NAME "nsexec-shim" /* what /proc/PID/comm and /proc/PID/exe of a session say */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

extern char **environ;

/*
 * For a moment a process of ours, with no more rights than the container, can be seen in it. Who may trace it there (with
 * CAP_SYS_PTRACE) can open its program by /proc/PID/exe, and what it wrote there would run with the node's rights in the
 * next session: CVE-2019-5736.
 */
void sealed(char **words)
{
    static char nothing[] = "";
    int own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), copy;
    struct stat about;

    if (own < 0 || fstat(own, &about))
        fail(SHIM, "the shim cannot read itself: %s", strerror(errno));
    if (fcntl(own, F_GET_SEALS) == SEALS) {
        close(own);
        prctl(PR_SET_NAME, NAME, 0, 0, 0);
        return;
    }
    copy = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (copy < 0 && errno == EINVAL)
        copy = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    for (off_t at = 0; copy >= 0 && at < about.st_size;)
        if (sendfile(copy, own, &at, (size_t)(about.st_size - at)) <= 0)
            fail(SHIM, "the shim cannot be copied to memory: %s", strerror(errno));
    if (copy >= 0 && !fcntl(copy, F_ADD_SEALS, SEALS))
        syscall(SYS_execveat, copy, nothing, words, environ, AT_EMPTY_PATH);
    fail(SHIM, "the shim cannot be run from memory: %s", strerror(errno));
}
