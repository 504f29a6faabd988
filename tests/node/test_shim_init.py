"""The first process of the helper container: of the image nothing counts, and the agent begins in the node's root."""

from __future__ import annotations

import json
import os
import select
import subprocess
from typing import IO, TYPE_CHECKING, cast

import pytest

from kubectl_nsexec.helper.manifest import AGENT_KEY, SHIM_KEY
from kubectl_nsexec.protocol.commands import HOLD
from tests.node.shim_lab import NONCE, QUIET_SANITIZERS
from tools.signals import of_mask

if TYPE_CHECKING:
    from pathlib import Path

UID = "0aa1b2c3-0000-4000-8000-00000000000a"
TELLS_ALL = """
printf '%s\\n' "$@" >&2
echo "$(id -u) $(id -g) $(id -G) $(umask) $(pwd)"
ls -d "$NSEXEC_RUN/" "$NSEXEC_SHIM" /node-is-here 2>/dev/null
sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status
exec env
"""
_HELPER = """
mount --rbind / "$1/node" && mount -t tmpfs none "$1/node/$2" && mkdir -p "$1/node/$2/empty" && touch "$1/node/$2/x"
if [ "$3" = no-shell ]; then mount -t tmpfs none "$1/node/bin"; mount -t tmpfs none "$1/node/usr/bin"; fi
shift 3
exec setpriv --groups 4,5 --regid 7 -- "$@"
"""


