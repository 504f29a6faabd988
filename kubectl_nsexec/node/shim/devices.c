#define _GNU_SOURCE
#include "devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "programs.h"
#include "report.h"

#define RULE_ROOM 64

static int parse_device(const char *text, int64_t *number)
{
    uint64_t value = 0;
    int any = !strcmp(text, "*");

    if (!any && !parse_number(text, 10, INT32_MAX, &value))
        return 0;
    *number = any ? ANY_NUMBER : (int64_t)value;
    return 1;
}

/* 0 when it is none. */
static int parse_access(const char *text)
{
    int access = 0;

    for (; *text; text++)
        switch (*text) {
        case 'r': access |= BPF_DEVCG_ACC_READ; break;
        case 'w': access |= BPF_DEVCG_ACC_WRITE; break;
        case 'm': access |= BPF_DEVCG_ACC_MKNOD; break;
        default: return 0;
        }
    return access;
}

static struct device_rule parse_rule(const char *text)
{
    char words[RULE_ROOM], *rest = words, *type, *major, *minor;
    struct device_rule rule = {.denies = *text == DENIES};

    strcpy(words, text + rule.denies);
    type = strsep(&rest, " ");
    major = strsep(&rest, ":");
    minor = strsep(&rest, " ");
    if (rest && parse_device(major, &rule.major) && parse_device(minor, &rule.minor))
        rule.access = parse_access(rest);
    rule.type = !strcmp(type, "b") ? BPF_DEVCG_DEV_BLOCK : !strcmp(type, "c") ? BPF_DEVCG_DEV_CHAR : 0;
    if (!rule.access || !rule.type)
        fail(IDENTITY, "bad rule for devices: '%s'", text);
    return rule;
}

/* The next of RULES (see devices.h) into ROOM, and where the one after it begins; NULL after the last. */
static const char *next_rule(const char *rules, char room[RULE_ROOM])
{
    size_t length = strcspn(rules, ",");

    if (!*rules)
        return NULL;
    if (length >= RULE_ROOM)
        fail(IDENTITY, "bad rule for devices: '%.64s'", rules);
    memcpy(room, rules, length);
    room[length] = 0;
    return rules + length + (rules[length] == ',');
}

/* Past the word of RULES that allows everything, which is the first if it is there. */
static int skip_everything(const char **rules)
{
    size_t length = strlen(DEVICES_ALL);
    int there = !strncmp(*rules, DEVICES_ALL ",", length + 1);

    *rules += there ? length + 1 : 0;
    return there;
}

/* --- cgroup v1: words for the kernel --- */

static void put(int folder, const char *file, const char *text)
{
    int fd = openat(folder, file, O_WRONLY | O_CLOEXEC), error;

    error = fd < 0 ? errno : write_all(fd, text, strlen(text));
    if (error)
        fail(IDENTITY, "the container's devices cannot be had: '%s' for %s: %s", text, file, strerror(error));
    close(fd);
}

static void say_by_words(int folder, const char *rules)
{
    char rule[RULE_ROOM];

    /* With everything allowed it is as it was made: it has what our own container has. */
    if (!skip_everything(&rules))
        put(folder, "devices.deny", "a");
    while ((rules = next_rule(rules, rule))) {
        int denies = parse_rule(rule).denies;
        put(folder, denies ? "devices.deny" : "devices.allow", rule + denies);
    }
}

/* --- cgroup v2: a program --- */

static void say_by_program(int folder, const char *rules)
{
    static struct device_rule parsed[DEVICE_RULES_MAX];
    char rule[RULE_ROOM];
    size_t count = 0, denials = 0;
    int everything = skip_everything(&rules);

    while ((rules = next_rule(rules, rule))) {
        if (count == DEVICE_RULES_MAX)
            fail(IDENTITY, "more than %d rules for devices", DEVICE_RULES_MAX);
        parsed[count] = parse_rule(rule);
        denials += parsed[count++].denies != 0;
    }
    if (everything && !denials)
        return;
    if (programs_decide(folder, parsed, count, everything))
        fail(IDENTITY, "the container's devices cannot be had, a BPF program is refused: %s", strerror(errno));
}

void devices_confine(const char *rules, const char *folder, const char *container)
{
    int fd;

    if (!strcmp(rules, DEVICES_ALL))
        return;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fail(IDENTITY, "the cgroup folder %s for the container's devices cannot be opened: %s", folder,
             strerror(errno));
    if (!faccessat(fd, "devices.deny", F_OK, 0))
        say_by_words(fd, rules);
    else if (!programs_take_over(fd, container))
        say_by_program(fd, rules);
    close(fd);
}
