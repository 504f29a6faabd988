/*
 * What a hostile image would like to have run by whoever looks into it, as a program and as a library: it says so on
 * stderr, and leaves a mark on the node wherever it reaches the node's root.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <unistd.h>

#define MARK "run/nsexec-attack"

static void mark(const char *root)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/" MARK, root);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

__attribute__((constructor)) static void attack(void)
{
    static const char word[] = "ATTACKED\n";
    glob_t roots;

    if (write(2, word, sizeof word - 1) < 0)
        return;
    mark("/proc/1/root"); /* with hostPID that is the node's */
    mark("");
    if (!glob("/*/node", 0, NULL, &roots))
        for (size_t i = 0; i < roots.gl_pathc; i++)
            mark(roots.gl_pathv[i]);
    mark("/host");
}

int main(void)
{
    return 0;
}
