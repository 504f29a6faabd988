/* Which devices the command may use, as the container: its processes are in another cgroup than the container's. */
#ifndef NSEXEC_DEVICES_H
#define NSEXEC_DEVICES_H

#define DEVICES_ALL "a"

/*
 * RULES: DEVICES_ALL, or what is allowed as "TYPE MAJOR:MINOR ACCESS" (the cgroup v1 kernel's own words,
 * Documentation/admin-guide/cgroup-v1/devices.rst), with commas between; nothing else is. FOLDER: a cgroup that this
 * process and no stranger is in, of the devices hierarchy (v1) or of the unified one (v2), where a BPF program decides;
 * "-" for none. Fails (exit 125) when RULES are none, or cannot be put in force.
 */
void devices_confine(const char *rules, const char *folder);

#endif
