"""The look at a node's containers from outside: what the agent says, and what the client makes of it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.cpus import owners, survey, threads
from kubectl_nsexec.cpus.survey import Container
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.messages import ContainerSeen, SurveyBegun, ThreadsSeen
from kubectl_nsexec.node import agent_script
from kubectl_nsexec.protocol.events import parse_event
from tests.node.fake_node import NONCE, SHELLS, TARGET_ID, TARGET_UID, FakeNode, Layout, events

if TYPE_CHECKING:
    from pathlib import Path

NS = 10**9
ASKED = f"of {TARGET_UID} {TARGET_ID}\nend\n".encode()
LAYOUTS = [
    Layout("v1", "cgroupfs", "cri-containerd"),
    Layout("v1", "systemd", "crio"),
    Layout("v2", "systemd", "crio"),
    Layout("v2", "cgroupfs", "crio"),
    Layout("v2", "systemd", "cri-containerd", stray="/system.slice"),
]


class SurveyedNode(FakeNode):
    """With an uptime that goes on while the agent sleeps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.proc / "sys/kernel").mkdir(parents=True)
        (self.proc / "sys/kernel/osrelease").write_text("6.1.0-rt\n")
        (self.proc / "sys/kernel/sched_rt_runtime_us").write_text("-1\n")
        (self.proc / "uptime").write_text("100.00 1.00\n")
        self.sleeps("")

    def sleeps(self, script: str) -> None:
        """What becomes of the node between two looks."""
        self.program("sleep", f'echo "102.00 1.00" >"{self.proc}/uptime"\n{script}')

    def thread(
        self,
        pid: int,
        tid: int,
        comm: str = "loop",
        *,
        policy: int = 0,
        priority: int = 0,
        cpu: int = 2,
        mask: str = "2-3",
        state: str = "S",
        ran_ns: int = 0,
    ) -> None:
        """A thread of a process that is there."""
        folder = self.proc / f"{pid}/task/{tid}"
        folder.mkdir(parents=True, exist_ok=True)
        after = [state, *["0"] * 18, "500", *["0"] * 16, str(cpu), str(priority), str(policy), "0"]
        (folder / "stat").write_text(f"{tid} ({comm}) {' '.join(after)}\n")
        (folder / "schedstat").write_text(f"{ran_ns} 0 7\n")
        (folder / "status").write_text(f"Name:\t{comm!r}\nState:\t{state}\nCpus_allowed_list:\t{mask}\n")

    def survey(self, asked: bytes = ASKED, **options: str) -> list[dict[str, Any]]:
        """All that the agent says; it has to end well."""
        agent = self.start("survey", NONCE, "0-1", **options)
        output, errors = agent.communicate(asked, timeout=60)
        assert (agent.returncode, errors) == (0, b""), output
        self.lines = output.splitlines()
        return events(output)

    def surveyed(self) -> Container | str:
        """What the client makes of the only container."""
        self.survey()
        parsed = [parse_event(line, NONCE) for line in self.lines]
        begun = next(event for event in parsed if isinstance(event, SurveyBegun))
        containers = [event for event in parsed if isinstance(event, ContainerSeen)]
        looks = [event for event in parsed if isinstance(event, ThreadsSeen)]
        of_node = owners.find(begun.node.claims, None, online=begun.node.online)
        return survey.of_containers(containers, looks, of_node)[TARGET_ID]

    def container_seen(self) -> Container:
        """The same, where it could be looked at."""
        found = self.surveyed()
        assert isinstance(found, Container), found
        return found


@pytest.mark.parametrize(
    ("layout", "shell"),
    [*((layout, "sh") for layout in LAYOUTS), *((LAYOUTS[2], shell) for shell in SHELLS if shell != "sh")],
    ids=str,
)
def test_every_thread_is_found_with_its_policy_and_its_cpus(tmp_path: Path, layout: Layout, shell: str) -> None:
    """Also where the first one is ordinary, and in folders below the container's."""
    node = SurveyedNode(tmp_path, layout)
    node.process(77)
    node.process(78, f"{node.container}/child")
    node.thread(77, 77, "main")
    node.thread(77, 79, "lcore-worker-2", policy=1, priority=1, cpu=3, mask="3")
    node.thread(78, 78, "child", policy=2, priority=50)
    begun, container, *looks, end = node.survey(shell=shell)
    assert (begun["event"], begun["mask"], begun["cgroup"]) == ("survey", "0-1", layout.version)
    assert (begun["release"], begun["rt_runtime"], begun["stalld"]) == ("6.1.0-rt", "-1", False)
    assert (container["missing"], sorted(container["processes"])) == ("", [77, 78])
    times = ("100.00", "100.00" if shell == "busybox" else "102.00")  # whose sleep is its own
    assert [(look["look"], look["uptime"]) for look in looks] == [(1, times[0]), (2, times[1])]
    assert end == {"event": "surveyed"}
    found = node.container_seen()
    assert [(each.pid, each.tid, each.process, each.words, each.cpu, str(each.affinity)) for each in found.threads] == [
        (77, 77, "main", 'SCHED_OTHER "main"', 2, "2-3"),
        (77, 79, "main", 'SCHED_FIFO 1 "lcore-worker-2"', 3, "3"),
        (78, 78, "child", 'SCHED_RR 50 "child"', 2, "2-3"),
    ]
    assert [each.tid for each in found.real_time_on(CpuSet.of(3))] == [78, 79]
    assert [each.tid for each in found.real_time_on(CpuSet.of(2))] == [78]
    assert (str(found.allowed), str(found.own), str(found.exec_on)) == ("2-3", "2-3", "2-3")


