"""The demo: what it reads is what was printed, what it could not measure it says, and it never ends in a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from demo import __main__ as demo
from demo import acts, picture, programs, seen
from demo import pod as pod_of
from demo.boundary import SignalReceived, status_of
from demo.cluster import Stage, node_with_profile
from demo.programs import DemoError, Ended
from demo.seen import Look, Unseen
from testbed import errors
from testbed.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_REPOSITORY: Final = Path(__file__).parents[3]
_SECONDS: Final = 60

Answers = dict[str, list[Ended | None]]


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("17 5000000000 100.25 100.25\n", Look(17, 5.0, 100.25)),
        ("17 5000000000 100.25 100.35\n", Look(17, 5.0, 100.3)),
        ("17 0 100 100\n", Look(17, 0.0, 100.0)),
        ("version 100.25\n", "could not be read"),  # the field's: /proc//schedstat, of a loop without a PID
        (" version 100.25 100.25\n", "could not be read"),
        ("17 version 100.25 100.25\n", "could not be read"),
        ("17  100.25 100.25\n", "could not be read"),
        ("17 5000000000 100.25\n", "could not be read"),
        ("17 5000000000 100.25 100.25\nmore\n", "could not be read"),
        ("17 5000000000 1e2 1e2\n", "could not be read"),
        ("17 -5 100.25 100.25\n", "could not be read"),
        ("cat: can't open '/loop.pid'\n", "could not be read"),
        ("", "could not be read"),
        ("17 5000000000 100.25 101.25\n", "too busy"),
        ("17 5000000000 100.25 99.25\n", "too busy"),
    ],
)
def test_a_look_is_four_numbers_or_none(output: str, found: Look | str) -> None:
    """Anything else was not measured, and is never taken for a number."""
    look = seen.look(output)
    if isinstance(found, str):
        assert isinstance(look, Unseen)
        assert found in look.reason
    else:
        assert isinstance(look, Look)
        assert look == pytest.approx(found)


@pytest.mark.parametrize("shell", [["dash"], ["busybox", "ash"], ["bash"]], ids=" ".join)
@pytest.mark.parametrize("written", [None, "", "version\n", "0\n", "4194305\n", "SELF\n"])
def test_a_look_waits_for_the_loop_and_never_takes_another_file_for_it(
    tmp_path: Path, shell: list[str], written: str | None
) -> None:
    """The pod is Ready before its loop has written its PID, and then before it is at SCHED_FIFO."""
    file = tmp_path / "loop.pid"
    if written is not None:
        file.write_text(written.replace("SELF", str(os.getpid())))
    found = {policy: Ended(0, "", "") for policy in (os.SCHED_OTHER, os.SCHED_FIFO)}
    for policy in found:
        script = pod_of.look_script(str(file), policy, pause_seconds=0, preheat_seconds=0)
        done = programs.run([*shell, "-c", script], _SECONDS)
        assert done is not None
        found[policy] = done
    assert found[os.SCHED_FIFO] == Ended(seen.NO_LOOP_STATUS, "", "")
    if written == "SELF\n":
        look = seen.look(found[os.SCHED_OTHER].stdout)
        assert isinstance(look, Look)
        assert Path(f"/proc/self/task/{look.pid}").exists()
    else:
        assert found[os.SCHED_OTHER].status == seen.NO_LOOP_STATUS


FIRST: Final = Look(17, 5.0, 100.0)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (FIRST, Look(17, 14.5, 110.0), "had its CPU 95.0% of the time"),
        (FIRST, Look(17, 15.02, 110.0), "had its CPU 100.0% of the time"),
        (FIRST, Look(17, 5.0, 110.0), "had its CPU 0.0% of the time"),
        (FIRST, Look(18, 14.5, 110.0), "not measured: the loop began anew"),
        (FIRST, FIRST, "not measured: the loop had 0.00 s of 0.00 s"),
        (FIRST, Look(17, 4.0, 110.0), "not measured: the loop had -1.00 s of 10.00 s"),
        (FIRST, Look(17, 25.0, 110.0), "not measured: the loop had 20.00 s of 10.00 s"),
        (FIRST, Unseen("why"), "not measured: why"),
        (Unseen("why"), FIRST, "not measured: why"),
    ],
)
def test_the_loops_share_is_told_only_where_it_was_measured(
    before: Look | Unseen, after: Look | Unseen, words: str
) -> None:
    """Between two looks at one loop, by the node's clock."""
    assert seen.loop_words(before, after) == words


