#define _GNU_SOURCE
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "report.h"

/*
 * What the client sends once the command has started: frames of a letter, a size (two bytes, the high one first) and
 * that many bytes. 'd' is typed data; 'w' is the window's size, rows and columns in two bytes each.
 */
#define HEADER 3
#define WINDOW 4
#define ROOM (64U << 10)
#define OUTPUT_AFTER_END_MAX (1U << 20) /* no background process can hold the end up by talking on */

struct buffer {
    unsigned char bytes[ROOM];
    size_t begin, end;
};

struct terminal {
    int master, slave; /* the slave is kept, so that a command which closes its own does not hang the master up */
    const char *owner;
    struct buffer in, out;
    size_t rest;      /* of the data frame at the beginning of IN */
    size_t last_read; /* from the master since the command has ended */
    int started, in_ended, out_closed, master_full, ended, silent;
};

int terminal_folder(void)
{
    return open("/dev/pts", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int is_master(const struct stat *about)
{
    return S_ISCHR(about->st_mode) && about->st_rdev == makedev(5, 2);
}

/* A new terminal of the devpts at FOLDER; -1 for anything else that a container may have put there. */
static int open_master(int proc, int folder)
{
    int there = folder < 0 ? -1 : openat(folder, "ptmx", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    int zero = 0, master = -1;
    struct statfs system;
    struct stat about;

    if (there >= 0 && !fstatfs(there, &system) && system.f_type == DEVPTS_SUPER_MAGIC && !fstat(there, &about) &&
        is_master(&about))
        master = open_again(proc, there, O_RDWR | O_NONBLOCK);
    close(there);
    if (master < 0 || !ioctl(master, TIOCSPTLCK, &zero))
        return master;
    close(master);
    return -1;
}

static void set_window(const struct terminal *terminal, unsigned rows, unsigned columns)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

    ioctl(terminal->master, TIOCSWINSZ, &size); /* the kernel tells the foreground job (SIGWINCH) */
}

/* As runtimes do; where /dev/pts is read-only, the user still has it open. */
static void give(int slave, const struct identity *identity, const struct users *users)
{
    struct stat about;
    /* A devpts that names no group has given it ours, root's (mount option gid): the container's root is meant. */
    int ours = !fstat(slave, &about) && about.st_gid == 0;

    if (fchown(slave, users_uid(users, identity->uid), ours ? users_gid(users, 0) : (gid_t)-1) || fchmod(slave, 0620))
        errno = 0;
}

struct terminal *terminal_open(const struct identity *identity, const struct users *users, const char *owner,
                               int fallback, int proc)
{
    static struct terminal terminal;
    int own = terminal_folder();

    terminal.owner = owner;
    terminal.master = open_master(proc, own);
    if (terminal.master < 0) {
        terminal.owner = "helper";
        terminal.master = open_master(proc, fallback);
    }
    if (terminal.master < 0)
        fail(SHIM, "no terminal can be opened: neither the container nor the helper pod has a /dev/pts with room");
    /* The peer by the master, not by a name that the container could have given to something else (since Linux 4.13). */
    terminal.slave = ioctl(terminal.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal.slave < 0)
        fail(SHIM, "the terminal's own end cannot be opened: %s", strerror(errno));
    give(terminal.slave, identity, users);
    set_window(&terminal, identity->rows, identity->columns);
    close(own);
    close(fallback);
    return &terminal;
}

int terminal_end(const struct terminal *terminal)
{
    return terminal->slave;
}

const char *terminal_owner(const struct terminal *terminal)
{
    return terminal->owner;
}

int terminal_take(const struct terminal *terminal)
{
    if (ioctl(terminal->slave, TIOCSCTTY, 0))
        return errno;
    for (int fd = 0; fd < 3; fd++)
        if (dup2(terminal->slave, fd) < 0)
            return errno;
    return 0;
}

void terminal_start(struct terminal *terminal)
{
    for (int fd = 0; fd < 2; fd++)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    terminal->started = 1;
}

static size_t room(struct buffer *buffer)
{
    if (buffer->begin == buffer->end)
        buffer->begin = buffer->end = 0;
    return ROOM - buffer->end;
}

/* Reads what there is; false at its end. */
static int fill(struct buffer *buffer, int fd)
{
    ssize_t got = room(buffer) ? read(fd, buffer->bytes + buffer->end, room(buffer)) : 1;

    if (got > 0 && room(buffer))
        buffer->end += (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Writes COUNT bytes or fewer; 0 when it takes none now, -1 when it never will again. */
static ssize_t drain(struct buffer *buffer, int fd, size_t count)
{
    ssize_t written = write(fd, buffer->bytes + buffer->begin, count);

    if (written > 0)
        buffer->begin += (size_t)written;
    return written >= 0 ? written : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

/* Typed data to the terminal, sizes to its window, until the frames or the terminal's room come to an end. */
static void feed(struct terminal *terminal)
{
    struct buffer *in = &terminal->in;

    terminal->master_full = 0;
    for (;;) {
        const unsigned char *frame = in->bytes + in->begin;
        size_t ready = in->end - in->begin, size;

        if (terminal->rest) {
            ssize_t taken = ready ? drain(in, terminal->master, ready < terminal->rest ? ready : terminal->rest) : 0;
            terminal->rest -= taken > 0 ? (size_t)taken : 0;
            terminal->master_full = ready && taken == 0;
            terminal->in_ended |= taken < 0;
            if (taken <= 0)
                return;
            continue;
        }
        size = ready >= HEADER ? (size_t)frame[1] << 8 | frame[2] : 0;
        if (ready < HEADER || (frame[0] == 'w' && size == WINDOW && ready < HEADER + WINDOW)) {
            memmove(in->bytes, frame, ready); /* the rest of a header has room behind it */
            in->begin = 0;
            in->end = ready;
            return;
        }
        in->begin += HEADER;
        if (frame[0] == 'd') {
            terminal->rest = size;
        } else if (frame[0] == 'w' && size == WINDOW) {
            set_window(terminal, (unsigned)frame[3] << 8 | frame[4], (unsigned)frame[5] << 8 | frame[6]);
            in->begin += WINDOW;
        } else {
            terminal->in_ended = 1; /* not our client: nothing that follows can be told apart */
            return;
        }
    }
}

void terminal_await(const struct terminal *terminal, struct pollfd *sources)
{
    const struct buffer *in = &terminal->in, *out = &terminal->out;
    int reads = terminal->started && !terminal->in_ended && !terminal->ended;
    short events = 0;

    if (terminal->started && !terminal->silent && out->end < ROOM)
        events |= POLLIN;
    if (terminal->master_full && !terminal->ended)
        events |= POLLOUT;
    /* A descriptor that nothing is wanted of is not asked about: its hang-up would be told again and again. */
    sources[CLIENT_IN] = (struct pollfd){.fd = reads && in->end < ROOM ? STDIN_FILENO : -1, .events = POLLIN};
    sources[CLIENT_OUT] = (struct pollfd){.fd = out->begin < out->end ? STDOUT_FILENO : -1, .events = POLLOUT};
    sources[MASTER] = (struct pollfd){.fd = events ? terminal->master : -1, .events = events};
}

void terminal_move(struct terminal *terminal, const struct pollfd *sources)
{
    struct buffer *out = &terminal->out;

    if (sources[CLIENT_IN].revents && !fill(&terminal->in, STDIN_FILENO))
        terminal->in_ended = 1;
    if (sources[CLIENT_IN].revents || sources[MASTER].revents & POLLOUT)
        feed(terminal);
    if (sources[MASTER].revents & ~POLLOUT && !fill(out, terminal->master))
        terminal->silent = 1;
    if (out->begin < out->end && !terminal->out_closed)
        terminal->out_closed = drain(out, STDOUT_FILENO, out->end - out->begin) < 0;
    if (terminal->out_closed)
        out->begin = out->end; /* nobody looks any more; the lease will tell */
    room(out);
    room(&terminal->in);
}

int terminal_finished(struct terminal *terminal)
{
    struct buffer *out = &terminal->out;

    terminal->ended = 1;
    /* What the command wrote before its end is there by now: read(2) on the master waits for what is on its way. */
    while (!terminal->silent && room(out)) {
        size_t before = out->end;
        if (!fill(out, terminal->master) || out->end == before || terminal->last_read > OUTPUT_AFTER_END_MAX)
            terminal->silent = 1;
        terminal->last_read += out->end - before;
    }
    return terminal->silent && (out->begin == out->end || terminal->out_closed);
}
