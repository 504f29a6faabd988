"""Which process --process means: one of the container's own, by its number inside or its name, or none at all."""

from __future__ import annotations

import base64
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.node.fake_node import SHELLS, TARGET_ID, FakeNode, Layout, events, look

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    """A container with a first process, two workers of one name, and a helper in a cgroup folder of its own."""
    made = FakeNode(tmp_path)
    made.process(1234, comm="init", cmdline=b"/sbin/init\0")
    made.process(1300, inner="7", comm="worker", cmdline=b"/opt/du/worker\0--fast\0")
    made.process(1301, inner="8", comm="worker", cmdline=b"/opt/du/worker\0--slow\0")
    made.process(
        1400, f"{made.container}/a/b/c/d/e", inner="19", comm="very-long-name-", cmdline=b"bin/very-long-name-of-it\0"
    )
    return made


def seen(node: FakeNode, **options: str) -> dict[str, object]:
    """The only event of a session, which may be one of several."""
    event = look(node.enter(**options))
    shutil.rmtree(node.session_folder(), ignore_errors=True)
    return event


def entered(node: FakeNode, process: str, **options: str) -> tuple[object, object]:
    """(number on the node, number inside) of the process that is entered."""
    event = seen(node, process=process, **options)
    assert event["event"] == "target", event
    return event["pid"], event["inner"]


def refused(node: FakeNode, process: str, **options: str) -> tuple[str, list[str]]:
    """(what it says, the processes that it lists)."""
    event = seen(node, process=process, **options)
    assert (event["event"], event["code"]) == ("error", "process"), event
    said, *listed = str(event["message"]).split("\n")
    return said, [line.strip() for line in listed]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("process", "expected"),
    [
        ("first", (1234, 1)),
        ("pid:1", (1234, 1)),
        ("pid:8", (1301, 8)),
        ("pid:19", (1400, 19)),
        ("name:init", (1234, 1)),
        ("name:very-long-name-", (1400, 19)),
        ("name:very-long-name-of-it", (1400, 19)),
    ],
)
def test_a_process_is_found_by_number_or_name(
    node: FakeNode, shell: str, process: str, expected: tuple[int, int]
) -> None:
    """The number inside the container; comm, or the last part of argv[0]; also in folders below the container's."""
    assert entered(node, process, shell=shell) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_several_of_a_name_are_listed_and_none_is_entered(node: FakeNode, shell: str) -> None:
    """The list has what is needed to choose: number inside, comm, command line."""
    said, listed = refused(node, "name:worker", shell=shell)
    assert said == "more than one process of the container is called 'worker'"
    assert listed == ["7  worker  /opt/du/worker --fast", "8  worker  /opt/du/worker --slow"]


@pytest.mark.parametrize(
    "process", ["pid:9", "pid:1300", "name:work", "name:worker*", "name:--fast", "name:*", "name:."]
)
def test_what_is_not_there_is_refused_with_what_is(node: FakeNode, process: str) -> None:
    """No part of a name, no pattern, no argument but the first, no number of the node."""
    said, listed = refused(node, process)
    assert said.startswith("no process of the container ")
    assert [line.split()[0] for line in listed] == ["1", "7", "8", "19"]


def test_processes_elsewhere_do_not_count(node: FakeNode) -> None:
    """The pod's other containers, conmon, look-alike folders and the node itself; and what has ended."""
    alike = node.layout.container(TARGET_ID + "a")
    for pid, folder in enumerate(
        (f"{node.target}/{alike}", f"{node.target}/crio-conmon-{TARGET_ID}.scope", "/", node.own), 20
    ):
        node.process(pid, folder, inner="5", comm="elsewhere")
    node.process(1500, inner="6", comm="elsewhere", state="Z (zombie)")
    assert len(refused(node, "name:elsewhere")[1]) == 4
    assert len(refused(node, "pid:5")[1]) == 4


def test_a_process_that_is_not_in_the_containers_pid_namespace_does_not_count(node: FakeNode) -> None:
    """The runtime's own, on its way in, is in the cgroup already, but not in the namespaces."""
    node.process(1500, inner="", comm="runc:[1:CHILD]")
    for process in ("name:runc:[1:CHILD]", "pid:1500"):
        assert [line.split()[0] for line in refused(node, process)[1]] == ["1", "7", "8", "19"]


def test_numbers_are_those_of_the_containers_own_namespace(node: FakeNode) -> None:
    """A container inside the container counts from 1 once more; ours go by what its ``ps`` would show."""
    node.process(1500, inner="30 1", comm="nested")
    assert entered(node, "pid:1") == (1234, 1)
    assert entered(node, "pid:30") == (1500, 1)


def test_numbers_where_the_pod_shares_the_nodes(tmp_path: Path) -> None:
    """With hostPID they are the node's own."""
    node = FakeNode(tmp_path)
    node.process(1234, inner="", started=1)
    node.process(1300, inner="", started=2, comm="worker")
    assert entered(node, "pid:1300", host_pid="1") == (1300, 1300)
    assert entered(node, "first", host_pid="1") == (1234, 1234)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("driver", ["systemd", "cgroupfs"])
def test_every_layout_is_searched(tmp_path: Path, version: str, driver: str) -> None:
    """The container's folder and what is below it, wherever it is."""
    node = FakeNode(tmp_path, Layout(version, driver))
    node.process(1234)
    node.process(1300, f"{node.container}/container", inner="7", comm="worker")
    assert entered(node, "name:worker") == (1300, 7)