@pytest.mark.parametrize(
    ("output", "mask"),
    [
        ("Cpus_allowed_list:\t0-1\n", "0-1"),
        ("Cpus_allowed_list:\t0,2-3\n", "0,2-3"),
        ("a line before\nCpus_allowed_list:\t7\n", "7"),
        ("Cpus_allowed_list:\t\n", "none"),
        ("Cpus_allowed:\tff\n", "none"),
        ("time: 0-1\n", "none"),
        ("", "none"),
    ],
)
def test_a_mask_is_that_line_and_nothing_else(output: str, mask: str) -> None:
    """Of /proc/PID/status."""
    assert seen.mask(output) == mask


@pytest.mark.parametrize(
    ("output", "cell"),
    [
        (".\n", "nothing"),
        ("runc:[2:INIT]\n.\n", "1 starving: runc:[2:INIT]"),
        ("sh\nsh\ngrep\n.\n", "3 starving: grep, sh"),
        ("sh\n", "not measured: the list of processes is not whole"),
        ("", "not measured: the list of processes is not whole"),
    ],
)
def test_a_list_of_processes_is_whole_or_not_measured(output: str, cell: str) -> None:
    """A script that ended on the way found nothing, which is not the same as that there is nothing."""
    assert seen.strays(output) == cell


@pytest.mark.parametrize(
    ("status", "stderr", "reason"),
    [
        (125, 'error: the helper pod "x" did not run within 30s; last event: none\n', seen.hung(30).reason),
        (125, "error: the node did not start the command within 30s; nothing was started\n", seen.hung(30).reason),
        (1, "error: the API server x did not open the stream in time: the node's kubelet", seen.hung(30).reason),
        (1, "\nError from server (NotFound): pods not found\n", "Error from server (NotFound): pods not found"),
        (1, "error: " + 100 * "x" + "\nmore", 100 * "x"),
        (137, "", "the look ended with status 137"),
    ],
)
def test_a_look_that_failed_says_why(status: int, stderr: str, reason: str) -> None:
    """In the words of what failed; cut where it is a cell of the table."""
    unseen = seen.why_unseen(status, stderr, 30)
    assert unseen == Unseen(reason)
    assert len(unseen.cell()) <= 80


@pytest.mark.parametrize("shell", [["dash"], ["busybox", "ash"], ["bash"]], ids=" ".join)
def test_scripts_run_in_turn_whatever_became_of_those_before(shell: list[str]) -> None:
    """And each says how it ended, whether its output ends with a line's end or not."""
    scripts = ("echo one; cat /nowhere", "printf two", f"f() {{ return {seen.NO_LOOP_STATUS}; }}; f", "true", "exit")
    done = programs.run([*shell, "-c", pod_of.in_turn(*scripts)], _SECONDS)
    assert done is not None
    failed, none = Unseen("the look ended with status 1"), Unseen("there is no loop at SCHED_FIFO")
    assert seen.answers(done.stdout, len(scripts)) == [failed, "two", none, "", Unseen("the look ended on its way")]


