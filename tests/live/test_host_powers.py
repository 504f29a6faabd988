"""More power, when asked for: another user, root with everything, the node's tools, a process of the container."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live.pods import container, guaranteed, pod

if TYPE_CHECKING:
    from tests.live.harness import Finished, Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]

_OWN_FAILURE = 125
_NONE = "0" * 16
STATUS = ("cat", "/proc/self/status")
RESTRICTED = {
    "runAsUser": 1000,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
WORKERS = "cd /tmp; /bin/sleep 100001 & cd /home/worker; /bin/sleep 100002 & cd /; exec /bin/tail -f /dev/null"
DIRECTORIES = 'for p in /proc/[0-9]*; do echo "${p#/proc/} $(readlink $p/cwd)"; done'
PLACES = "for n in cgroup ipc net pid user uts; do readlink /proc/self/ns/$n; done; cut -d: -f1 /proc/net/dev"


@pytest.fixture(scope="module")
def root(shared_pods: Pods, host_node: str) -> Pod:
    """A container that runs as root, in a pod with groups."""
    groups = {"fsGroup": 3000, "supplementalGroups": [4000]}
    return shared_pods.start(pod("power-root", node=host_node, securityContext=groups))


@pytest.fixture(scope="module")
def restricted(shared_pods: Pods, host_node: str) -> Pod:
    """A container that runs as a user, with no capability, a seccomp filter and no_new_privs."""
    return shared_pods.start(pod("power-restricted", container(security=RESTRICTED), node=host_node))


@pytest.fixture(scope="module")
def workers(shared_pods: Pods, host_node: str) -> Pod:
    """A container with two processes of one comm beside its first one, each with a directory of its own."""
    return shared_pods.start(pod("power-workers", container(command=["sh", "-c", WORKERS]), node=host_node))


def run(nsexec: Program, target: Pod, *words: str) -> Finished:
    """``oc nsexec`` into the pod's only container: flags, then ``--`` and the command."""
    return nsexec(target.name, "-n", target.namespace, *words)


def fine(done: Finished) -> str:
    """What it printed, with status 0."""
    assert done.status == 0, done.stderr
    return done.text


def field(text: str, key: str) -> str:
    """A field of /proc/PID/status."""
    return re.search(rf"^{key}:\t(.*)$", text, re.MULTILINE)[1].strip()  # type: ignore[index]


def helpers_own() -> str:
    """Every capability that this machine's root has: the host node is this machine."""
    return field(Path("/proc/self/status").read_text(), "CapBnd")


# --- --privileged ---


def test_privileged_is_root_with_everything(nsexec: Program, restricted: Pod) -> None:
    """Where the container may do nothing, the command may do all; and it is said."""
    done = run(nsexec, restricted, "--privileged", "--", *STATUS)
    status = fine(done)
    assert field(status, "Uid").split() == field(status, "Gid").split() == ["0"] * 4
    assert [field(status, key) for key in ("Groups", "NoNewPrivs", "Seccomp")] == ["", "0", "0"]
    assert [field(status, key) for key in ("CapInh", "CapAmb")] == [_NONE] * 2
    assert {field(status, key) for key in ("CapPrm", "CapEff", "CapBnd")} == {helpers_own()}
    assert done.stderr.startswith("--privileged: the command is root")
    assert done.stderr.count("\n") == 1


def test_privileged_keeps_where_and_with_what(kubectl: Program, nsexec: Program, restricted: Pod) -> None:
    """Namespaces, root, directory, environment and umask are the container's."""
    script = "for n in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$n; done; pwd; umask; ls /; env"
    command = ("--", "sh", "-c", script)
    theirs = kubectl.ok("exec", restricted.name, "-n", restricted.namespace, *command)
    assert sorted(fine(run(nsexec, restricted, "--privileged", *command)).split("\n")) == sorted(
        line.replace("HOME=/home/worker", "HOME=/root") for line in theirs.split("\n")
    )


def test_quiet_silences_what_is_granted(nsexec: Program, restricted: Pod) -> None:
    """-q leaves the command's own words."""
    done = run(nsexec, restricted, "-q", "--privileged", "--", "id", "-u")
    assert (done.status, done.text, done.stderr) == (0, "0\n", "")


