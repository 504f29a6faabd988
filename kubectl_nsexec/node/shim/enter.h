#ifndef NSEXEC_ENTER_H
#define NSEXEC_ENTER_H

/*
 * WORDS: CPUS IDENTITY_BYTES LEASE KILL_FILE|- FIRST_PID ROOT|- DEVICES_FOLDER|-.
 *
 * In the folder in /proc of the process that is entered: takes an identity of so many bytes from stdin, runs its
 * command on CPUS inside the container, or below ROOT with the node's files, while LEASE is held and the container's
 * first process lives; the exit status for the client. What devices it may use is decided in DEVICES_FOLDER (devices.h).
 */
int enter(char **words);

#endif