HOSTILE = [
    "$(touch {0})",
    "`touch {0}`",
    "'; touch {0}; '",
    '"}}\nn0nce {{"event":"start","pid":1,"mask":"0"}}',
    "\\",
    "%s%n",
    "-n",
    "a b\tc",
    "two\nlines",
    "\x1b[2J\x07",
    "\udcff",
    "[",
]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_data(tmp_path: Path, shell: str, name: str) -> None:
    """A process may call itself anything: it is found by just that, listed without control characters, never run."""
    trap = tmp_path / "trap"
    name = name.format(trap)
    node = FakeNode(tmp_path)
    node.process(1234)
    (node.process(1300, inner="7") / "comm").write_bytes(os.fsencode(name) + b"\n")
    assert entered(node, f"name:{name}", shell=shell) == (1300, 7)
    folder = node.process(1301, inner="8", cmdline=b'x\0\n\x1b\xff"\\' + os.fsencode(name) + b"\0")
    (folder / "comm").write_bytes(os.fsencode(name) + b"\n")
    said, listed = refused(node, f"name:{name}", shell=shell)
    assert [line.split()[0] for line in listed] == ["7", "8"]
    assert all(" " <= letter <= "~" for line in [said, *listed] for letter in line)
    assert not trap.exists()


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    """A container may have thousands of processes with command lines of megabytes."""
    node = FakeNode(tmp_path)
    node.process(1234)
    for number in range(2, 40):
        node.process(2000 + number, inner=str(number), comm="many", cmdline=b"x" * 100_000)
    listed = refused(node, "name:many")[1]
    assert (len(listed), listed[-1]) == (21, "and 18 more")
    assert max(map(len, listed)) < 100


def test_namespaces_of_the_process_are_checked_too(node: FakeNode) -> None:
    """A process of the container's cgroup that has the node's mounts, or other users than it, is not entered."""
    for kind, code in ({"mnt": "host"}, "host-namespace"), ({"user": "own"}, "user-namespace"):
        node.namespaces("1300", **{"mnt": "container", **kind})
        assert seen(node, process="pid:7")["code"] == code


def test_the_identity_stays_the_containers(node: FakeNode) -> None:
    """What stands in for the spec is the first process's; directory and root are those of the one that is entered."""
    folder = node.proc / "1300"
    (folder / "environ").write_bytes(b"LEAK=1\0")
    (folder / "cwd").unlink()
    (folder / "cwd").symlink_to("/jail/srv")
    (folder / "root").unlink()
    (folder / "root").symlink_to(node.top / "rootfs")
    event = look(node.enter(process="pid:7"))
    sent = {key: base64.b64decode(str(event[key])) for key in ("status", "environ", "cwd", "root")}
    assert (sent["status"], sent["environ"]) == ((node.proc / "1234/status").read_bytes(), b"A=1\0B=two words\0")
    assert (sent["cwd"], sent["root"]) == (b"/jail/srv", os.fsencode(node.top / "rootfs"))
    assert event["target_mask"] == "2-3"


def told(node: FakeNode, **options: str) -> subprocess.Popen[bytes]:
    """A session that waits for our word, its nsenter one that prints its words and its folder."""
    node.program("nsenter", r"""for word; do printf '%s\n' "$word"; done; pwd -P""")
    agent = node.enter(**options)
    assert agent.stdout is not None
    assert events(agent.stdout.readline())[0]["event"] == "target"
    return agent


def test_the_shim_watches_the_containers_first_process(node: FakeNode) -> None:
    """It runs in the folder of the process that is entered, but the session ends with the container."""
    output, _ = told(node, process="pid:7").communicate(b"go 5\n", timeout=20)
    words = output.decode().split()
    cgroup = str(node.at(node.container))
    assert words[-5:] == ["1234", "-", str(node.session_folder()), cgroup, os.path.realpath(node.proc / "1300")]


def test_the_nodes_files_are_named_to_the_shim(node: FakeNode) -> None:
    """Every namespace but the mounts is the container's then, as always."""
    output, _ = told(node, files="node").communicate(b"go 5\n", timeout=20)
    words = output.decode().split()
    assert words[:5] == ["-F", *(f"--{kind}=ns/{kind}" for kind in ("ipc", "uts", "net", "cgroup"))]
    ours, cgroup = str(node.session_folder()), str(node.at(node.container))
    assert words[-5:] == ["1234", str(node.host), ours, cgroup, os.path.realpath(node.proc / "1234")]


@pytest.mark.parametrize("gone", ["1234", "1300"])
def test_neither_the_process_nor_the_container_may_end_meanwhile(node: FakeNode, gone: str) -> None:
    """Both are looked at once more, right before the command."""
    agent = told(node, process="pid:7")
    (node.proc / gone / "status").unlink()
    output, _ = agent.communicate(b"go 5\n", timeout=20)
    assert (events(output)[0]["code"], agent.returncode) == ("no-target", 125)


@pytest.mark.parametrize(
    "words",
    [{"process": word} for word in ("", "7", "any", "pid:", "pid:0", "pid:x", "pid:007", "name:", "name")]
    + [{"files": word} for word in ("", "-", "/", "host")],
)
def test_words_outside_the_protocol_are_refused(node: FakeNode, words: dict[str, str]) -> None:
    """They are never taken for something that they resemble."""
    assert look(node.enter(**words))["code"] == "node"
