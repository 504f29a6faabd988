#ifndef NSEXEC_ENTER_H
#define NSEXEC_ENTER_H

/*
 * In the target's folder in /proc: takes an identity of SIZE bytes from stdin, runs its command inside the container
 * on CPUS while LEASE is held; the exit status for the client.
 */
int enter(const char *cpus, const char *size, const char *lease, const char *kill_file);

#endif
