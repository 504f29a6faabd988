#define _GNU_SOURCE
#include "identity.h"

#include <stdlib.h>
#include <string.h>

#include "report.h"

#define FILTER_DIGITS 16
#define GROUPS_MAX 65536 /* NGROUPS_MAX of Linux */
#define LIMIT_MS_MAX (UINT64_C(1000) * INT32_MAX) /* 68 years: what timerfd_settime(2) takes everywhere */

/* clang-format off */
enum key {
    UID, GID, GROUPS, BOUNDING, PERMITTED, EFFECTIVE, INHERITABLE, AMBIENT, NO_NEW_PRIVS, SECCOMP, SECCOMP_FLAGS, SELINUX,
    APPARMOR, OWN_USERS, STREAMS_GROUP, DEVICES, UMASK, CWD, STDIN, VERIFY, TTY, ROWS, COLUMNS, LIMIT_MS,
    ONCE, /* those above must come exactly once, those below any number of times */
    RLIMIT = ONCE, ENV, ARG, UNKNOWN
};
static const char *const names[] = {
    "uid", "gid", "groups", "bounding", "permitted", "effective", "inheritable", "ambient", "no_new_privs", "seccomp",
    "seccomp_flags", "selinux", "apparmor", "user_namespace", "streams_group", "devices", "umask", "cwd", "stdin",
    "verify", "tty", "rows", "columns", "limit_ms", "rlimit", "env", "arg"};
/* clang-format on */

static uint64_t number(const char *name, const char *text, int base, uint64_t limit)
{
    uint64_t value;

    if (!parse_number(text, base, limit, &value))
        fail(IDENTITY, "bad value of %s: '%s'", name, text);
    return value;
}

static uint64_t decimal(enum key key, const char *text, uint64_t limit)
{
    return number(names[key], text, 10, limit);
}

static void *room_for(size_t count, size_t size)
{
    void *room = calloc(count, size);

    if (!room)
        fail(IDENTITY, "no memory for %zu entries", count);
    return room;
}

static void parse_groups(char *text, struct identity *identity)
{
    size_t count = *text != 0;

    for (const char *c = text; *c; c++)
        count += *c == ',';
    if (count > GROUPS_MAX)
        fail(IDENTITY, "more than %d groups", GROUPS_MAX);
    identity->groups = room_for(count + 1, sizeof *identity->groups);
    while (identity->group_count < count) {
        char *comma = strchr(text, ',');
        if (comma)
            *comma = 0;
        /* The largest number is "no such id" to the kernel. */
        identity->groups[identity->group_count++] = (gid_t)decimal(GROUPS, text, UINT32_MAX - 1);
        text = comma ? comma + 1 : text;
    }
}

/* Eight bytes an instruction, big-endian, in hexadecimal digits. */
static void parse_filter(char *text, struct identity *identity)
{
    size_t digits = strlen(text), count = digits / FILTER_DIGITS;
    struct sock_filter *filter = room_for(count + 1, sizeof *filter);

    if (digits % FILTER_DIGITS || count > BPF_MAXINSNS)
        fail(IDENTITY, "a seccomp filter cannot have %zu digits", digits);
    for (size_t i = 0; i < count; i++) {
        char word[FILTER_DIGITS + 1] = {0};
        uint64_t value;

        memcpy(word, text + i * FILTER_DIGITS, FILTER_DIGITS);
        value = number(names[SECCOMP], word, 16, UINT64_MAX);
        filter[i] = (struct sock_filter){.code = (uint16_t)(value >> 48),
                                         .jt = (uint8_t)(value >> 40),
                                         .jf = (uint8_t)(value >> 32),
                                         .k = (uint32_t)value};
    }
    identity->filter = (struct sock_fprog){.len = (unsigned short)count, .filter = filter};
}

static void parse_limit(char *text, struct identity *identity)
{
    char *soft = strchr(text, ':'), *hard = soft ? strchr(soft + 1, ':') : NULL;
    uint64_t kind;

    if (!hard)
        fail(IDENTITY, "bad value of rlimit: '%s'", text);
    *soft++ = *hard++ = 0;
    kind = decimal(RLIMIT, text, LIMIT_KINDS - 1);
    if (identity->limits[kind].given)
        fail(IDENTITY, "rlimit %s is there twice", text);
    identity->limits[kind].given = 1;
    identity->limits[kind].values.rlim_cur = (rlim_t)decimal(RLIMIT, soft, UINT64_MAX);
    identity->limits[kind].values.rlim_max = (rlim_t)decimal(RLIMIT, hard, UINT64_MAX);
}