def pod(phase: str, **status: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """The pod as the API server shows it."""
    return {"metadata": {"name": pod_of.POD}, "status": {"phase": phase, **status}}


READY: Final = pod("Running", conditions=[{"type": "Ready", "status": "True"}])
NO_CPU: Final = pod("Failed", reason="UnexpectedAdmissionError", message="Allocate failed")


@pytest.mark.parametrize(
    ("shown", "kind", "words"),
    [
        (READY, "ready", ""),
        (NO_CPU, "no CPU yet", "UnexpectedAdmissionError: Allocate failed"),
        (pod("Failed", reason="NodeAffinity"), "failed", "NodeAffinity"),
        (pod("Succeeded"), "failed", "it has ended"),
        (pod("Pending", conditions=[{"type": "Ready", "status": "False"}]), "waiting", "not taken it up"),
        (
            pod("Pending", containerStatuses=[{"state": {"waiting": {"reason": "ErrImagePull", "message": "why"}}}]),
            "waiting",
            "ErrImagePull: why",
        ),
        (pod("Running", containerStatuses=[{"state": {"running": None}}, {}]), "waiting", "not taken it up"),
        ({}, "waiting", "not taken it up"),
    ],
)
def test_a_pods_state_is_told_in_the_nodes_words(shown: dict[str, Any], kind: str, words: str) -> None:
    """Whatever of its record is missing yet."""
    state = seen.pod_state(shown)
    assert state.kind == kind
    assert words in state.words


class Script:
    """Answers for programs by what they are run for, one after the other, the last one again; None: it hangs."""

    def __init__(self, **answers: list[Ended | None]) -> None:
        self.answers: Answers = {"delete": [ok()], "create": [ok()], "get_pods": [ok()], "kill": [ok()], **answers}
        self.ran: list[str] = []

    def __call__(
        self, argv: Sequence[str], seconds: float, *, stdin: str | None = None, show_stderr: bool = False
    ) -> Ended | None:
        assert seconds > 0
        del stdin, show_stderr
        if pod_of.TELL_STATUS in argv[-1]:
            return self._inside(argv[-1].split(pod_of.TELL_STATUS)[:-1])
        return self._answer(self._what(list(argv)))

    def _answer(self, what: str) -> Ended | None:
        self.ran.append(what)
        left = self.answers[what]
        return left.pop(0) if len(left) > 1 else left[0]

    def _inside(self, scripts: list[str]) -> Ended | None:
        """What scripts in the pod print, one after the other."""
        words = {"uptime": "look", "comm": "strays", "kill -9": "kill", "kill -TERM": "longest"}
        printed = ""
        for script in scripts:
            ended = self._answer(next(name for word, name in words.items() if word in script))
            if ended is None:
                return None
            printed += f"{ended.stdout}\n== {ended.status}\n"
        return ok(printed)

    @staticmethod
    def _what(argv: list[str]) -> str:
        if "kubectl_nsexec" in argv:
            return "nsexec"
        words = argv[3:]
        if words[0] == "get":
            return "get_pods" if words[1] == "pods" else "state" if "json" in words else "exists"
        return words[0]


def ok(stdout: str = "") -> Ended:
    """Status 0."""
    return Ended(0, stdout, "")


def looks(*outputs: str) -> list[Ended | None]:
    """What the looks print, one after the other."""
    return [ok(output) for output in outputs]


def oslats(longest_us: int) -> str:
    """What oslat writes of a run."""
    histogram = {"avg": 1.0, "max": longest_us, "duration": 10.0, "histogram": {"1": 1000}}
    return json.dumps({"thread": {"0": histogram}}) + "\n"


def stage(script: Script) -> Stage:
    """A cluster of the user's, whose programs are that script's."""
    return Stage("/nowhere/kubeconfig", "kubectl", "n", "image", script)


WELL: Final[Answers] = {
    "exists": [ok(), ok(f"pod/{pod_of.POD}\n")],
    "state": [ok(json.dumps(READY))],
    "logs": [ok(oslats(52_632))],
    "longest": [ok(oslats(61_000)), ok(oslats(50_400))],
    "look": looks(
        "17 1000000000 100.0 100.0\n",
        "17 9500000000 109.0 109.0\n",
        "17 9600000000 110.0 110.0\n",
        "17 19600000000 120.0 120.0\n",
    ),
    "nsexec": [ok("Cpus_allowed_list:\t0-1\n")],
    "exec": [None],
    "strays": [ok("runc:[2:INIT]\n.\n")],
}


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], int]:
    """Plays the demo on a script's stage."""
    monkeypatch.setattr(acts, "_POLL_SECONDS", 0.0)

    def played(script: Script) -> int:
        monkeypatch.setattr(demo, "stage", lambda: stage(script))
        return status_of("demo", demo.play)

    return played


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Signals are as they were afterwards."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log folder."""
    monkeypatch.setattr(errors, "LOG", tmp_path / "log")
    return tmp_path / "log"


