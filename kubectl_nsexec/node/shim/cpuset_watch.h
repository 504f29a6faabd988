#ifndef NSEXEC_CPUSET_WATCH_H
#define NSEXEC_CPUSET_WATCH_H

/*
 * Writes CPUS back into each of FILES (cpuset.cpus, ends in NULL) whenever somebody changes it, for as long as HOLDER,
 * our parent, lives. Says "ready" on stdout when it watches. Returns when a file is gone.
 */
int cpuset_watch(const char *holder, const char *cpus, char **files);

#endif
