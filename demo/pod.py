"""The pod whose loop owns an isolated CPU at SCHED_FIFO 1, and the scripts that look at it: text, nothing runs here.

The loop is oslat, three runs one after another: beside nothing, which ends by itself, then one for each act, ended by a
signal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from demo import seen
from testbed import oslat

if TYPE_CHECKING:
    from demo.cluster import Stage

Json = dict[str, Any]

POD: Final = "nsexec-demo"
IDLE_SECONDS: Final = 10
_PID_FILE: Final = "/loop.pid"
_OVER: Final = "/over"
"""No run begins any more once it is there."""
_LONG_SECONDS: Final = 24 * 3600
_COPIES: Final = "64K"
"""Each look at the clock takes a lock of QEMU's where there is no hardware acceleration (softmmu/cpu-timers.c,
cpu_get_ticks). Beside a loop that does nothing but look, everything on the other CPUs takes four times as long."""
_FIFO: Final = 1
_WAITS: Final = 20
_LOOKS: Final = 50
_TICKS: Final = 100
"""In a second of /proc/PID/stat's times, whatever the kernel's own are (USER_HZ)."""
_START_TIME_FIELD: Final = 22 - 2
_POLICY_FIELD: Final = 41 - 2
"""Of /proc/PID/stat (proc_pid_stat(5)), counted from behind the name, which may have spaces in it."""

STRAYS: Final = f"""
    read -r loop _ <{_PID_FILE}
    for process in /proc/[0-9]*; do
        case ${{process#/proc/}} in 1 | $$ | "$loop") continue ;; esac
        read -r name <"$process/comm" && echo "$name"
    done 2>/dev/null
    echo .
"""
TELL_STATUS: Final = f"printf '{seen.STATUS % '%s'}' $?"


def in_turn(*scripts: str) -> str:
    """All as one, each whatever became of those before it; ``seen.answers`` reads what it prints."""
    return "".join(f"{{\n{script}\n}}\n{TELL_STATUS}\n" for script in scripts)


def loop_script(folder: str = "") -> str:
    """What the container runs; it keeps its files in FOLDER.

    The loop's PID is there before it begins: with its priority it leaves the container's only CPU to nobody who could
    write it.
    """
    arguments = oslat.options("$cpu", f"{folder}/part", fifo="-f 1", seconds="$2", copies=_COPIES)
    return f"""
        {oslat.OWN_CPU}
        run() {{
            [ ! -e {folder}{_OVER} ] || return 0
            sh -c 'echo $$ >{folder}{_PID_FILE}; exec "$@"' run \\
                chrt -f {oslat.MAIN_PRIORITY} oslat {arguments} >{folder}/words 2>&1 &
            wait $!
            rm {folder}{_PID_FILE}
            mv {folder}/part "{folder}/$1.json" || [ -e {folder}{_OVER} ] || {{ cat {folder}/words; exit 1; }}
        }}
        run idle {IDLE_SECONDS}
        cat {folder}/idle.json
        run nsexec {_LONG_SECONDS}
        run kubectl {_LONG_SECONDS}
        exec sleep {_LONG_SECONDS}
    """


def manifest(stage: Stage) -> Json:
    """The pod."""
    resources = {"cpu": "1", "memory": "128Mi"}
    container = {
        "name": "loop",
        "image": stage.image,
        "command": ["sh", "-c", literally(loop_script())],
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {"capabilities": {"add": ["IPC_LOCK", "SYS_NICE"]}},  # oslat locks its memory; chrt
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    spec = {
        "nodeName": stage.node,
        "hostNetwork": True,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD}, "spec": spec}


def look_script(
    pid_file: str = _PID_FILE,
    policy: int = _FIFO,
    pause_seconds: float = 1,
    preheat_seconds: int = oslat.PREHEAT_SECONDS,
) -> str:
    """Prints what ``seen.look`` reads, once a thread of that file's process measures, by that policy.

    The pod is Ready before its loop has begun, and a run begins with a pre-heat, in a thread of its own: the one that
    measures is younger than the process by that. The loop's time and the clock are read at the same moment: on a busy
    emulated node a third of a second may pass between two files.
    """
    return f"""
        measures() {{
            read -r pid _ <{pid_file} && read -r stat <"/proc/$pid/stat" && set -- ${{stat##*) }} || return 1
            born=${{{_START_TIME_FIELD}}}
            for thread in "/proc/$pid/task"/*; do
                read -r stat <"$thread/stat" && set -- ${{stat##*) }} && [ "${{{_POLICY_FIELD}}}" = {policy} ] &&
                    [ "$((${{{_START_TIME_FIELD}}} - born))" -ge {preheat_seconds * _TICKS} ] && return 0
            done
            return 1
        }}
        look() {{
            tries=0
            until measures; do
                [ "$tries" -lt {_WAITS} ] || return {seen.NO_LOOP_STATUS}
                tries=$((tries + 1))
                sleep {pause_seconds}
            done 2>/dev/null
            before='' after=x tries=0
            until [ "$before" = "$after" ] || [ "$tries" -ge {_LOOKS} ]; do
                read -r before _ </proc/uptime
                read -r had _ <"$thread/schedstat"
                read -r after _ </proc/uptime
                tries=$((tries + 1))
            done
            echo "${{thread##*/}} $had $before $after"
        }}
        look
    """


def end_script(run: str, folder: str = "") -> str:
    """Ends the RUN that is at work and prints what oslat wrote of it; the next one begins by itself."""
    return f"""
        read -r pid _ <{folder}{_PID_FILE} && kill -TERM "$pid"
        tries=0
        until [ -s {folder}/{run}.json ] || [ "$tries" -ge {_WAITS} ]; do
            tries=$((tries + 1))
            sleep 0.5
        done
        cat {folder}/{run}.json
    """


def kill_script(folder: str = "") -> str:
    """Kills the run that is at work; no other one begins."""
    return f': >{folder}{_OVER}; read -r pid _ <{folder}{_PID_FILE} && kill -9 "$pid"'


def literally(text: str) -> str:
    """``text`` as an argument of a container that the kubelet hands on unchanged.

    It replaces ``$(NAME)`` by a variable and ``$$`` by one dollar (k8s.io/kubernetes, expansion.go).
    """

    def doubled(run: re.Match[str]) -> str:
        special = len(run[0]) > 1 or text[run.end() : run.end() + 1] == "("
        return run[0] * 2 if special else run[0]

    return re.sub(r"\$+", doubled, text)