def script(**changed: list[Ended | None]) -> Script:
    """A demo that goes well but for what is changed."""
    return Script(**{name: [*answers] for name, answers in {**WELL, **changed}.items()})


def cells(printed: str) -> dict[str, list[str]]:
    """The table's rows: what they are about, and both cells."""
    rows = [line.split("  ") for line in printed.splitlines()]
    cut = [[word.strip() for word in row if word.strip()] for row in rows]
    return {row[0]: row[1:] for row in cut if len(row) == 3 and not row[0].startswith("-")}


def test_a_demo_that_goes_well(play: Callable[[Script], int], capsys: pytest.CaptureFixture[str]) -> None:
    """The table, one line that sums it up, and nothing left."""
    played = script()
    assert play(played) == 0
    shown = capsys.readouterr()
    assert cells(shown.out) == {
        "CPU mask of the command": ["never seen", "0-1"],
        "time": ["given up after 20 s", cells(shown.out)["time"][1]],
        "exit code": ["none", "0"],
        "the loop": ["had its CPU 100.0% of the time", "had its CPU 94.4% of the time"],
        "its longest gap (oslat)": ["50.4 ms (idle: 52.6 ms)", "61.0 ms (idle: 52.6 ms)"],
        "left behind": ["1 starving: runc:[2:INIT]", "nothing"],
    }
    assert "on the reserved CPUs 0-1" in shown.err
    assert "kubectl exec was given up after 20 s" in shown.err
    assert played.ran[-3:] == ["exists", "kill", "delete"]


@pytest.mark.parametrize(
    ("changed", "row", "cell"),
    [
        ({"look": [*looks("17 1 1.0 1.0\n"), None]}, "the loop", "not measured: the node started nothing within 120 s"),
        ({"look": looks("17 1 1.0 1.0\n", "version 1.0\n")}, "the loop", "not measured: the loop's numbers could not"),
        ({"get_pods": [Ended(1, "", "Forbidden")]}, "left behind", "not measured: kubectl get pods -n failed: Forb"),
        ({"get_pods": [None]}, "left behind", "not measured: kubectl get pods -n did not end within 120 s"),
        ({"longest": [None]}, "the loop", "not measured: the node started nothing within 120 s"),
        ({"longest": [Ended(1, "", "")]}, "its longest gap (oslat)", "not measured: the look ended with status 1"),
        ({"longest": [ok("{")]}, "its longest gap (oslat)", "not measured: what oslat saw could not be read"),
        ({"nsexec": [None]}, "time", "given up after 150 s"),
        ({"nsexec": [Ended(125, "", "")]}, "exit code", "125"),
    ],
)
def test_what_was_not_measured_says_so_in_its_cell(
    play: Callable[[Script], int],
    capsys: pytest.CaptureFixture[str],
    changed: Answers,
    row: str,
    cell: str,
) -> None:
    """The table comes all the same; where it does not show what it is to show, the status says so."""
    status = play(script(**changed))
    shown = capsys.readouterr()
    assert cells(shown.out)[row][1].startswith(cell)
    assert status == (0 if row in {"left behind", "its longest gap (oslat)"} else 1)
    assert "Traceback" not in shown.err


