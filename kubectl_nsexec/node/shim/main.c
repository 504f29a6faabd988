/*
 * The shim of nsexec on the node: a static program without dependencies. docs/reference/protocol.md has its arguments.
 *
 *   shim init FOLDER node|image POD_UID WORD...          becomes each of these, or the agent, in a helper pod: see init.h
 *   env NAME=VALUE... FOLDER/program/shim init FOLDER... the same, with variables for the command: see exec_env.h
 *   shim watch HOLDER_PID CPUS CPUSET_FILE...            holds the helper container on the reserved CPUs
 *   shim enter NONCE CPUS IDENTITY_BYTES LEASE KILL_FILE|- FIRST_PID ROOT|- DEVICES_FOLDER|- CONTAINER_FOLDER|-
 *                                                        one session, in /proc/PID
 *   shim guard NONCE POD TOP|- RUN PROGRAM ARGUMENT...   the lease and the session where there is no helper pod
 *   shim serve SOCKET POD DEVICES_FOLDER|- IDLE LIFE HELD  the server of a shared helper pod: waits for sessions
 *   shim session NONCE SOCKET ID IDLE held|- PROGRAM ARGUMENT...  its client: becomes PROGRAM as a session
 *   shim lease NONCE SOCKET ID                           its client: the lease of a session
 *   shim end SOCKET                                      its client: ends it, unless it has a session
 */
#include <string.h>
#include <unistd.h>

#include "cpuset_watch.h"
#include "enter.h"
#include "exec_env.h"
#include "guard.h"
#include "init.h"
#include "profile.h"
#include "report.h"
#include "sealed.h"
#include "server.h"

int main(int count, char **words)
{
    static const char usage[] =
        "usage: shim init FOLDER node|image POD_UID WORD...\n"
        "       shim watch HOLDER_PID CPUS CPUSET_FILE...\n"
        "       shim enter NONCE CPUS IDENTITY_BYTES LEASE KILL_FILE FIRST_PID ROOT DEVICES_FOLDER CONTAINER_FOLDER\n"
        "       shim guard NONCE POD TOP RUN PROGRAM ARGUMENT...\n"
        "       shim serve SOCKET POD DEVICES_FOLDER IDLE LIFE HELD\n"
        "       shim session NONCE SOCKET ID IDLE HELD PROGRAM ARGUMENT...\n"
        "       shim lease NONCE SOCKET ID\n"
        "       shim end SOCKET\n";
    size_t before = exec_env_take(words);

    words += before;
    count -= (int)before;
    if (count == 11 && !strcmp(words[1], "enter") && report_as(words[2])) {
        sealed(words);
        profile_leave();
        memset(words[2], '-', strlen(words[2])); /* what begins our lines is nobody's business (/proc/PID/cmdline) */
        return enter(words + 3);
    }
    if (count >= 7 && !strcmp(words[1], "guard") && report_as(words[2])) {
        profile_leave();
        return guard(words[2], words + 3);
    }
    if (count == 8 && !strcmp(words[1], "serve")) {
        profile_leave();
        return server(words + 2);
    }
    if (count >= 8 && !strcmp(words[1], "session") && report_as(words[2]))
        return client_session(words + 3);
    if (count == 5 && !strcmp(words[1], "lease") && report_as(words[2]))
        return client_lease(words + 3);
    if (count == 3 && !strcmp(words[1], "end"))
        return client_end(words + 2);
    if (count >= 5 && !strcmp(words[1], "watch"))
        return cpuset_watch(words[2], words[3], words + 4);
    if (count >= 6 && !strcmp(words[1], "init"))
        return init(words + 2);
    write_all(STDERR_FILENO, usage, sizeof usage - 1);
    return OWN_FAILURE;
}
