"""``python3 -m testbed prepare``: what it makes, and what it does not begin any more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pytest

from testbed import __main__ as command
from testbed import images, packages
from testbed.errors import ClusterError

FAILED: Final = "go build failed"


@dataclass
class Build:
    """Stands for one of testbed.binaries."""

    title: str
    failure: str = ""
    made: list[str] = field(default_factory=list)

    def cached(self) -> bool:
        return False

    def expected_minutes(self) -> float:
        return 1.0

    def ensure(self) -> None:
        self.made.append(self.title)
        if self.failure:
            raise ClusterError(self.failure)


@pytest.fixture(autouse=True)
def _nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (images, packages):
        monkeypatch.setattr(module, "ensure", lambda *_: {})


def test_all_that_is_missing_is_made(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And is named before."""
    builds = [Build("Kubernetes"), Build("the runtime")]
    monkeypatch.setattr(command, "_builds", lambda _: builds)
    assert command.main(["prepare", "--node", "host"]) == 0
    assert [build.made for build in builds] == [["Kubernetes"], ["the runtime"]]
    assert "about 2 min, most of it compiling Kubernetes and compiling the runtime" in capsys.readouterr().err


def test_after_one_that_fails_none_is_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Ctrl-C ends the compiler that is at work: whoever pressed it does not wait for another one."""
    builds = [Build("Kubernetes", FAILED), Build("the runtime")]
    monkeypatch.setattr(command, "_builds", lambda _: builds)
    assert command.main(["prepare", "--node", "host"]) == 1
    assert builds[1].made == []
    assert f"testbed: {FAILED}" in capsys.readouterr().err