def test_a_node_that_hangs_is_what_the_demo_shows(
    play: Callable[[Script], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing can be measured beside kubectl exec any more, and that is no failure of the demo."""
    played = script(look=[*WELL["look"][:3], None])
    assert play(played) == 0
    table = cells(capsys.readouterr().out)
    unseen = ("the loop", "its longest gap (oslat)", "left behind")
    assert [table[row][0] for row in unseen] == [seen.hung(60).cell()] * len(unseen)
    assert "strays" not in played.ran  # once is enough
    assert played.ran.count("longest") == 1  # of the other act


def test_a_kernel_with_a_fair_server_is_told_of_as_it_is(
    play: Callable[[Script], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """There kubectl exec answers in the end, on the loop's own CPU, and what the loop lost is the story."""
    lost = looks("17 1000000000 100.0 100.0\n", "17 9500000000 108.5 108.5\n", "17 0 0 0\n", "17 9600000000 10 10\n")
    assert play(script(exec=[ok("Cpus_allowed_list:\t2\n")], look=lost, strays=[ok(".\n")])) == 0
    shown = capsys.readouterr()
    assert cells(shown.out)["the loop"][0] == "had its CPU 96.0% of the time"
    assert cells(shown.out)["left behind"] == ["nothing", "nothing"]
    assert "where kubectl exec took 0.0 s on the loop's own CPU 2, and the loop had its CPU 96.0% of" in shown.err


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"exists": [Ended(1, "", "connection refused")]}, "failed: connection refused"),
        ({"exists": [None]}, "kubectl get pod nsexec-demo did not end within 120 s; does the API server answer?"),
        ({"create": [Ended(1, "", "Forbidden")]}, "kubectl create -f - failed: Forbidden"),
        ({"state": [ok("<html>")]}, "kubectl get pod nsexec-demo did not answer with JSON"),
        ({"state": [ok("[]")]}, "answered with something that is no object"),
        ({"state": [ok(json.dumps(pod("Failed", reason="NodeAffinity")))]}, "does not run on node n: NodeAffinity"),
        ({"look": [Ended(3, "", "")]}, "the loop in pod nsexec-demo cannot be seen: there is no loop at SCHED_FIFO"),
        ({"look": looks("version 1.0\n")}, "the loop in pod nsexec-demo cannot be seen: the loop's numbers could not"),
        ({"delete": [Ended(1, "", "timed out")]}, "the pod nsexec-demo may still be there (kubectl delete pod nse"),
    ],
)
def test_a_demo_that_fails_ends_in_a_sentence(
    play: Callable[[Script], int], capsys: pytest.CaptureFixture[str], changed: Answers, words: str
) -> None:
    """And by status 1."""
    assert play(script(**changed)) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert "] demo: " in last
    assert words in last


def test_a_loop_that_tells_nothing_is_named(
    play: Callable[[Script], int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its pod is ready, and its log has no end of the idle run."""
    monkeypatch.setattr(acts, "_READY_SECONDS", 0.1)
    assert play(script(logs=[ok(oslats(1)[:20])])) == 1
    assert "the pod nsexec-demo runs on node n, but its loop has not told in 0.1 s" in capsys.readouterr().err


@pytest.mark.parametrize(("ours", "patience"), [(0.7, 20), (9.9, 20), (10.3, 21), (31.3, 63)])
def test_kubectl_exec_has_several_times_what_ours_took(ours: float, patience: int) -> None:
    """On a slow machine twenty seconds would show nothing."""
    assert acts.patience_seconds(ours) == patience


def test_the_first_look_waits_for_the_end_of_the_idle_run(play: Callable[[Script], int]) -> None:
    """Whose result is in the pod's log once it is over; a part of it is not taken for the whole."""
    played = script(logs=[ok(), ok(oslats(1)[:20]), ok(oslats(1))])
    assert play(played) == 0
    assert played.ran[: played.ran.index("look")].count("logs") == 3


def test_the_loops_own_pid_survives_the_kubelet() -> None:
    """Which makes one dollar of two in a pod's command (k8s.io/kubernetes, expansion.go)."""
    container: dict[str, Any] = pod_of.manifest(stage(script()))["spec"]["containers"][0]
    assert "echo $$ >" in container["command"][-1].replace("$$", "$")


def test_a_pod_that_the_node_has_no_cpu_for_yet_is_made_anew(play: Callable[[Script], int]) -> None:
    """As happens when the demo is repeated: the kubelet gives the last pod's CPU back a moment later."""
    played = script(state=[ok(json.dumps(shown)) for shown in (NO_CPU, NO_CPU, READY)])
    assert play(played) == 0
    assert played.ran.count("create") == 3


def raising(error: BaseException) -> Callable[[], int]:
    """A play that does."""

    def raises() -> int:
        raise error

    return raises


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (DemoError("why"), 1, "demo: why"),
        (ClusterError("the real-time node has lost its valve"), 1, "demo: the real-time node has lost its valve"),
        (subprocess.TimeoutExpired("x", 1), 1, "demo: this should not have happened: TimeoutExpired: "),
        (
            ValueError("invalid literal\nfor int()"),
            1,
            "demo: this should not have happened: ValueError: invalid literal",
        ),
        (KeyError("items"), 1, "demo: this should not have happened: KeyError: 'items'; please report it with "),
        (OSError(2, "No such file"), 1, "demo: this should not have happened: FileNotFoundError"),
        (SignalReceived(signal.SIGINT), 130, "demo: ended by SIGINT"),
        (SignalReceived(signal.SIGTERM), 143, "demo: ended by SIGTERM"),
    ],
)
def test_whatever_happens_is_one_sentence(
    capsys: pytest.CaptureFixture[str], log: Path, error: BaseException, status: int, words: str
) -> None:
    """What nobody has foreseen too; its traceback is in a file, for whoever mends it."""
    assert status_of("demo", raising(error)) == status
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert (log / "traceback").exists() is ("should not" in words)


