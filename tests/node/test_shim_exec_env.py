"""Variables that a webhook or a server gives to an exec into the helper pod: the command alone obeys them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec import node
from kubectl_nsexec.model.environment import OF_THE_EXEC
from tests.node.shim_lab import NONCE, Session, Target, identity
from tests.node.test_shim_init import UID, Helper, error, said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

AGENT = "env; exit 3"
PASSED = "NSEXEC_EXEC_ENV_"


class Exec(Helper):
    """A helper container in which an exec's first word is looked up by the PATH that the manifest gives it."""

    def __init__(self, folder: Path, shim: Path) -> None:
        super().__init__(folder, shim, AGENT)
        (folder / "program/env").symlink_to(shim)

    def run(self, *before: str, **environment: str) -> tuple[list[str], list[str], int]:
        """What came of ``BEFORE... FOLDER/program/shim init ...``, as a runtime starts it: by argv[0] and PATH."""
        return said(self.execute(*before, str(self.folder / "program/shim"), *self.own_words(), **environment))

    def own_words(self) -> list[str]:
        """What follows the shim's path."""
        return ["init", str(self.folder), "image", UID, "enter", NONCE, "0-1"]


def passed(output: Sequence[str]) -> dict[str, str]:
    """The variables that were handed on, by the names that they were handed on by."""
    pairs = (line.partition("=") for line in output if line.startswith(PASSED))
    return {name.removeprefix(PASSED): value for name, _, value in pairs}


@pytest.fixture
def helper(shim: Path, tmp_path: Path) -> Exec:
    """Its agent shows its environment."""
    return Exec(tmp_path / "helper", shim)


@pytest.mark.parametrize(
    ("before", "handed_on"),
    [
        (["env", "X=Y"], ["X=Y"]),
        (["env", "SPO_EXEC_REQUEST_UID=1-2"], ["SPO_EXEC_REQUEST_UID=1-2"]),
        (["env", "A=1", "B=", "C=d=e f"], ["A=1", "B=", "C=d=e f"]),
        (["env", "A=1", "env", "B=2", "/usr/bin/env", "A=3"], ["A=1", "B=2", "A=3"]),
        (["env", "--", "A=1"], ["A=1"]),
        (["env"], []),
    ],
    ids=repr,
)
def test_env_before_the_command_is_the_shim_and_hands_its_variables_on(
    helper: Exec, before: list[str], handed_on: list[str]
) -> None:
    """As env(1) reads them, in their order, several webhooks' too; the agent runs as without them."""
    output, errors, status = helper.run(*before)
    assert (errors, status) == ([], 3)
    assert passed(output) == {str(number): value for number, value in enumerate(handed_on)}


def test_variables_are_obeyed_by_nothing_on_the_node(helper: Exec) -> None:
    """Neither by a loader nor by a shell: their names reach no program but the command."""
    hostile = ["LD_PRELOAD=/evil.so", "ENV=/evil", "PATH=/evil", "IFS=x", "NSEXEC_SHIM=/evil", "BASH_ENV=/evil"]
    output, errors, status = helper.run("env", *hostile)
    assert (errors, status) == ([], 3)
    assert not {line for line in output if line in hostile}
    assert list(passed(output).values()) == hostile


def test_the_servers_and_the_operators_variables_are_taken_of_the_environment(helper: Exec) -> None:
    """These two and no others; what the same exec's ``env`` says comes behind them, and so counts."""
    server = {
        "KUBERNETES_EXEC_AUDIT_ID": "f4a3",
        "SPO_EXEC_REQUEST_UID": "0",
        "OTHER": "x",
        f"{PASSED}0": "LD_PRELOAD=/e",
    }
    output, _, _ = helper.run("env", "SPO_EXEC_REQUEST_UID=1", **server)
    assert list(passed(output).values()) == [
        "KUBERNETES_EXEC_AUDIT_ID=f4a3",
        "SPO_EXEC_REQUEST_UID=0",
        "SPO_EXEC_REQUEST_UID=1",
    ]
    output, _, _ = helper.run(**server)
    assert list(passed(output).values()) == ["KUBERNETES_EXEC_AUDIT_ID=f4a3", "SPO_EXEC_REQUEST_UID=0"]


def test_what_the_manifest_leaves_empty_nobody_has_set(helper: Exec) -> None:
    """So the image's own variables of these names are not taken for the server's."""
    output, _, _ = helper.run(**dict.fromkeys(OF_THE_EXEC, ""))
    assert passed(output) == {}


@pytest.mark.parametrize("odd", ["-i", "-uPATH=", "=x", "sh", "-S a=b"])
def test_what_env_would_not_take_for_a_variable_starts_nothing(helper: Exec, odd: str) -> None:
    """The client is told what was put there; nothing that it names is looked for."""
    output, errors, status = helper.run("env", "A=1", odd, "B=2")
    assert (error(output)["code"], errors, status) == ("command", [], 125)
    assert f"'{odd}'" in error(output)["message"]


def test_more_variables_than_an_exec_can_have_start_nothing(helper: Exec) -> None:
    """None is lost in silence."""
    output, _, status = helper.run("env", *(f"V{number}=x" for number in range(257)))
    assert (error(output)["code"], status) == ("command", 125)
    assert "'V256=x'" in error(output)["message"]


@pytest.mark.parametrize("words", [[], ["X=Y"], ["X=Y", "sh", "-c", "id"], ["{shim}", "init", "/elsewhere"]])
def test_env_without_a_command_of_ours_runs_nothing(helper: Exec, words: list[str]) -> None:
    """It is no env(1): whatever else somebody wants to run in a helper pod by it."""
    shim = str(helper.folder / "program/shim")
    output, errors, status = said(helper.execute("env", *(word.format(shim=shim) for word in words)))
    assert (output, errors[0].split()[:3], status) == ([], ["usage:", "shim", "init"], 125)


def variables(shim: Path, target: Target, folder: Path, own: list[str], given: Mapping[str, str]) -> list[str]:
    """The environment of a command whose container has OWN."""
    session = Session(shim, target, identity("env", env=own), run=folder, environment=given)
    session.started()
    code, output, _ = session.end()
    assert code == 0
    return output.decode().splitlines()


def test_the_command_has_them_over_its_own(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """As with ``env`` in front of it: a later one counts, another's value gives way, the rest stays as it is."""
    own = ["PATH=/usr/bin:/bin", "HOME=/h", "A=container", "AB=container", "B=container"]
    given = {f"{PASSED}0": "A=webhook", f"{PASSED}1": "NEW=1=2", f"{PASSED}2": "A=last", f"{PASSED}10": "C=none"}
    assert sorted(variables(shim, shared_target, tmp_path, own, given)) == [
        *("A=last", "AB=container", "B=container", "HOME=/h", "NEW=1=2", "PATH=/usr/bin:/bin"),
    ]


def test_a_path_that_they_give_finds_the_command(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """env(1) looks its program up by the PATH that it sets."""
    found = variables(shim, shared_target, tmp_path, ["PATH=/nowhere"], {f"{PASSED}0": "PATH=/usr/bin:/bin"})
    assert sorted(found) == ["HOME=/root", "PATH=/usr/bin:/bin"]


def test_the_names_are_those_that_the_manifest_empties() -> None:
    """The shim's list and the client's."""
    source = (Path(node.__file__).parent / "shim/exec_env.c").read_text()
    listed = source.partition("by_server[] = {")[2].partition("}")[0]
    assert tuple(re.findall(r'"(\w+)"', listed)) == OF_THE_EXEC
