"""What the agent sends up of the node's own files about CPUs, and what it leaves there."""

from __future__ import annotations

import base64
import os
from typing import IO, TYPE_CHECKING, Any, cast

import pytest

from kubectl_nsexec.cpus.node_files import MAX_FILE_BYTES, read
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.messages import TargetFacts
from kubectl_nsexec.protocol.events import parse_event
from tests.node.fake_node import NONCE, SHELLS, FakeNode, events, look

if TYPE_CHECKING:
    from pathlib import Path

RUNTIMES = '[crio.runtime]\ninfra_ctr_cpuset = "0-1,64-65"\nshared_cpuset = "3,67"\n'
CONFIG = "kind: KubeletConfiguration\ncpuManagerPolicy: static\nreservedSystemCPUs: 0-3,64-67\n"
PINNING = '{"management": {"cpuset": "0-1,64-65"}}'


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    """A node of 128 CPUs with a live target on one of its own."""
    made = FakeNode(tmp_path, mask="0-1,64-65", online="0-59,64-123")
    made.process(1234, mask="70")
    made.kubelet("static", "0-69,71-127")
    return made


def put(node: FakeNode, path: str, text: str = "") -> Path:
    """A file of the node."""
    file = node.host / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def running_kubelet(node: FakeNode, *words: str, pid: int = 900, cgroup: str = "/system.slice/kubelet.service") -> Path:
    """A process that is the node's kubelet, unless CGROUP tells otherwise."""
    cmdline = b"".join(word.encode() + b"\0" for word in ("/usr/bin/kubelet", *words))
    folder = node.process(pid, cgroup, inner="", comm="kubelet", cmdline=cmdline)
    status = folder / "status"
    status.write_text(status.read_text() + "Uid:\t0\t0\t0\t0\n")
    (folder / "root").unlink()
    (folder / "root").symlink_to(node.host)
    return folder


def sent(node: FakeNode, **options: str) -> dict[str, str | None]:
    """Path → text of what a session sends; None for what cannot be read."""
    event = look(node.enter(reserved="0-1,64-65", **options))
    assert event["event"] == "target", event
    files = cast("list[dict[str, Any]]", event["files"])
    return {file["path"]: None if file["data"] is None else base64.b64decode(file["data"]).decode() for file in files}


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_profile_leaves_on_a_node_is_sent(node: FakeNode, shell: str) -> None:
    """CRI-O's drop-ins, workload pinning and the kubelet's configuration, and the client understands them."""
    put(node, "/etc/crio/crio.conf.d/99-runtimes.conf", RUNTIMES)
    put(node, "/etc/kubernetes/openshift-workload-pinning", PINNING)
    put(node, "/etc/kubernetes/kubelet.conf", CONFIG)
    output, _ = node.enter(shell=shell, reserved="0-1,64-65").communicate(timeout=20)
    event = parse_event(output, NONCE)
    assert isinstance(event, TargetFacts)
    found = read(event.sources)
    assert found.problems == ()
    assert [str(claim.cpus) for claim in found.reserved] == ["0-1,64-65", "0-1,64-65"]
    assert found.shared is not None
    assert found.shared.cpus == CpuSet.of(3, 67)
    assert found.kubelet is not None
    assert str(found.kubelet.reserved) == "0-3,64-67"


def test_files_without_a_word_about_cpus_stay_on_the_node(node: FakeNode) -> None:
    """Others may hold what is nobody's business; kubeadm keeps a kubeconfig where OpenShift has the configuration."""
    put(node, "/etc/crio/crio.conf", '[crio.runtime]\n# infra_ctr_cpuset = ""\n  # workloads\nlog_level = "info"\n')
    put(node, "/etc/crio/crio.conf.d/10-auth.conf", '[crio.image]\nglobal_auth_file = "/x"\n')
    put(node, "/etc/kubernetes/kubelet.conf", "kind: Config\nusers: [{user: {token: secret}}]\n")
    put(node, "/etc/kubernetes/openshift-workload-pinning", "{}")
    assert sent(node) == {}


@pytest.mark.parametrize(
    "line",
    [
        'infra_ctr_cpuset = "1"',
        '  infra_ctr_cpuset="1" # c',
        'Shared_CPUSet = "1"',
        'resources = { "cpuset" = "#" }',
        "[crio.runtime.workloads.management]",
        "cpuset = '1'",
    ],
)
def test_every_form_of_a_word_about_cpus_is_sent(node: FakeNode, line: str) -> None:
    """Keys in any case, tables in any notation, and comments behind them."""
    put(node, "/etc/crio/crio.conf.d/10-x.conf", line)
    assert sent(node) == {"/etc/crio/crio.conf.d/10-x.conf": line}


