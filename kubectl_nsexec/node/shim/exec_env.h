/*
 * Variables that others give to an exec on its way to the helper pod. They are meant for the command: with an exec into the
 * container itself it would have them.
 *
 *   env NAME=VALUE... before its words     by an admission webhook, e.g. the Security Profiles Operator's
 *   KUBERNETES_EXEC_AUDIT_ID               in the environment of the exec, by the API server (KEP-6035)
 *   SPO_EXEC_REQUEST_UID                   the same, should that operator come to use it
 */
#ifndef NSEXEC_EXEC_ENV_H
#define NSEXEC_EXEC_ENV_H

#include <stddef.h>

#include "identity.h"

/*
 * Where this program was called as `env` (the helper's PATH leads there and nowhere else): takes the variables from WORDS,
 * and returns how many words precede our own command, FOLDER/program/shim init FOLDER ...; 0 where it is not called so, or
 * there is no such command.
 */
size_t exec_env_take(char **words);

/* The first word before our command that env(1) would take for anything but a variable, or NULL; we cannot obey it. */
const char *exec_env_odd(void);

/* Forgets the environment but for the variables, which later programs hand on without obeying them; 0 or -1. */
int exec_env_only(void);

/* Puts what exec_env_only() left into the command's environment, over the container's own. Fails (exit 125). */
void exec_env_merge(struct identity *identity);

#endif