def test_nothing_is_read_that_takes_a_lock_of_the_process() -> None:
    """Neither cmdline nor environ, nor its memory's map: only these files."""
    script = agent_script().partition("# $1: which look it is, and processes")[2].partition("# → $stalld")[0]
    code = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("#"))
    assert {word for word in ("cmdline", "environ", "maps", "smaps", "exe", "stack") if word in code} == set()


@pytest.mark.parametrize(
    "name", ["a b) R 1 (c", "two\nlines", "1/task/1/stat:", "\n9/task/9/stat:9", '"quoted\\', "(", ")", "\xff"]
)
def test_a_name_is_the_workloads_word_and_makes_no_threads(tmp_path: Path, name: str) -> None:
    """Whatever is in it, it is one thread of that name, at its own priority."""
    node = SurveyedNode(tmp_path)
    node.process(77)
    node.thread(77, 77, name, policy=1, priority=3)
    found = node.container_seen()
    assert [(each.tid, each.thread, each.priority) for each in found.threads] == [(77, name, 3)]


def test_who_can_run_and_does_not_starves(tmp_path: Path) -> None:
    """Runnable in both looks, and not a nanosecond in between; who slept, or ran, does not starve."""
    node = SurveyedNode(tmp_path)
    node.process(77)
    node.thread(77, 77, "loop", policy=1, priority=1, state="R", ran_ns=5 * NS)
    node.thread(77, 78, "runc:[2:INIT]", state="R", ran_ns=1)
    node.thread(77, 79, "sleeper")
    node.sleeps(f'echo "{7 * NS} 0 9" >"{node.proc}/77/task/77/schedstat"')
    found = {each.thread: each for each in node.container_seen().threads}
    assert {name for name, each in found.items() if each.starving} == {"runc:[2:INIT]"}
    assert (found["loop"].share, found["sleeper"].share) == (1.0, 0.0)


def test_one_that_ended_in_between_is_told_as_it_was_seen(tmp_path: Path) -> None:
    """And one that took its number is another."""
    node = SurveyedNode(tmp_path)
    node.process(77)
    node.thread(77, 77, state="R")
    node.thread(77, 78, "gone", state="R")
    node.sleeps(f'rm -r "{node.proc}/77/task/78"')
    assert [(each.thread, each.share, each.starving) for each in node.container_seen().threads] == [
        ("loop", 0.0, True),
        ("gone", None, False),
    ]


def test_a_runtimes_word_about_execs_is_sent_and_nothing_else_of_its_file(tmp_path: Path) -> None:
    """``process.execCPUAffinity`` of config.json, compact or not; the environment in it stays on the node."""
    node = SurveyedNode(tmp_path)
    node.process(77)
    node.thread(77, 77)
    folder = node.host / f"run/containers/storage/overlay-containers/{TARGET_ID}/userdata"
    folder.mkdir(parents=True)
    secret = '"env":["PASSWORD=x","A=\\"execCPUAffinity\\":{\\"final\\":\\"0\\"}"]'
    (folder / "config.json").write_text(
        f'{{"process":{{{secret},\n"execCPUAffinity": {{\n"initial":"2",\n"final":"3"}}}}}}'
    )
    found = node.container_seen()
    assert (str(found.exec_on), found.exec_by) == ("3", "execCPUAffinity")
    container = next(event for event in events(b"\n".join(node.lines)) if event["event"] == "container")
    assert b"PASSWORD" not in base64.b64decode(str(container["affinity"]))


@pytest.mark.parametrize("oci_runtime", ["runc", "crun"])
def test_the_folder_for_execs_goes_before_the_runtimes_file(tmp_path: Path, oci_runtime: str) -> None:
    """CRI-O's since 1.34.4; where crun has a folder of its own for the processes, it is in that."""
    node = SurveyedNode(tmp_path)
    node.process(77)
    node.thread(77, 77)
    above = f"{node.container}/container" if oci_runtime == "crun" else node.container
    node.folder(f"{above}/exec", "2")
    (node.at(node.container) / "cpuset.cpus").write_text("2-3\n")
    found = node.container_seen()
    assert (str(found.exec_on), found.exec_by) == ("2", "cgroup exec")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (f"of {TARGET_UID} {'c' * 64}\nend\n".encode(), "it has no cgroup folder"),
        (ASKED, "no process is in its cgroup folder"),
    ],
)
def test_a_container_that_is_not_there_is_told(tmp_path: Path, asked: bytes, why: str) -> None:
    """It ended meanwhile: no silence, and nothing to wait for."""
    node = SurveyedNode(tmp_path)
    _, container, end = node.survey(asked)
    assert (container["missing"], end) == (why, {"event": "surveyed"})


