/*
 * The last link of nsexec on the node: a static program without dependencies.
 *
 *   last-link enter NONCE CPUS IDENTITY_BYTES LEASE KILL_FILE|- FIRST_PID ROOT|- DEVICES_FOLDER|- CONTAINER_FOLDER|-
 *                                                                 one session, in /proc/PID
 *   last-link guard NONCE HOME TOP|- RUN PROGRAM ARGUMENT...      the lease and the session where there is no helper pod
 *   last-link door DOOR POD DEVICES_FOLDER|- IDLE LIFE HELD       waits for sessions in a helper that is kept
 *   last-link session NONCE DOOR ID IDLE held|- PROGRAM ARGUMENT... becomes PROGRAM as one of them
 *   last-link lease NONCE DOOR ID                                 the lease of one of them
 *   last-link end DOOR                                            ends such a helper, unless somebody is in it
 *   last-link keep HOLDER_PID CPUS CPUSET_FILE...                 holds the helper container on the reserved CPUs
 *   last-link start FOLDER node|image POD_UID WORD...             begins each of these in a helper pod: see start.h
 */
#include <string.h>
#include <unistd.h>

#include "door.h"
#include "enter.h"
#include "guard.h"
#include "keep.h"
#include "profile.h"
#include "report.h"
#include "sealed.h"
#include "start.h"

int main(int count, char **words)
{
    static const char usage[] =
        "usage: last-link enter NONCE CPUS IDENTITY_BYTES LEASE KILL_FILE FIRST_PID ROOT DEVICES_FOLDER CONTAINER_FOLDER\n"
        "       last-link guard NONCE HOME TOP RUN PROGRAM ARGUMENT...\n"
        "       last-link door DOOR POD DEVICES_FOLDER IDLE LIFE HELD\n"
        "       last-link session NONCE DOOR ID IDLE HELD PROGRAM ARGUMENT...\n"
        "       last-link lease NONCE DOOR ID\n"
        "       last-link end DOOR\n"
        "       last-link keep HOLDER_PID CPUS CPUSET_FILE...\n"
        "       last-link start FOLDER node|image POD_UID WORD...\n";

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
    if (count == 8 && !strcmp(words[1], "door")) {
        profile_leave();
        return door(words + 2);
    }
    if (count >= 8 && !strcmp(words[1], "session") && report_as(words[2]))
        return door_session(words + 3);
    if (count == 5 && !strcmp(words[1], "lease") && report_as(words[2]))
        return door_lease(words + 3);
    if (count == 3 && !strcmp(words[1], "end"))
        return door_end(words + 2);
    if (count >= 5 && !strcmp(words[1], "keep"))
        return keep(words[2], words[3], words + 4);
    if (count >= 6 && !strcmp(words[1], "start"))
        return start(words + 2);
    write_all(STDERR_FILENO, usage, sizeof usage - 1);
    return OWN_FAILURE;
}
