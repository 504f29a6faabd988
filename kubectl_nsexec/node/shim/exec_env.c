#define _GNU_SOURCE
#include "exec_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define OWN_PATH "/program/shim" /* below FOLDER: helper/manifest.py */
#define PASSED "NSEXEC_EXEC_ENV_"
#define VARIABLES_MAX 256 /* as many as the API server takes of a user (KEP-6035) */

static const char *const by_server[] = {"KUBERNETES_EXEC_AUDIT_ID", "SPO_EXEC_REQUEST_UID"};
static char *taken[VARIABLES_MAX];
static size_t taken_count;
static const char *odd;

static int is_env(const char *word)
{
    const char *slash = strrchr(word, '/');

    return !strcmp(slash ? slash + 1 : word, "env");
}

/* FOLDER/program/shim init FOLDER: no other word of the line is asked what it is to run. */
static int is_own(char *const *words)
{
    size_t length;

    if (!words[1] || !words[2] || strcmp(words[1], "init"))
        return 0;
    length = strlen(words[2]);
    return !strncmp(words[0], words[2], length) && !strcmp(words[0] + length, OWN_PATH);
}

size_t exec_env_take(char **words)
{
    size_t at;

    if (!words[0] || !is_env(words[0]))
        return 0;
    for (at = 1; words[at] && !is_own(words + at); at++) {
        const char *equals = strchr(words[at], '=');

        if (equals && equals != words[at] && *words[at] != '-' && taken_count < VARIABLES_MAX)
            taken[taken_count++] = words[at];
        else if (!is_env(words[at]) && strcmp(words[at], "--") && !odd) /* several webhooks put several `env` there */
            odd = words[at];
    }
    return words[at] ? at : 0;
}

const char *exec_env_odd(void)
{
    return odd;
}

/* By a name that no shell, loader or library obeys, whatever the variable is called. */
static int pass(size_t number, const char *name, const char *value)
{
    char variable[sizeof PASSED + 20], *text;
    int failed;

    snprintf(variable, sizeof variable, PASSED "%zu", number);
    if (asprintf(&text, "%s%s%s", name, *name ? "=" : "", value) < 0)
        return -1;
    failed = setenv(variable, text, 1);
    free(text);
    return failed;
}

int exec_env_only(void)
{
    const char *values[sizeof by_server / sizeof *by_server];
    size_t number = 0;

    for (size_t i = 0; i < sizeof by_server / sizeof *by_server; i++)
        values[i] = getenv(by_server[i]);
    if (clearenv()) /* of the strings themselves, which execve(2) put there, nothing is freed */
        return -1;
    /* The helper's manifest sets them to nothing, so that the image's are not taken for the server's. */
    for (size_t i = 0; i < sizeof by_server / sizeof *by_server; i++)
        if (values[i] && *values[i] && pass(number++, by_server[i], values[i]))
            return -1;
    for (size_t i = 0; i < taken_count; i++)
        if (pass(number++, "", taken[i]))
            return -1;
    return 0;
}

static char *passed(size_t number)
{
    char variable[sizeof PASSED + 20];

    snprintf(variable, sizeof variable, PASSED "%zu", number);
    return getenv(variable);
}

/* VARIABLE in the place of one of that name, else at the end. */
static void put(char **environment, char *variable)
{
    const char *equals = strchr(variable, '=');
    size_t length = equals ? (size_t)(equals - variable) + 1 : 0;

    if (length < 2)
        return;
    while (*environment && strncmp(*environment, variable, length))
        environment++;
    *environment = variable;
}

void exec_env_merge(struct identity *identity)
{
    size_t own = 0, more = 0;
    char **environment;

    while (identity->environment[own])
        own++;
    while (passed(more))
        more++;
    if (!more)
        return;
    environment = calloc(own + more + 1, sizeof *environment);
    if (!environment)
        fail(IDENTITY, "no memory for %zu variables", own + more);
    memcpy(environment, identity->environment, own * sizeof *environment);
    for (size_t i = 0; i < more; i++)
        put(environment, passed(i));
    free(identity->environment);
    identity->environment = environment;
}
