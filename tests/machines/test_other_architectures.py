"""The shim and its seccomp filters on real kernels of the other architectures, each a machine under emulation.

On s390x the bytes of a number stand the other way round.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.identity.seccomp.compiler import compile_filter
from tests.machines.small_machine import EVERY_CAPABILITY, EVERYTHING, ask
from tests.node.shim_lab import USER, identity, status

if TYPE_CHECKING:
    from tests.machines.small_machine import Answer

NOT_FOR_US = 95
"""EOPNOTSUPP: what no kernel answers to these calls by itself."""
TOO_LONG = 2**32 + 5
FILTER = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": NOT_FOR_US},
        {
            "names": ["ftruncate"],
            "action": "SCMP_ACT_ERRNO",
            "errnoRet": NOT_FOR_US,
            "args": [{"index": 1, "value": TOO_LONG, "op": "SCMP_CMP_EQ"}],
        },
    ],
}
SCRIPT = f"""\
cat /proc/self/status
mkdir /tmp/folder 2>&1 && echo "made a folder"
truncate -s 5 "/tmp/of-$(id -u)" && echo "five bytes"
truncate -s {TOO_LONG} "/tmp/of-$(id -u)" 2>&1 && echo "four gibibytes"
ulimit -n; pwd; env
exit 37
"""


def records(architecture: str) -> dict[str, bytes]:
    """The sessions that the machine is to start, by name."""
    program = compile_filter(FILTER, architecture).program.hex()
    user = {**EVERYTHING, **USER, "groups": "7,8", "no_new_privs": "1", "umask": "0027", "cwd": "/tmp"}
    return {
        "user": identity("sh", "-c", SCRIPT, **user, rlimit="7:100:200", seccomp=program, env=["PATH=/bin", "A=b"]),
        "root": identity("sh", "-c", SCRIPT, **EVERYTHING, seccomp=program, env=["PATH=/bin"]),
        "terminal": identity(
            "sh", "-c", "tty; stty size; exit 3", **EVERYTHING, tty="1", rows="33", columns="99", env=["PATH=/bin"]
        ),
    }


@pytest.fixture(scope="module", params=["arm64", "ppc64le", "s390x"])
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """What the sessions ended with, by name, on a machine of each architecture."""
    architecture = request.param
    return ask(architecture, records(architecture), tmp_path_factory.mktemp(architecture))


def test_a_user_is_who_the_records_say(answers: dict[str, Answer]) -> None:
    """Ids, groups, capabilities, umask, limits, directory and environment; the exit code is the command's."""
    code, event, output = answers["user"][:3]
    assert (code, event["event"], event["mask"]) == (37, "start", "0")
    assert status(output, "Uid").split() == ["1234"] * 4
    assert status(output, "Gid").split() == ["1235"] * 4
    assert status(output, "Groups").split() == ["7", "8"]
    assert (status(output, "NoNewPrivs"), status(output, "Umask"), status(output, "CapEff")) == ("1", "0027", "0" * 16)
    assert "\n100\n/tmp\n" in output
    assert "\nA=b\n" in output


def test_root_keeps_its_capabilities(answers: dict[str, Answer]) -> None:
    """The filter was loaded without no_new_privs."""
    code, _, output = answers["root"][:3]
    assert (code, status(output, "NoNewPrivs"), status(output, "Uid").split()) == (37, "0", ["0"] * 4)
    assert status(output, "CapEff") == EVERY_CAPABILITY


@pytest.mark.parametrize("name", ["user", "root"])
def test_the_filter_is_the_kernels(answers: dict[str, Answer], name: str) -> None:
    """It knows the architecture, its numbers of the calls, and both halves of an argument."""
    output = answers[name].output
    assert status(output, "Seccomp") == "2"
    assert "can't create directory '/tmp/folder': Operation not supported\n" in output
    assert re.search(r"\nfive bytes\ntruncate: /tmp/of-\d+: truncate: Operation not supported\n", output)


def test_a_terminal_is_the_containers(answers: dict[str, Answer]) -> None:
    """Of its own /dev/pts, and as large as asked for."""
    assert answers["terminal"].event["tty"] == "container"
    assert (answers["terminal"].code, answers["terminal"].output.split()) == (3, ["/dev/pts/0", "33", "99"])
