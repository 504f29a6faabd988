"""The way by ssh or a shell: the command line, who becomes root, and what a refusal says."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.cpus.policy import CpuPolicy
from kubectl_nsexec.errors import NodeAccessError, UsageError
from kubectl_nsexec.helper.config_map import HelperProgram
from kubectl_nsexec.model import via
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.request import Request
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.session.node_facts import address
from kubectl_nsexec.session.plan import Plan
from kubectl_nsexec.target.container_choice import Target
from kubectl_nsexec.transport import shell

if TYPE_CHECKING:
    from pathlib import Path

    from kubectl_nsexec.transport.channels import RemoteStream

UID = "0bb1b2c3-0000-4000-8000-00000000000b"
TARGET = Target(
    namespace="ns",
    pod="p",
    pod_uid=UID,
    cgroup_uid=UID,
    node="worker-0",
    container="c",
    container_id="b0" * 32,
    runtime="cri-o",
    image="image",
    shares_host_pid=False,
    runtime_class="",
    notice=None,
)
WORDS = ["printf", "<%s>", "a b", "it's", "$(id)", "", "line\nline", "*", "`x`", "\\", '"']


def planned(address: str = "10.0.0.5", helper: Any = None) -> Plan:  # noqa: ANN401 - no helper pod is looked at
    """A plan for a target on the node worker-0."""
    policy = CpuPolicy(CpuSet.of(0, 1), "--cpus")
    program = HelperProgram("amd64", b"shim", "agent")
    return Plan(TARGET, policy, helper, None, (), "n0nce0123456789", address, program, False, {}, "")  # noqa: FBT003


def requested(kind: str = via.SSH, user: str = "core", *options: str) -> Request:
    """A request by that way."""
    return Request(pod="p", command=(b"id",), via=via.of_flags(kind, user, options))


class NoTalk:
    """It does not come to a talk."""

    def hold(self, lease: RemoteStream, opening: bytes = b"") -> CpuSet:
        raise AssertionError(lease, opening)

    def enter(self, session: RemoteStream) -> None:
        raise AssertionError(session)


def test_users_options_come_first_and_the_address_cannot_be_one() -> None:
    """To ssh the first value of a setting is the one that counts."""
    argv = shell.ssh_command(via.of_flags(via.SSH, "core", ("Port=22", "User=me")), "-oProxyCommand=x", ["true"])
    assert argv[:5] == ["ssh", "-o", "Port=22", "-o", "User=me"]
    assert argv[-5:-1] == ["-l", "core", "--", "-oProxyCommand=x"]


def test_no_user_leaves_it_to_sshs_configuration() -> None:
    """--ssh-user ''."""
    assert "-l" not in shell.ssh_command(via.of_flags(via.SSH, "", ()), "10.0.0.5", ["true"])


@pytest.mark.parametrize("login_shell", ["sh", "bash", "dash", "busybox sh"])
@pytest.mark.parametrize("uid", [0, 1000])
def test_words_arrive_as_they_are_and_only_a_user_needs_sudo(tmp_path: Path, login_shell: str, uid: int) -> None:
    """Whatever shell the account has; sudo is never asked to ask."""
    (tmp_path / "sudo").write_text('#!/bin/sh\necho "sudo $1 $2"\nshift 2\nexec "$@"\n')
    (tmp_path / "id").write_text(f"#!/bin/sh\necho {uid}\n")
    for program in tmp_path.iterdir():
        program.chmod(0o755)
    remote = shell.ssh_command(via.THROUGH_POD, "node", WORDS)[-1]
    done = subprocess.run(
        [*login_shell.split(), "-c", remote],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    said = "" if uid == 0 else "sudo -n --\n"
    assert done.stdout == said + "".join(f"<{word}>" for word in WORDS[2:])


def test_a_sudo_that_wants_a_password_is_told_from_an_ssh_that_fails() -> None:
    """Different next steps."""
    transport = shell.Shell(requested(), planned(), ExitStack())
    sudo = transport._refused(1, "Banner\nsudo: a password is required")
    ssh = transport._refused(255, "Host key verification failed.")
    missing = transport._refused(None, "ssh: No such file or directory")
    assert "without a password" in sudo.message
    assert "NOPASSWD" in sudo.message
    assert "node worker-0: ssh ended with status 255 before the agent answered:\nHost key" in ssh.message
    assert ssh.message.endswith(
        "try it by hand: ssh -T -a -x -o ClearAllForwardings=yes -o RemoteCommand=none "
        "-o ServerAliveInterval=15 -l core -- 10.0.0.5"
    )
    assert "could not be run" in missing.message


def test_local_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is started."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NodeAccessError, match="takes root"):
        shell.Shell(requested(via.LOCAL), planned(), ExitStack()).start(NoTalk())


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ([("Hostname", "worker-0"), ("ExternalIP", "1.2.3.4"), ("InternalIP", "10.0.0.5")], "10.0.0.5"),
        ([("InternalDNS", "x"), ("Hostname", "worker-0")], "worker-0"),
        ([("ExternalIP", "1.2.3.4")], "n1"),
        ([], "n1"),
    ],
)
def test_the_internal_address_comes_before_the_name(addresses: list[tuple[str, str]], expected: str) -> None:
    """status.addresses of the Node."""
    listed = [{"type": kind, "address": address} for kind, address in addresses]
    assert address({"metadata": {"name": "n1"}, "status": {"addresses": listed}}) == expected


def test_the_agent_gets_both_halves_of_its_protocol() -> None:
    """hold's size and sum of the shim, then enter's words."""
    words = commands.alone_command(
        "n0nce0123",
        CpuSet.of(0),
        "sess1",
        TARGET,
        Request("p", ()).privileges,
        agent_bytes=9,
        shim=b"x",
    )
    assert words[3:8] == ["nsexec-agent", "alone", "n0nce0123", "0", "1"]
    assert words[9:] == ["sess1", TARGET.cgroup_uid, TARGET.container_id, "0", "first", "container"]


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [("telnet", (), "neither pod, ssh nor local"), ("pod", ("Port=1",), "--ssh-option goes with --via ssh")],
)
def test_what_makes_no_sense_is_refused(kind: str, options: tuple[str, ...], words: str) -> None:
    """Before anything is asked."""
    with pytest.raises(UsageError, match=words):
        via.of_flags(kind, "core", options)
