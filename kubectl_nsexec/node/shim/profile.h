/* The security module's label of this process itself. */
#ifndef NSEXEC_PROFILE_H
#define NSEXEC_PROFILE_H

/*
 * Out of an AppArmor profile that confines nothing (profile_mode(5), "unconfined"), as AppArmor 4 has for runc and crun,
 * and containers without a profile inherit it: a container's profile may take signals from "unconfined" and refuse them
 * from another name, KILL among them, and those of the kernel at a parent's death. From any other profile, and where there
 * is none, nothing changes.
 */
void profile_leave(void);

#endif