@pytest.mark.parametrize("asked", [b"", b"of a\n", ASKED[:-4], b"look\n"])
def test_a_client_that_does_not_end_its_list_gets_no_survey(tmp_path: Path, asked: bytes) -> None:
    """It is gone, or talks of something else."""
    node = SurveyedNode(tmp_path)
    agent = node.start("survey", NONCE, "0-1")
    output, _ = agent.communicate(asked, timeout=20)
    assert agent.returncode == 125
    assert "surveyed" not in output.decode()


def test_a_name_that_is_no_component_of_a_path_is_refused(tmp_path: Path) -> None:
    """Whoever sends it."""
    node = SurveyedNode(tmp_path)
    agent = node.start("survey", NONCE, "0-1")
    output, _ = agent.communicate(b"of ../x y\nend\n", timeout=20)
    assert agent.returncode == 125
    assert events(output)[-1]["code"] == "node"


@pytest.mark.parametrize(("mask", "code"), [("0-3", "placement"), ("", "placement")])
def test_it_looks_from_the_reserved_cpus_only(tmp_path: Path, mask: str, code: str) -> None:
    """A helper that is not there says nothing of the node."""
    node = SurveyedNode(tmp_path, mask=mask)
    agent = node.start("survey", NONCE, "0-1")
    output, _ = agent.communicate(ASKED, timeout=20)
    assert agent.returncode == 125
    assert [event["code"] for event in events(output)] == [code]


def test_many_processes_come_in_several_lines(tmp_path: Path) -> None:
    """So that none of them is longer than the client takes."""
    node = SurveyedNode(tmp_path)
    for pid in range(100, 240):
        node.process(pid)
        node.thread(pid, pid)
    looks = [event for event in node.survey() if event["event"] == "threads"]
    assert [look["look"] for look in looks] == [1, 1, 1, 2, 2, 2]
    assert len(node.container_seen().threads) == 140


@pytest.mark.parametrize(
    ("stat", "status"),
    [
        (b"no line\n", b""),
        (b"1/task/1/stat:1 (a) S 0\n", b"1/task/1/status:Cpus_allowed_list:\t0\n"),
        (b"1/task/1/stat:1\n", b"1/task/1/status:Cpus_allowed_list:\t0\n"),
        (b"1/task/1/stat:1 (a) S" + b" 0" * 40 + b"\n", b"1/task/1/status:Cpus_allowed_list:\tx\n"),
        (b"1/task/1/stat:1 (a) S" + b" x" * 40 + b"\n", b"1/task/1/status:Cpus_allowed_list:\t0\n"),
    ],
)
def test_what_is_not_in_the_kernels_form_is_refused(stat: bytes, status: bytes) -> None:
    """Rather than taken for no thread."""
    with pytest.raises(ValueError, match=r".+"):
        threads.of_processes([ThreadsSeen(1, 1.0, stat, status)])


@pytest.mark.parametrize(
    "text",
    [b'"execCPUAffinity":{', b'"execCPUAffinity":{"final":2}', b"[]", b'"x":{}', b'"execCPUAffinity":{"final":"x"}'],
)
def test_an_affinity_that_is_none_is_refused(text: bytes) -> None:
    """As every other record."""
    with pytest.raises(ValueError, match=r".+"):
        survey.affinity(text)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_session_tells_the_threads_when_it_is_asked_and_goes_on(tmp_path: Path, shell: str) -> None:
    """For a proof: one look, without a pause; then it hands over as it would have."""
    node = SurveyedNode(tmp_path)
    node.process(1234)
    node.thread(1234, 1235, "worker", policy=1, priority=1)
    node.program("nsenter", 'printf "%s\\n" "$@" >"${0%/*}/entered"; cat')
    node.sleeps("exit 1")
    agent = node.enter(shell=shell)
    output, errors = agent.communicate(b"threads\ngo 5\nrest\n", timeout=20)
    assert (agent.returncode, errors) == (0, b"")
    assert output.endswith(b"rest\n")
    lines = [line for line in output.splitlines() if line.startswith(NONCE.encode())]
    assert [each["event"] for each in events(b"\n".join(lines))] == ["target", "container", "threads", "surveyed"]
    entered = (node.top / "bin/entered").read_text().split()
    assert entered[-9:] == [
        *(NONCE, "0-1", "5", f"{node.run}/lease", "-", "1234", "-"),
        str(node.session_folder()),
        str(node.at(node.container)),
    ]