def test_every_file_that_crio_reads_is_looked_at(node: FakeNode) -> None:
    """Whatever its name; also below a folder, and behind a link, an absolute one being the node's."""
    names = ("crio.conf", "crio.conf.d/10", "crio.conf.d/.hidden", "crio.conf.d/sub/20.conf", "crio.conf.d/a b.bak")
    for name in names:
        put(node, f"/etc/crio/{name}", RUNTIMES)
    (node.host / "etc/crio/crio.conf.d/50-link").symlink_to("/usr/share/crio/50")
    (node.host / "etc/crio/crio.conf.d/60-link").symlink_to("../crio.conf")
    put(node, "/usr/share/crio/50", '[crio.runtime]\ninfra_ctr_cpuset = "5"\n')
    found = sent(node)
    assert set(found) == {f"/etc/crio/{name}" for name in (*names, "crio.conf.d/50-link", "crio.conf.d/60-link")}
    assert '"5"' in str(found["/etc/crio/crio.conf.d/50-link"])


def test_what_is_there_and_cannot_be_read_is_told(node: FakeNode) -> None:
    """It may say anything: a link to nowhere, or around in a circle, and what is no file (and would block)."""
    folder = put(node, "/etc/crio/crio.conf.d/10", RUNTIMES).parent
    (folder / "20").symlink_to("/nowhere")
    (folder / "30").symlink_to("30")
    os.mkfifo(folder / "40")
    assert {path for path, text in sent(node).items() if text is None} == {
        f"/etc/crio/crio.conf.d/{n}0" for n in (2, 3, 4)
    }


def test_a_long_file_is_cut_where_the_client_sees_it(node: FakeNode) -> None:
    """A byte more than the client takes."""
    put(node, "/etc/kubernetes/openshift-workload-pinning", PINNING + " " * 70000)
    assert len(str(sent(node)["/etc/kubernetes/openshift-workload-pinning"])) == MAX_FILE_BYTES + 1


def test_of_many_files_one_more_is_named(node: FakeNode) -> None:
    """As one that could not be read, so that the client knows of it."""
    for number in range(40):
        put(node, f"/etc/crio/crio.conf.d/{number:02}", RUNTIMES)
    found = sent(node)
    assert len(found) == 33
    assert [path for path, text in found.items() if text is None] == ["/etc/crio/crio.conf.d/32"]


@pytest.mark.parametrize("cgroup", ["/system.slice/kubelet.service", "/elsewhere"])
@pytest.mark.parametrize("form", ["--config=/etc/own.json", "--config /etc/own.json"])
def test_the_running_kubelet_says_where_its_configuration_is(node: FakeNode, cgroup: str, form: str) -> None:
    """By its flags, as its own root has the file; then the usual places do not count."""
    put(node, "/etc/kubernetes/kubelet.conf", CONFIG)
    put(node, "/etc/own.json", '{"kind":"KubeletConfiguration","cpuManagerPolicy":"static"}')
    put(node, "/etc/own.d/10.conf", "kind: KubeletConfiguration\nreservedSystemCPUs: '1'\n")
    running_kubelet(node, *form.split(), "--config-dir=/etc/own.d", "--reserved-cpus=0", cgroup=cgroup)
    event = look(node.enter(reserved="0-1,64-65"))
    assert [file["path"] for file in cast("list[dict[str, Any]]", event["files"])] == [
        "/etc/own.json",
        "/etc/own.d/10.conf",
    ]
    assert b"--reserved-cpus=0" in base64.b64decode(str(event["kubelet_flags"]))


@pytest.mark.parametrize("who", ["a pod's", "a pod's, seen from a cgroup namespace", "a user's", "two"])
def test_not_everything_called_kubelet_is_the_nodes(node: FakeNode, who: str) -> None:
    """A process of a pod, or of a user, may call itself so; of two, neither is believed."""
    put(node, "/etc/kubernetes/kubelet.conf", CONFIG)
    put(node, "/etc/evil", CONFIG.replace("0-3,64-67", "70"))
    pods = {"a pod's": node.container, "a pod's, seen from a cgroup namespace": "/../../burstable/pod0bb/7"}
    folder = running_kubelet(node, "--config=/etc/evil", cgroup=pods.get(who, "/elsewhere"))
    if who == "a user's":
        (folder / "status").write_text((folder / "status").read_text().replace("Uid:\t0", "Uid:\t1000"))
    if who == "two":
        running_kubelet(node, "--config=/etc/evil", pid=901, cgroup="/elsewhere")
    assert set(sent(node)) == {"/etc/kubernetes/kubelet.conf"}


def test_the_number_inside_is_the_targets_and_not_the_kubelets(node: FakeNode) -> None:
    """A session that gathers, as one in a shared helper pod does, has looked at another process last."""
    running_kubelet(node, pid=900)
    assert look(node.enter(reserved="0-1,64-65"))["inner"] == 1


