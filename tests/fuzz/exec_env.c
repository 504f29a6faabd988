/* The words of an exec, and what of them comes into the environment of a command: the last of each name, and nothing else. */
#include "../../kubectl_nsexec/node/shim/exec_env.c"

#include "fuzz.h"

#define WORDS_MAX 4096 /* INPUT_MAX of the driver: no input has more */

static char *names[VARIABLES_MAX + 2],
    *values[VARIABLES_MAX + 2]; /* the environment, as the code under test leaves it */
static size_t count;

char *fake_getenv(const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return values[i];
    return NULL;
}

int fake_setenv(const char *name, const char *value, int replace)
{
    if (fake_getenv(name) || !replace || count == VARIABLES_MAX + 2)
        broken("a variable is set twice, or more than there can be");
    if (strncmp(name, PASSED, strlen(PASSED)))
        broken("a name that somebody else obeys is set");
    names[count] = strdup(name);
    values[count++] = strdup(value);
    return 0;
}

int fake_clearenv(void)
{
    while (count) {
        free(names[--count]);
        free(values[count]);
    }
    return 0;
}

/* The last of that name among the words before our command, or NULL. */
static const char *last(char **words, size_t before, const char *variable)
{
    size_t length = (size_t)(strchr(variable, '=') - variable) + 1;
    const char *found = NULL;

    for (size_t i = 1; i < before; i++)
        if (!strncmp(words[i], variable, length))
            found = words[i];
    return found;
}

static void look_at(char **words, size_t before, char *const *environment)
{
    size_t own = 0;

    for (; environment[own]; own++) {
        const char *variable = environment[own], *wanted;

        if (!strchr(variable, '=') || *variable == '=')
            broken("what is no variable is taken for one");
        for (size_t i = 0; i < own; i++)
            if (!strncmp(environment[i], variable, (size_t)(strchr(variable, '=') - variable) + 1))
                broken("a variable is there twice");
        wanted = last(words, before, variable);
        if (wanted ? strcmp(wanted, variable) != 0 : strcmp("A=own", variable) != 0)
            broken("a variable is not the last of its name");
    }
    for (size_t i = 1; i < before; i++) {
        size_t at = 0;

        while (strchr(words[i], '=') && environment[at] && strcmp(environment[at], last(words, before, words[i])))
            at++;
        if (strchr(words[i], '=') && !environment[at])
            broken("a variable is lost");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *blob = malloc(size + 1), *words[WORDS_MAX + 1] = {NULL};
    struct identity identity = {.environment = calloc(2, sizeof(char *))};
    size_t number = 0, before;

    memcpy(blob, data, size);
    blob[size] = 0;
    for (char *word = blob; word < blob + size && number < WORDS_MAX; word += strlen(word) + 1)
        words[number++] = word;
    identity.environment[0] = "A=own";
    fake_clearenv();
    taken_count = 0;
    odd = NULL;
    before = exec_env_take(words);
    if (before && (before >= number || !is_own(words + before)))
        broken("what is not our command is taken for it");
    if (before && !exec_env_odd()) {
        if (exec_env_only())
            broken("the variables cannot be handed on");
        exec_env_merge(&identity);
        look_at(words, before, identity.environment);
    }
    free(identity.environment);
    free(blob);
    return 0;
}
