"""``make test`` as a whole: what it says, what it leaves out, and that it fails when a part of it does."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from testbed import once
from testbed.paths import REPOSITORY
from tools import installs, test_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

MAKEFILE = """
.venv good other cluster-down:
	@echo "$@ is made"
bad:
	@echo sorry; false
hangs:
	@sleep 60
tree-one tree-two:
	@exec 3>$@.fifo; (trap "" HUP INT QUIT TERM; echo begun >&3; sleep 1000) & sleep 1000 & wait
reads:
	@read word || echo "nothing to read"
"""
"""Of the trees: ``wait``, for what dash starts in the foreground must end before it hears of an interrupt."""
GOOD, OTHER, BAD = (test_all.Part(target, f"the {target} part", 1) for target in ("good", "other", "bad"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout whose parts do next to nothing."""
    (tmp_path / "Makefile").write_text(MAKEFILE)
    return tmp_path


def test_everything_runs_even_after_a_failure(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In both lanes; the failure is told once more at the end, as the status."""
    assert test_all.main(root, [[test_all.Lane((BAD, GOOD)), test_all.Lane((OTHER,))]]) == 1
    said = capsys.readouterr().out
    assert "sorry\n" in said
    assert "good is made\n== the good part: passed" in said
    assert "other is made\n== the other part: passed" in said
    assert "cluster-down is made\n" in said
    assert said.splitlines()[-1] == "FAILED: the bad part (make bad)"


def test_a_stage_begins_when_the_one_before_is_over(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever has become of that."""
    assert test_all.main(root, [[test_all.Lane((BAD,)), test_all.Lane((GOOD,))], [test_all.Lane((OTHER,))]]) == 1
    first, begins, second = capsys.readouterr().out.partition("== the other part: make other\n")
    assert begins
    assert all(f"== the {part} part: {end}" in first for part, end in (("bad", "failed"), ("good", "passed")))
    assert "== the other part: passed" in second


def test_all_is_well_only_when_every_part_is(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That is the last line."""
    assert test_all.main(root, [[test_all.Lane((GOOD,))]]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("everything passed in ")


@pytest.mark.parametrize(
    ("target", "status", "words"),
    [("hangs", 1, "had not finished"), ("gone", 1, "No rule"), ("reads", 0, "nothing to read")],
)
def test_no_part_waits_for_ever(
    target: str, status: int, words: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One whose time is over has failed, as one that does not exist; a terminal is not read."""
    assert test_all.main(root, [[test_all.Lane((test_all.Part(target, "one", 0.01),))]]) == status
    assert words in capsys.readouterr().out


_RUN = """
import sys
from pathlib import Path
from tools.test_all import Lane, Part, main
one, two, good = (Part(target, f"the {target} part", 9) for target in ("tree-one", "tree-two", "good"))
sys.exit(main(Path(sys.argv[1]), [[Lane((one, good)), Lane((two,))], [Lane((good,))]]))
"""


@pytest.mark.parametrize(
    ("number", "ignored"),
    [
        (signal.SIGINT, "--default-signal=INT"),
        (signal.SIGTERM, "--default-signal=INT"),
        (signal.SIGHUP, "--default-signal=INT"),
        (signal.SIGQUIT, "--default-signal=INT"),
        (signal.SIGTERM, "--ignore-signal=INT"),
    ],
    ids=lambda value: value.name if isinstance(value, signal.Signals) else value,
)
def test_a_signal_ends_every_part_and_the_cluster(root: Path, number: signal.Signals, ignored: str) -> None:
    """Whatever a part has started, also what ignores signals; nothing begins any more, and the status is 128+n."""
    fifos = [root / f"{target}.fifo" for target in ("tree-one", "tree-two")]
    for fifo in fifos:
        os.mkfifo(fifo)
    argv = ["env", ignored, sys.executable, "-c", _RUN, str(root)]
    with subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        with fifos[0].open("rb") as one, fifos[1].open("rb") as two:
            assert (one.readline(), two.readline()) == (b"begun\n", b"begun\n")
            process.send_signal(number)
            assert (one.read(), two.read()) == (b"", b"")  # all that had them open is gone
        said, _ = process.communicate()
    assert process.returncode == 128 + number
    assert "== ending the cluster: passed" in said
    assert rows(said.splitlines()[-7:-1]) == [
        ("passed", "tools"),
        ("ended", "the tree-one part"),
        ("not begun", "the good part"),
        ("ended", "the tree-two part"),
        ("not begun", "the good part"),
        ("passed", "ending the cluster"),
    ]
    assert said.splitlines()[-1] == f"ended by {number.name}"


def rows(lines: Sequence[str]) -> list[tuple[str, str]]:
    """(outcome, part) of each line of the table, all of which begin with the minutes."""
    found = [re.fullmatch(r" *[0-9]+:[0-9]{2} min  (.+?)  +(.+)", line) for line in lines]
    return [(match[1], match[2]) for match in found if match]


def test_a_table_says_what_took_how_long(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line a part, lane by lane, whichever was over first; nothing comes behind the verdict."""
    for name in ("CI", "I_MAY_SPOIL_THIS_MACHINE"):
        monkeypatch.delenv(name, raising=False)
    host = test_all.Part("test-host-alone", "live tests", 1)
    test_all.main(root, [[test_all.Lane((BAD, GOOD)), test_all.Lane((OTHER, host))]])
    *_, tools, bad, good, other, live, down, _, _ = capsys.readouterr().out.splitlines()
    assert rows([tools, bad, good, other, live, down]) == [
        ("passed", "tools"),
        ("failed with status 2", "the bad part"),
        ("passed", "the good part"),
        ("passed", "the other part"),
        ("could not run", "live tests"),
        ("passed", "ending the cluster"),
    ]


@pytest.mark.parametrize("target", ["test-host-alone", "test-host-together", "test-both"])
def test_where_the_host_node_may_not_run_that_is_a_failure(
    target: str, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not left out in silence."""
    for name in ("CI", "I_MAY_SPOIL_THIS_MACHINE"):
        monkeypatch.delenv(name, raising=False)
    assert test_all.main(root, [[test_all.Lane((test_all.Part(target, "live tests", 1),))]]) == 1
    assert "FAILED: live tests: not allowed" in capsys.readouterr().out


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """One with a file of the packaging, and one that is only in the packages."""
    root = tmp_path / "checkout"
    for name in ("release/archive.py", "kubectl_nsexec/target/pods.py"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("1\n")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


def test_the_packages_are_installed_when_the_packaging_has_changed(checkout: Path, tmp_path: Path) -> None:
    """Committed or not; another file's change is none, and what has changed back has passed already."""
    cache = tmp_path / "cache"
    assert not installs.passed(checkout, cache)
    installs.note(checkout, cache)
    assert installs.passed(checkout, cache)
    (checkout / "kubectl_nsexec/target/pods.py").write_text("2\n")
    assert installs.passed(checkout, cache)
    (checkout / "release/archive.py").write_text("2\n")
    assert not installs.passed(checkout, cache)
    (checkout / "release/archive.py").write_text("1\n")
    assert installs.passed(checkout, cache)
    (checkout / "release/new.py").touch()
    assert not installs.passed(checkout, cache)


def test_what_makes_and_installs_the_packages_decides() -> None:
    """With all that it imports, and no more: every other part of ``make test`` runs the code in the packages."""
    decide = set(once.listed(REPOSITORY, *installs.DECIDE))
    tests = (path for path in (REPOSITORY / "tests/release").glob("*.py") if "mark.registry" in path.read_text())
    conftests = ("tests/conftest.py", "tests/release/conftest.py")
    named = (*conftests, "release/__main__.py", "testbed/packages.py", "tools/installs.py")
    imported = _imported([*tests, *map(REPOSITORY.joinpath, named)])
    ours = {name for name in imported if name.startswith("kubectl_nsexec/")}
    assert imported - ours <= decide
    assert "testbed/minimal_root.py" in imported
    assert not {name for name in decide if name.startswith(("kubectl_nsexec/", "tests/unit/"))}
    assert "testbed/rt_vm.py" not in decide


def _imported(files: Iterable[Path]) -> set[str]:
    """The files of this checkout that FILES import, directly or not, and themselves."""
    seen: set[Path] = set()
    waiting = {*files}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        words = (name.replace(".", "/") for name in _names(path))
        found = (REPOSITORY / f"{name}{end}" for name in words for end in (".py", "/__init__.py"))
        waiting |= {each for each in found if each.is_file()} - seen
    return {str(path.relative_to(REPOSITORY)) for path in seen}


def _names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{each.name}" for each in node.names)
