"""AppArmor 4's profile of runc, which a helper inherits, and containers' profiles that take no signals from it.

So it was with containerd before 1.7.16, which did not know of that profile (containerd#10123).
"""

from __future__ import annotations

import subprocess

import pytest

from tests.machines.small_machine import EVERYTHING, Answer, ask
from tests.node.shim_lab import identity

SIGNALS = "hup int quit kill usr1 usr2 pipe alrm term chld cont stop"
FEATURES = f"""file {{mask {{create read write exec append mmap_exec link lock}}}}
signal {{mask {{{SIGNALS}}}}}
domain {{change_profile {{yes}} change_onexec {{yes}}}}
policy {{set_load {{yes}} versions {{v7 {{yes}} v6 {{yes}} v5 {{yes}}}}}}
"""
PROFILES = """profile runc flags=(unconfined) {
}
profile confined flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal (send,receive) peer=confined,
  change_profile,
}
profile container flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal (receive) peer=unconfined,
  signal (send,receive) peer=container,
}
"""
"""The container's is an old containerd's in what it says of signals."""
ENDLESS = "trap '' TERM; while :; do sleep 1; done"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """Of sessions of a second that begin in no profile, in one that confines nothing, and in one that does."""
    folder = tmp_path_factory.mktemp("apparmor")
    (folder / "features").write_text(FEATURES)
    parser = ["apparmor_parser", "--skip-kernel-load", "--skip-cache", "--stdout", "--features-file"]
    compiled = subprocess.run(
        [*parser, folder / "features"], input=PROFILES.encode(), check=True, stdout=subprocess.PIPE
    ).stdout
    sessions = {
        f"{begins}_{label}": identity("sh", "-c", ENDLESS, **EVERYTHING, limit_ms="1000", apparmor=label)
        for begins, label in (
            ("unconfined", "container"),
            ("runc", "container"),
            ("runc", ""),
            ("confined", "container"),
        )
    }
    arguments = "security=apparmor apparmor=1"
    return ask("amd64", sessions, folder, arguments=arguments, profiles=compiled)


@pytest.mark.parametrize("name", ["unconfined_container", "runc_container", "runc_"])
def test_a_command_ends_when_its_time_is_over(answers: dict[str, Answer], name: str) -> None:
    """The supervisor leaves a profile that confines nothing: signals from that name are refused, KILL as well."""
    answer = answers[name]
    assert (answer.code, answer.told, answer.outlived) == (124, 124, False)


def test_an_end_that_was_refused_is_not_told(answers: dict[str, Answer]) -> None:
    """In a profile that confines it the supervisor cannot end the command: it says that, and no status of it."""
    answer = answers["confined_container"]
    assert (answer.code, answer.told, answer.outlived) == (125, None, True)
    assert "it may run on: Permission denied" in answer.output