def test_a_kubelet_that_has_ended_is_no_second_one(node: FakeNode) -> None:
    """One that nobody waited for, from before a restart, is still called kubelet."""
    put(node, "/etc/own.json", CONFIG)
    running_kubelet(node, "--config=/etc/own.json", pid=901, cgroup="/elsewhere")
    ended = running_kubelet(node, cgroup="/elsewhere") / "status"
    ended.write_text(ended.read_text().replace("State:\tS (sleeping)", "State:\tZ (zombie)"))
    assert set(sent(node)) == {"/etc/own.json"}


@pytest.mark.parametrize(
    "path",
    [
        "/etc/kubernetes/kubelet.conf",
        "/var/lib/microshift/resources/kubelet/config/config.yaml",
        "/var/lib/kubelet/config.yaml",
    ],
)
def test_without_a_process_called_kubelet_the_usual_places_count(node: FakeNode, path: str) -> None:
    """OpenShift, MicroShift (whose kubelet is a part of it), kubeadm."""
    put(node, path, CONFIG)
    assert set(sent(node)) == {path}


def test_a_later_session_sends_what_the_main_process_found(node: FakeNode) -> None:
    """It was gathered while the client was on its way: a session loses no time with it."""
    (node.run / "sources").write_text('"kubelet_flags":"","files":[]')
    put(node, "/etc/kubernetes/kubelet.conf", CONFIG)
    assert sent(node) == {}


def test_one_that_is_told_so_looks_anew(node: FakeNode) -> None:
    """A helper pod for many targets began long ago: what it saw may be true no more."""
    (node.run / "sources").write_text('"kubelet_flags":"","files":[]')
    put(node, "/etc/kubernetes/kubelet.conf", CONFIG)
    event = look(node.enter(reserved="0-1,64-65", more="again"))
    assert [file["path"] for file in cast("list[dict[str, Any]]", event["files"])] == ["/etc/kubernetes/kubelet.conf"]


def test_another_word_there_is_refused(node: FakeNode) -> None:
    """As any command line that is none."""
    agent = node.enter(reserved="0-1,64-65", more="never")
    output, said = agent.communicate(timeout=20)
    assert (output, agent.returncode) == (b"", 125)
    assert b"not how it is called" in said


@pytest.mark.parametrize("shell", SHELLS)
def test_a_main_process_without_cpus_asks_for_them(node: FakeNode, shell: str) -> None:
    """It tells where it stands and what the node says, and moves nowhere before it is told where."""
    put(node, "/etc/kubernetes/openshift-workload-pinning", PINNING)
    node.shim("echo ready")
    agent = node.start("hold", NONCE, "ask", "60", shell=shell)
    stdin, stdout = cast("IO[bytes]", agent.stdin), cast("IO[bytes]", agent.stdout)
    own = node.at(node.own) / "cpuset.cpus"
    stdin.write(b"look\n")
    stdin.flush()
    (event,) = events(stdout.readline())
    assert (event["event"], event["mask"]) == ("node", "0-1,64-65")
    assert b"defaultCpuSet" in base64.b64decode(str(event["cpu_manager_state"]))
    assert [file["path"] for file in cast("list[dict[str, Any]]", event["files"])] == [
        "/etc/kubernetes/openshift-workload-pinning"
    ]
    assert own.read_text() == "0-3\n"
    output, _ = agent.communicate(b"place 0-1,64-65\nhold\n", timeout=20)
    assert own.read_text() == "0-1,64-65\n"
    assert (events(output)[0]["event"], agent.returncode) == ("held", 0)


@pytest.mark.parametrize("answer", [b"", b"look", b"go\n", b"look\n", b"look\nstay\n", b"look\nplace"])
def test_a_client_that_gives_no_cpus_ends_it_quietly(node: FakeNode, answer: bytes) -> None:
    """Gone, or of another mind: nothing is moved and nothing more is said."""
    agent = node.start("hold", NONCE, "ask", "5", "0" * 64, "60")
    output, errors = agent.communicate(answer, timeout=20)
    assert (agent.returncode, errors) == (125, b"")
    assert [event["event"] for event in events(output)] == (["node"] if answer.startswith(b"look") else [])
    assert (node.at(node.own) / "cpuset.cpus").read_text() == "0-3\n"


@pytest.mark.parametrize("cpus", ["", "9-", "200", "60-63", "x"])
def test_no_usable_cpus_are_an_error(node: FakeNode, cpus: str) -> None:
    """As on the command line: no list, not online."""
    agent = node.start("hold", NONCE, "ask", "5", "0" * 64, "60")
    output, _ = agent.communicate(f"look\nplace {cpus}\n12345".encode(), timeout=20)
    assert [event.get("code") for event in events(output)] == [None, "placement"]
