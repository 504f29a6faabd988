/* Which devices the command may use, as the container: its processes are in another cgroup than the container's. */
#ifndef NSEXEC_DEVICES_H
#define NSEXEC_DEVICES_H

#define DEVICES_ALL "a"
#define DENIES '-'

/*
 * RULES: DEVICES_ALL, or what is allowed as "TYPE MAJOR:MINOR ACCESS" (the cgroup v1 kernel's own words,
 * Documentation/admin-guide/cgroup-v1/devices.rst), with commas between; nothing else is. With DENIES before it that is
 * denied, and with DEVICES_ALL as the first of several everything else is allowed. A later rule goes before an earlier
 * one. FOLDER: a cgroup that this process and no stranger is in, of the devices hierarchy (v1) or of the unified one
 * (v2), where BPF programs decide; "-" for none. CONTAINER: the cgroup of the container's first process there, whose
 * programs, as long as they can be had, come before the rules. Fails (exit 125) when RULES are none, or nothing can be
 * put in force.
 */
void devices_confine(const char *rules, const char *folder, const char *container);

#endif