def test_verify_shows_what_is_granted(nsexec: Program, restricted: Pod) -> None:
    """A line of the table, beside the proof of the pin."""
    table = fine(run(nsexec, restricted, "--privileged", "--verify"))
    assert re.search(r"^GRANTED +--privileged: ", table, re.MULTILINE)


@pytest.mark.alone
@pytest.mark.parametrize("flags", [("--privileged",), ("--host-tools",), ("--user", "0")])
def test_the_pin_holds(nsexec: Program, pods: Pods, host_node: str, flags: tuple[str, ...]) -> None:
    """Whoever the command is, it is on the CPUs that it would be on anyway, none of them the target's."""
    target = pods.start(guaranteed("power-pinned", node=host_node))
    command = ("--", "grep", "Cpus_allowed_list", "/proc/self/status")
    assert fine(run(nsexec, target, *flags, *command)) == fine(run(nsexec, target, *command))


# --- --user ---


@pytest.mark.parametrize(
    ("user", "uid", "gid"),
    [("1000", "1000", "1000"), ("1000:0", "1000", "0"), ("54321", "54321", "0"), ("0", "0", "0")],
)
def test_another_user_with_the_groups_of_the_pod(nsexec: Program, root: Pod, user: str, uid: str, gid: str) -> None:
    """The group by /etc/passwd where none is given; of the image's groups for its own user nothing is left."""
    status = fine(run(nsexec, root, "--user", user, "--", *STATUS))
    assert set(field(status, "Uid").split()) == {uid}
    assert set(field(status, "Gid").split()) == {gid}
    assert field(status, "Groups").split() == ["3000", "4000"]


