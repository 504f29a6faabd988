/*
 * What the kernel answers to system calls that a seccomp filter, a capability or a label may forbid: one line each.
 * The arguments are such that none of them does anything, even as root: bad addresses, descriptors and flags.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BAD ((char *)1)
#define ASK(name, ...) ask(#name, syscall(SYS_##name, __VA_ARGS__))

static void ask(const char *name, long answer)
{
    printf("%s %ld %d\n", name, answer < 0 ? answer : 0L, answer < 0 ? errno : 0);
}

int main(void)
{
    ASK(mount, 0, 0, 0, 0, 0), ASK(umount2, BAD, 0), ASK(pivot_root, BAD, BAD), ASK(chroot, BAD);
    ASK(swapon, BAD, 0), ASK(swapoff, BAD), ASK(acct, BAD), ASK(reboot, 0, 0, 0, 0);
    ASK(setns, -1, 0), ASK(unshare, 0), ASK(unshare, 0x10000000), ASK(clone3, 0, 0);
    ASK(keyctl, -1, 0, 0, 0, 0), ASK(add_key, BAD, BAD, 0, 0, 0), ASK(request_key, BAD, 0, 0, 0);
    ASK(bpf, -1, 0, 0), ASK(perf_event_open, BAD, 0, -1, -1, 0), ASK(userfaultfd, -1);
    ASK(ptrace, -1, 0, 0, 0), ASK(process_vm_readv, -1, 0, 0, 0, 0, 0), ASK(process_vm_writev, -1, 0, 0, 0, 0, 0);
    ASK(kcmp, -1, -1, 0, 0, 0), ASK(pidfd_open, -1, 0), ASK(pidfd_getfd, -1, 0, 0),
        ASK(process_madvise, -1, 0, 0, 0, 0);
    ASK(name_to_handle_at, -1, BAD, 0, 0, 0), ASK(open_by_handle_at, -1, BAD, 0);
    ASK(init_module, BAD, 0, BAD), ASK(finit_module, -1, BAD, 0), ASK(delete_module, BAD, 0);
    ASK(kexec_load, 0, 9999, 0, 0), ASK(syslog, -1, 0, 0), ASK(quotactl, -1, 0, 0, 0);
    ASK(clock_settime, -1, BAD), ASK(clock_adjtime, -1, BAD), ASK(settimeofday, BAD, 0), ASK(adjtimex, BAD);
    ASK(sethostname, BAD, 1), ASK(setdomainname, BAD, 1), ASK(mknod, BAD, 020000, 0), ASK(fanotify_init, -1, 0);
    ASK(io_uring_setup, 0, 0), ASK(io_uring_enter, -1, 0, 0, 0, 0, 0), ASK(io_uring_register, -1, 0, 0, 0);
    ASK(mbind, BAD, 0, -1, 0, 0, 0), ASK(set_mempolicy, -1, 0, 0), ASK(get_mempolicy, 0, 0, 0, 0, -1);
    ASK(move_pages, 0, 0, 0, 0, 0, -1), ASK(migrate_pages, -1, 0, 0, 0), ASK(personality, 0xffffffff);
    ASK(personality, 0x0200000), ASK(socket, 40, 1, 0), ASK(socket, 38, 5, 0), ASK(socket, 16, 3, 9);
    ASK(openat2, -1, BAD, 0, 0), ASK(faccessat2, -1, BAD, 0, -1), ASK(close_range, 1, 0, 0);
    ASK(mount_setattr, -1, BAD, 0, 0, 0), ASK(move_mount, -1, BAD, -1, BAD, -1), ASK(open_tree, -1, BAD, -1);
    ASK(fsopen, BAD, -1), ASK(fsconfig, -1, -1, 0, 0, 0), ASK(fsmount, -1, -1, 0), ASK(fspick, -1, BAD, -1);
    ASK(landlock_create_ruleset, 0, 0, -1), ASK(memfd_create, BAD, -1), ASK(memfd_secret, -1),
        ASK(vmsplice, -1, 0, 0, 0);
    ASK(sched_setattr, -1, 0, 0), ASK(sched_setscheduler, -1, 0, BAD), ASK(setpriority, -1, 0, 0),
        ASK(ioprio_set, -1, 0, 0);
    ASK(mkdir, BAD, 0), ASK(mkdirat, -1, BAD, 0), ASK(iopl, -1), ASK(ioperm, 0, 0, 0), ASK(modify_ldt, -1, 0, 0);
    ask("number 900", syscall(900));
    return 0;
}