def test_a_signal_becomes_an_exception_once(capsys: pytest.CaptureFixture[str]) -> None:
    """What it leaves is cleared up, and an impatient second one does not cut that short."""
    cleared = []

    def interrupted() -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)
            cleared.append("all")
        return 0

    assert status_of("demo", interrupted) == 130
    assert cleared == ["all"]
    assert "ended by SIGINT" in capsys.readouterr().err


def run_demo(**environment: str) -> subprocess.CompletedProcess[str]:
    """``python -m demo`` with these variables, on a cluster of the user's."""
    return subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=_REPOSITORY,
        env={**os.environ, "DEMO_KUBECONFIG": "/nowhere", "DEMO_IMAGE": "image", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )


@pytest.mark.parametrize(
    ("kubectl", "words"),
    [
        (None, "there is neither kubectl nor oc on PATH"),
        ("#!/nowhere\n", "kubectl cannot be run: No such file or directory"),
        ("#!/bin/sh\necho '<html>'\n", "kubectl get performanceprofiles -o did not answer with JSON"),
        ("#!/bin/sh\necho '{\"items\":[]}'\n", "no ready node is selected by a PerformanceProfile; DEMO_NODE names"),
        ("#!/bin/sh\necho '{\"items\":[{}]}'\n", "no ready node is selected by a PerformanceProfile; DEMO_NODE names"),
        ("#!/bin/sh\nprintf '\\377' >&2; exit 1\n", "kubectl get performanceprofiles -o failed: \ufffd"),
    ],
)
def test_the_program_as_a_newcomer_starts_it(tmp_path: Path, kubectl: str | None, words: str) -> None:
    """With a cluster of his own, and tools that are missing or answer something else."""
    if kubectl:
        (tmp_path / "kubectl").write_text(kubectl)
        (tmp_path / "kubectl").chmod(0o755)
    done = run_demo(PATH=str(tmp_path))
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_profile_without_a_selector_selects_no_node() -> None:
    """Instead of all of them."""
    only = Script(state=[ok('{"items":[{"spec":{"nodeSelector":null}},{"spec":null}]}')])
    with pytest.raises(DemoError, match="DEMO_NODE names one"):
        node_with_profile(stage(only))


def test_a_program_that_hangs_is_given_up() -> None:
    """And one that is not there is a sentence."""
    assert programs.run(["sleep", "60"], 0.1) is None
    with pytest.raises(DemoError, match="/nowhere cannot be run: No such file"):
        programs.run(["/nowhere"], 1)
    assert programs.run(["sh", "-c", "cat; exit 7"], _SECONDS, stdin="a") == Ended(7, "a", "")


def test_the_picture_ends_the_same_way(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a cluster it says so."""
    monkeypatch.setattr(picture, "KUBECONFIG", Path("/nowhere/kubeconfig"))
    assert status_of("picture", picture.play) == 1
    assert "picture: there is no cluster (/nowhere/kubeconfig is missing)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "value"),
    [("$NAME ${x}", "$NAME ${x}"), ("$$ $$$", "$$$$ $$$$$$"), ("$(date) $$(x", "$$(date) $$$$(x"), ("end$", "end$")],
)
def test_the_loops_dollars_survive_the_kubelet(text: str, value: str) -> None:
    """The kubelet turns $$ into $ and expands $(NAME) in what a pod gives as command: both are doubled for it."""
    assert pod_of.literally(text) == value