def test_a_user_is_as_weak_as_the_same_user_of_a_pod(
    kubectl: Program, nsexec: Program, pods: Pods, root: Pod, host_node: str
) -> None:
    """Capability sets, filter and no_new_privs as in a pod that runs as that user (runAsUser)."""
    same = pods.start(pod("power-same", container(security={"runAsUser": 1000}), node=host_node))
    theirs = kubectl.ok("exec", same.name, "-n", same.namespace, "--", *STATUS)
    ours = fine(run(nsexec, root, "--user", "1000", "--", *STATUS))
    keys = ("Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    assert [field(ours, key) for key in keys] == [field(theirs, key) for key in keys]
    assert field(ours, "CapEff") == _NONE


def test_root_in_a_users_container_is_held_in_as_the_user_is(nsexec: Program, restricted: Pod) -> None:
    """No capability in the bounding set is none for root; the filter and no_new_privs are the container's."""
    done = run(nsexec, restricted, "--user", "0", "--", *STATUS)
    status = fine(done)
    assert field(status, "Uid").split()[0] == "0"
    assert {field(status, key) for key in ("CapPrm", "CapEff", "CapBnd")} == {_NONE}
    assert (field(status, "NoNewPrivs"), field(status, "Seccomp")) == ("1", "2")
    assert done.stderr.startswith("--user: the command is uid 0 ")


def test_root_in_a_users_container_has_the_bounding_set(
    kubectl: Program, nsexec: Program, pods: Pods, root: Pod, host_node: str
) -> None:
    """Without no_new_privs execve(2) gives it, as it does to the root of an ordinary container."""
    target = pods.start(pod("power-user", container(security={"runAsUser": 1000}), node=host_node))
    theirs = kubectl.ok("exec", root.name, "-n", root.namespace, "--", *STATUS)
    ours = fine(run(nsexec, target, "--user", "0:0", "--", *STATUS))
    assert [field(ours, key) for key in ("CapPrm", "CapEff")] == [field(theirs, key) for key in ("CapPrm", "CapEff")]


def test_a_name_is_the_kubeconfigs_user(nsexec: Program, root: Pod) -> None:
    """As in kubectl; both may be given."""
    done = run(nsexec, root, "--user", "nobody-here", "--user", "1000", "--", "id")
    assert done.status == 1
    assert 'auth info "nobody-here" does not exist' in done.stderr


# --- --host-tools ---


def test_the_nodes_tools_see_the_containers_network_and_processes(kubectl: Program, nsexec: Program, root: Pod) -> None:
    """Every namespace but the mounts is the container's, and its root is where the environment says."""
    script = "ls -d $NSEXEC_ROOT/home/worker; pwd; env"
    done = run(nsexec, root, "--host-tools", "--", "sh", "-c", f"{PLACES}; {script}")
    theirs = kubectl.ok("exec", root.name, "-n", root.namespace, "--", "sh", "-c", PLACES)
    assert fine(done).startswith(theirs)
    lines = done.text.removeprefix(theirs).splitlines()
    assert lines[:2] == ["/proc/1/root/home/worker", "/"]
    assert {"HOME=/root", "NSEXEC_PID=1", "NSEXEC_ROOT=/proc/1/root"} <= set(lines)
    assert "HOSTNAME=power-root" not in lines
    assert done.stderr.startswith("--host-tools: ")


def test_the_nodes_own_files_are_seen(nsexec: Program, root: Pod) -> None:
    """Also by a host tool whose libraries the container has not got."""
    text = fine(run(nsexec, root, "--host-tools", "--", "cat", "/etc/os-release"))
    assert text == Path("/etc/os-release").read_text()


@pytest.mark.parametrize("pids", ["hostPID", "shareProcessNamespace"])
def test_where_the_container_is_when_pids_are_shared(nsexec: Program, pods: Pods, host_node: str, pids: str) -> None:
    """Its first process is not number 1: the environment says which it is."""
    target = pods.start(pod("power-shared", node=host_node, **{pids: True}))
    done = run(nsexec, target, "--host-tools", "--", "sh", "-c", "ls -d $NSEXEC_ROOT/home/worker; echo $NSEXEC_PID")
    path, number = fine(done).split()
    assert path == f"/proc/{number}/root/home/worker"
    assert int(number) > 1


def test_nothing_stays_mounted_on_the_node(nsexec: Program, root: Pod) -> None:
    """The command's /proc goes with it."""
    before = Path("/proc/self/mountinfo").read_text().count(" - proc ")
    fine(run(nsexec, root, "--host-tools", "--", "true"))
    assert Path("/proc/self/mountinfo").read_text().count(" - proc ") == before


@pytest.mark.parametrize(("command", "status"), [("exit 7", 7), ("kill -9 $$", 137)])
def test_exit_statuses_are_the_commands(nsexec: Program, root: Pod, command: str, status: int) -> None:
    """As without any power."""
    assert run(nsexec, root, "--host-tools", "--", "sh", "-c", command).status == status


# --- --process ---


def test_a_process_is_entered_by_number_and_by_name(nsexec: Program, workers: Pod) -> None:
    """The command begins where that process works."""
    listed = fine(run(nsexec, workers, "--", "sh", "-c", DIRECTORIES))
    number = next(line.split()[0] for line in listed.splitlines() if line.endswith(" /tmp"))
    done = run(nsexec, workers, "--process", number, "--", "pwd")
    assert fine(done) == "/tmp\n"
    assert done.stderr.startswith("--process: ")
    assert fine(run(nsexec, workers, "--process", "1", "--", "pwd")) == "/\n"
    assert fine(run(nsexec, workers, "--process", "tail", "--privileged", "--", "id", "-u")) == "0\n"


def test_several_processes_of_a_name_are_listed(nsexec: Program, workers: Pod) -> None:
    """None is guessed; each line has what tells them apart."""
    done = run(nsexec, workers, "--process", "sleep", "--", "true")
    assert (done.status, done.text) == (_OWN_FAILURE, "")
    assert "more than one process of the container is called 'sleep'; nothing was started" in done.stderr
    assert re.search(r"^  \d+  sleep  /bin/sleep 100001", done.stderr, re.MULTILINE)
    assert re.search(r"^  \d+  sleep  /bin/sleep 100002", done.stderr, re.MULTILINE)


@pytest.mark.parametrize("process", ["kubelet", "containerd", "4194304"])
def test_processes_outside_the_container_are_not_there(nsexec: Program, workers: Pod, process: str) -> None:
    """The node's own are none of the container's; what it has is listed."""
    done = run(nsexec, workers, "--process", process, "--", "true")
    assert done.status == _OWN_FAILURE
    assert "no process of the container" in done.stderr
    assert "/bin/tail -f /dev/null" in done.stderr


def test_flags_that_contradict_each_other_create_nothing(nsexec: Program, workers: Pod) -> None:
    """A usage error, before the cluster is asked."""
    for flags in (("--privileged", "--host-tools"), ("--privileged", "--user", "0"), ("--host-tools", "--user", "0")):
        done = run(nsexec, workers, *flags, "--", "true")
        assert (done.status, done.text) == (1, "")
        assert "you may not specify" in done.stderr
