"""The SELinux label of a container, on a kernel that enforces a policy."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.machines.small_machine import EVERYTHING, Answer, ask
from tests.node.shim_lab import USER, identity

POLICY = Path(__file__).with_name("policy.cil")
LABEL = "system_u:system_r:container_t:s0:c1,c2"
SCRIPT = "cat /proc/self/attr/current; echo; mkdir /tmp/folder-$(id -u) 2>&1"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """Of sessions with and without a label, and with one that the policy does not know."""
    folder = tmp_path_factory.mktemp("selinux")
    subprocess.run(["secilc", "-o", folder / "policy", "-f", "/dev/null", POLICY], check=True)
    user = {**EVERYTHING, **USER, "no_new_privs": "1"}
    sessions = {
        "root": identity("sh", "-c", SCRIPT, **EVERYTHING, selinux=LABEL),
        "user": identity("sh", "-c", SCRIPT, **user, selinux=LABEL),
        "unlabelled": identity("sh", "-c", SCRIPT, **EVERYTHING),
        "unknown": identity("sh", "-c", SCRIPT, **EVERYTHING, selinux="system_u:system_r:stranger_t:s0"),
    }
    policy = (folder / "policy").read_bytes()
    return ask("amd64", sessions, folder, arguments="security=selinux selinux=1", policy=policy)


@pytest.mark.parametrize("name", ["root", "user"])
def test_the_command_has_the_containers_label(answers: dict[str, Answer], name: str) -> None:
    """And is held to what the policy allows that label."""
    label, said = answers[name].output.split("\n", 1)
    assert label.rstrip("\0") == LABEL
    assert "can't create directory '/tmp/folder-" in said
    assert said.endswith("Permission denied\n")


def test_without_a_label_it_has_the_nodes(answers: dict[str, Answer]) -> None:
    """What the policy denies the container is allowed there: the denial above was the label's."""
    code, _, output = answers["unlabelled"][:3]
    assert output.startswith("system_u:system_r:node_t:")
    assert code == 0


def test_an_unknown_label_starts_nothing(answers: dict[str, Answer]) -> None:
    """Rather than a command without one."""
    code, event, output = answers["unknown"][:3]
    assert (code, event["event"], event["code"], output) == (125, "error", "identity", "")
