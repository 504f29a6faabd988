/* cgroup folders of ours, with the processes in them. */
#ifndef NSEXEC_FOLDER_H
#define NSEXEC_FOLDER_H

/* Kills every process in FOLDER but this one, again and again, and waits for their end a while. */
void folder_kill(const char *folder);

/* The same, at once where the kernel can do that: then this process must not be in it. */
void folder_empty(const char *folder);

/* Removes FOLDER once the kernel lets go of it. */
void folder_remove(const char *folder);

#endif