class Helper:
    """A helper container's mounts below a folder: the node's root is this machine's, the agent a script."""

    def __init__(self, folder: Path, shim: Path, agent: str = TELLS_ALL) -> None:
        self.folder = folder
        for name in ("node", "program", "run"):
            (folder / name).mkdir(parents=True)
        (folder / "program" / SHIM_KEY).symlink_to(shim)
        (folder / "program" / AGENT_KEY).write_text(agent)
        self._shell = "shell"

    def without_shell(self) -> Helper:
        """The node has none."""
        self._shell = "no-shell"
        return self

    def start(self, tools: str, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """The shim, as the runtime starts it, with what an image may say of user, groups and environment."""
        return self._started(
            [str(self.folder / "program" / SHIM_KEY), "init", str(self.folder), tools, UID, *words], environment
        )

    def execute(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """WORDS as a runtime starts an exec: the first one is looked up in the one folder of the helper's PATH."""
        program = self.folder / "program" / words[0]
        named = ["bash", "-c", 'program=$1 name=$2; shift 2; exec -a "$name" "$program" "$@"', "bash", str(program)]
        return self._started([*named, *words], environment)

    def _started(self, started: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        mounts = ["sh", "-c", _HELPER, "sh", str(self.folder), "mnt", self._shell]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", *mounts, *started],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            bufsize=0,  # a line read ahead is lost to communicate()
            env={**os.environ, **QUIET_SANITIZERS, **environment},
        )


def said(process: subprocess.Popen[bytes], stdin: bytes = b"") -> tuple[list[str], list[str], int]:
    """Lines of stdout and stderr, and the status."""
    output, errors = process.communicate(stdin, timeout=20)
    return output.decode().splitlines(), errors.decode().splitlines(), process.returncode


def error(lines: list[str]) -> dict[str, str]:
    """The only line, an error event."""
    (line,) = lines
    event: dict[str, str] = json.loads(line.removeprefix(f"{NONCE} "))
    assert event["event"] == "error"
    return event


@pytest.mark.parametrize(("tools", "host"), [("node", ""), ("image", "{folder}/node")])
def test_the_agent_begins_as_root_of_the_wanted_tree_with_an_environment_of_ours_alone(
    shim: Path, tmp_path: Path, tools: str, host: str
) -> None:
    """Whatever the image says of variables, user, groups, umask and signals, and whatever is open."""
    helper = Helper(tmp_path / "helper", shim)
    started = helper.start(tools, "enter", NONCE, "0-1", "two words", "", LD_LIBRARY_PATH="/evil", ENV="/evil", A="b")
    output, words, status = said(started)
    who, run, program, ignored, *variables = output
    assert status == 0
    assert who == "0 0 0 0022 /"
    assert (run, program) == ("/proc/self/fd/7/", "/proc/self/fd/8/shim")
    assert of_mask(ignored) == set()
    assert words == ["enter", NONCE, "0-1", "two words", ""]
    shells_own = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert {line for line in variables if line.partition("=")[0] not in shells_own} == {
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        f"NSEXEC_HOST={host.format(folder=helper.folder)}",
        "NSEXEC_RUN=/proc/self/fd/7",
        "NSEXEC_SHIM=/proc/self/fd/8/shim",
        f"NSEXEC_POD_UID={UID}",
    }


@pytest.mark.parametrize("tools", ["node", "image"])
def test_the_root_is_the_nodes_unless_the_images_tools_are_wanted(shim: Path, tmp_path: Path, tools: str) -> None:
    """What is mounted into the node's tree is seen below / then, and else where the tree is."""
    helper = Helper(tmp_path / "helper", shim, 'ls -d /mnt/x "$NSEXEC_HOST/mnt/x" 2>/dev/null')
    output, _, _ = said(helper.start(tools, "enter", NONCE))
    below_root = ["/mnt/x", "/mnt/x"]
    assert output == (below_root if tools == "node" else [f"{helper.folder}/node/mnt/x"])


def test_a_main_process_that_finds_no_shell_says_so_once_somebody_listens(shim: Path, tmp_path: Path) -> None:
    """What it said before its client has attached would be lost."""
    started = Helper(tmp_path / "helper", shim).without_shell().start("node", "hold", NONCE, "0-1", "60")
    readable, _, _ = select.select([cast("IO[bytes]", started.stdout)], [], [], 0.3)
    assert not readable
    output, errors, status = said(started, HOLD)
    assert (error(output)["code"], errors, status) == ("node", [], 125)
    assert "/bin/sh of this node cannot be run" in error(output)["message"]


def test_a_main_process_waits_for_its_client_no_longer_than_it_would_have_tried(shim: Path, tmp_path: Path) -> None:
    """It was killed meanwhile."""
    started = Helper(tmp_path / "helper", shim).without_shell().start("node", "hold", NONCE, "0-1", "1")
    assert started.wait(timeout=20) == 125
    started.communicate()


def test_a_session_that_finds_no_shell_says_so_at_once(shim: Path, tmp_path: Path) -> None:
    """Its client is there from the start."""
    output, _, status = said(Helper(tmp_path / "helper", shim).without_shell().start("node", "enter", NONCE, "0-1"))
    assert (error(output)["code"], status) == ("node", 125)


@pytest.mark.parametrize("missing", ["program", "run"])
def test_without_its_own_volumes_nothing_starts(shim: Path, tmp_path: Path, missing: str) -> None:
    """No other path of the container is looked at."""
    helper = Helper(tmp_path / "helper", shim)
    (helper.folder / missing).rename(helper.folder / "elsewhere")
    command = [str(shim), "init", str(helper.folder), "image", UID, "enter", NONCE, "0-1"]
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, **QUIET_SANITIZERS})
    assert (error(done.stdout.decode().splitlines())["code"], done.returncode) == ("node", 125)


def test_a_session_of_a_shared_helper_waits_for_the_server_and_becomes_the_agent(shim: Path, tmp_path: Path) -> None:
    """Another client of the same user may still be starting the helper; lease and end go the same way."""
    helper = Helper(tmp_path / "helper", shim, 'printf "%s\\n" "$@"; read -r _; exit 3')
    session = helper.start("image", "session", NONCE, "one00", "1000", "held", "enter", NONCE, "0-1")
    lease = helper.start("image", "lease", NONCE, "one00")
    server = subprocess.Popen(
        [shim, "serve", helper.folder / "run/server", tmp_path, "-", "1000", "1000", "listening"],
        stdout=subprocess.PIPE,
        env={**os.environ, **QUIET_SANITIZERS},
    )
    for holder in (session, lease):
        line = cast("IO[bytes]", holder.stdout).readline()
        assert json.loads(line.removeprefix(f"{NONCE} ".encode()))["event"] == "held"
    assert said(lease) == ([], [], 0)
    assert said(session, b"\n") == (["enter", NONCE, "0-1"], [], 3)
    while said(helper.start("image", "end"))[2]:
        pass  # until the server has seen that the session is over
    assert server.wait(timeout=20) == 0
    cast("IO[bytes]", server.stdout).close()