static enum key key_of(const char *record, char **value)
{
    char *equals = strchr(record, '=');

    for (enum key key = 0; equals && key < UNKNOWN; key++)
        if (strlen(names[key]) == (size_t)(equals - record) &&
            !strncmp(names[key], record, (size_t)(equals - record))) {
            *value = equals + 1;
            return key;
        }
    fail(IDENTITY, "unknown record '%.64s'", record);
}

static void take(enum key key, char *value, struct identity *identity)
{
    struct capabilities *capabilities = &identity->capabilities;
    uint64_t *const sets[] = {&capabilities->bounding, &capabilities->permitted, &capabilities->effective,
                              &capabilities->inheritable, &capabilities->ambient};

    switch (key) {
    case UID: identity->uid = (uid_t)decimal(key, value, UINT32_MAX - 1); break;
    case GID:
        identity->gid_of_passwd = !strcmp(value, "passwd");
        identity->gid = identity->gid_of_passwd ? 0 : (gid_t)decimal(key, value, UINT32_MAX - 1);
        break;
    case GROUPS: parse_groups(value, identity); break;
    case BOUNDING:
    case PERMITTED:
    case EFFECTIVE:
    case INHERITABLE:
    case AMBIENT: *sets[key - BOUNDING] = number(names[key], value, 16, UINT64_MAX); break;
    case NO_NEW_PRIVS: identity->no_new_privs = (int)decimal(key, value, 1); break;
    case SECCOMP: parse_filter(value, identity); break;
    case SECCOMP_FLAGS: identity->filter_flags = (unsigned)decimal(key, value, UINT32_MAX); break;
    case SELINUX: identity->selinux = value; break;
    case APPARMOR: identity->apparmor = value; break;
    case OWN_USERS: identity->own_users = (int)decimal(key, value, 1); break;
    case STREAMS_GROUP: identity->streams_group = (int)decimal(key, value, 1); break;
    case DEVICES: identity->devices = value; break;
    case UMASK: identity->umask = (mode_t)number(names[key], value, 8, 0777); break;
    case CWD:
        if (*value != '/')
            fail(IDENTITY, "cwd is not absolute: '%s'", value);
        identity->cwd = value;
        break;
    case STDIN: identity->with_stdin = (int)decimal(key, value, 1); break;
    case VERIFY: identity->verify_only = (int)decimal(key, value, 1); break;
    case TTY: identity->with_terminal = (int)decimal(key, value, 1); break;
    case ROWS: identity->rows = (unsigned)decimal(key, value, UINT16_MAX); break;
    case COLUMNS: identity->columns = (unsigned)decimal(key, value, UINT16_MAX); break;
    case LIMIT_MS: identity->limit_ms = decimal(key, value, LIMIT_MS_MAX); break;
    case RLIMIT: parse_limit(value, identity); break;
    case ENV:
    case ARG:
    case UNKNOWN: break; /* counted by the caller */
    }
}

void identity_parse(char *blob, size_t size, struct identity *identity)
{
    size_t records = 0, variables = 0, arguments = 0;
    int seen[ONCE] = {0};

    memset(identity, 0, sizeof *identity);
    if (size == 0 || blob[size - 1])
        fail(IDENTITY, "the identity does not end in NUL");
    for (size_t i = 0; i < size; i++)
        records += !blob[i];
    identity->environment = room_for(records + 2, sizeof(char *)); /* one more for HOME */
    identity->arguments = room_for(records + 1, sizeof(char *));
    for (char *record = blob, *next; record < blob + size; record = next) {
        char *value = NULL;
        enum key key = key_of(record, &value);

        next = record + strlen(record) + 1;
        if (key == ENV)
            identity->environment[variables++] = value;
        else if (key == ARG)
            identity->arguments[arguments++] = value;
        else if (key < ONCE && seen[key]++)
            fail(IDENTITY, "%s is there twice", names[key]);
        else
            take(key, value, identity);
    }
    for (enum key key = 0; key < ONCE; key++)
        if (!seen[key])
            fail(IDENTITY, "%s is missing", names[key]);
    if (!arguments && !identity->verify_only)
        fail(IDENTITY, "arg is missing");
}
