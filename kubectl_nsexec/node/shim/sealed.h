#ifndef NSEXEC_SEALED_H
#define NSEXEC_SEALED_H

/*
 * Returns in a process whose program (/proc/PID/exe) nobody can write: executes WORDS, our own, once more from a sealed
 * copy in memory where it is not that yet. Fails (exit 125) when it cannot be.
 */
void sealed(char **words);

#endif
