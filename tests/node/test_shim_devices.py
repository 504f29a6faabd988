"""Which devices the command may open: by the container's rules, whatever the helper pod may."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubectl_nsexec.identity.devices import in_order, on_v1
from tests.node.shim_lab import Session, Target, eventually, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = "c *:* m,b *:* m,c 1:3 rwm,c 1:5 r,c 1:8 rw,-c 1:8 rw,c 136:* rwm,c 5:2 rw"
TRY = "for how in '<' '>'; do (eval \": $how/tmp/device\") 2>&- && printf %s \"$how\"; done"
"""Prints < and > for what can be read and written."""


def _hierarchies() -> dict[str, str]:
    """Where cgroups that can hold rules for devices are: mount points by version."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, filesystem = line.partition(" - ")
        kind, _, options = filesystem.split(" ", 2)
        if kind == "cgroup2":
            found["v2"] = fields.split()[4]
        elif kind == "cgroup" and "devices" in options.split()[-1].split(","):
            found["v1"] = fields.split()[4]
    return found


HIERARCHIES = _hierarchies()


@contextmanager
def _folder(version: str) -> Iterator[Path]:
    """A cgroup of the test's own."""
    made = Path(HIERARCHIES[version]) / f"nsexec-test-{secrets.token_hex(4)}"
    made.mkdir()
    yield made

    def gone() -> bool:
        with suppress(OSError):
            made.rmdir()
        return not made.exists()

    eventually(gone)


@pytest.fixture(params=sorted(HIERARCHIES))
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A cgroup of the test's own, of every kind."""
    with _folder(request.param) as made:
        yield made


@pytest.fixture
def unified() -> Iterator[tuple[Path, Path]]:
    """Two of the unified hierarchy: a session's and a container's."""
    if "v2" not in HIERARCHIES:
        pytest.skip("this machine has no unified hierarchy")
    with _folder("v2") as ours, _folder("v2") as theirs:
        yield ours, theirs


def _device(target: Target, kind: str, major: int, minor: int) -> None:
    """A node that the container has made."""
    path = Path(f"/proc/{target.pid}/root/tmp/device")
    path.unlink(missing_ok=True)
    os.mknod(path, {"b": 0o60666, "c": 0o20666}[kind], os.makedev(major, minor))


def test_there_is_a_hierarchy_to_try() -> None:
    """No machine without one: the tests below would be none."""
    assert HIERARCHIES


@pytest.mark.parametrize(
    ("device", "can"),
    [
        (("c", 1, 3), "<>"),
        (("c", 1, 5), "<"),
        (("c", 1, 8), ""),
        (("c", 1, 11), ""),
        (("b", 1, 3), ""),
        (("b", 7, 0), ""),
        (("c", 10, 229), ""),
    ],
)
def test_the_command_opens_what_the_rules_allow(
    shim: Path, target: Target, tmp_path: Path, folder: Path, device: tuple[str, int, int], can: str
) -> None:
    """By type, both numbers and kind of access; making a node is allowed, opening it is another matter."""
    _device(target, *device)
    blob = identity("sh", "-c", TRY, devices=RULES)
    session = Session(shim, target, blob, run=tmp_path, devices=folder)
    session.started()
    assert session.end()[1].decode() == can
    assert session.process.returncode in {0, 1, 2}


def test_everything_may_be_allowed(shim: Path, target: Target, tmp_path: Path) -> None:
    """As in a privileged container: no folder is needed."""
    _device(target, "c", 1, 11)
    session = Session(shim, target, identity("sh", "-c", "exec 3<>/tmp/device", devices="a"), run=tmp_path)
    session.started()
    assert session.end()[0] == 0


def test_nodes_can_be_made(shim: Path, target: Target, tmp_path: Path, folder: Path) -> None:
    """The runtimes allow it, since it gains nothing."""
    session = Session(
        shim, target, identity("mknod", "/tmp/made", "b", "7", "0", devices=RULES), run=tmp_path, devices=folder
    )
    session.started()
    assert session.end()[0] == 0


def test_a_terminal_is_within_the_rules(shim: Path, target: Target, tmp_path: Path, folder: Path) -> None:
    """What the shim opens itself is under the rules as well."""
    blob = identity("tty", devices=RULES, tty="1", rows="10", columns="10")
    session = Session(shim, target, blob, run=tmp_path, devices=folder)
    session.started("container")
    assert session.end()[1].startswith(b"/dev/pts/")


@pytest.mark.parametrize(
    "rules",
    [
        "x",
        "c",
        "c 1:3",
        "c 1:3 x",
        "c 1 rwm",
        "a *:* rwm",
        "c 1:-1 rwm",
        "c 1:3 rwm extra",
        f"c {'1' * 70}:3 r",
        "c :3 r",
        "-",
        "-a",
        "--c 1:3 r",
        "c 1:3 r,a",
    ],
)
def test_rules_that_are_none_start_nothing(
    shim: Path, shared_target: Target, tmp_path: Path, folder: Path, rules: str
) -> None:
    """Refused by name."""
    event = Session(shim, shared_target, identity(devices=rules), run=tmp_path, devices=folder).refused()
    assert (event["code"], "bad rule for devices" in event["message"]) == ("identity", True)


def test_too_many_rules_or_no_folder_start_nothing(shim: Path, shared_target: Target, tmp_path: Path) -> None:
    """Fails closed."""
    event = Session(shim, shared_target, identity(devices=RULES), run=tmp_path).refused()
    assert (event["code"], "folder - " in event["message"]) == ("identity", True)
    other = tmp_path / "other"
    other.mkdir()
    many = ",".join(f"c {number}:* r" for number in range(401))
    event = Session(shim, shared_target, identity(devices=many), run=other, devices=tmp_path).refused()
    assert event["message"] == "more than 400 rules for devices"


DEVICES = [("c", 1, 3), ("c", 1, 5), ("c", 1, 7), ("b", 1, 3), ("c", 10, 229)]
"""Devices that do nothing when they are opened, and those that are not there: the cgroup is asked first."""
PROBE = """cd /tmp; for name in probe-*; do printf '%s ' "$name"; for how in '<' '>' '<>'; do
case $( (eval ": $how./$name") 2>&1) in *'not permitted'*) ;; *) printf %s "$how," ;; esac; done; echo; done"""
NUMBERS = st.sampled_from([None, 1, 3, 5, 10, 229])
ANY_RULES = st.lists(
    st.fixed_dictionaries(
        {"allow": st.booleans(), "access": st.sampled_from(["r", "w", "m", "rw", "rwm", "rwm"])},
        optional={"type": st.sampled_from("abc"), "major": NUMBERS, "minor": NUMBERS},
    ),
    max_size=6,
)


def _last_says(rules: list[dict[str, Any]], device: tuple[str, int, int], access: str) -> bool:
    """The OCI specification's meaning: the entries are applied in the order in which they are listed."""
    allowed = {("c", 1, minor) for minor in (3, 5, 7, 8, 9)}  # the runtimes' own, after the spec's
    if device in allowed:
        return True
    for rule in reversed(rules):
        kinds, numbers = rule.get("type", "a"), (rule.get("major"), rule.get("minor"))
        fits = all(want in {None, number} for want, number in zip(numbers, device[1:], strict=True))
        if kinds in {"a", device[0]} and fits and access in rule["access"]:
            return bool(rule["allow"])
    return False


def _opened(shim: Path, target: Target, version: str, words: bytes) -> dict[str, set[str]]:
    """What a session with these rules can open, and how."""
    with tempfile.TemporaryDirectory() as run, _folder(version) as folder:
        blob = identity("sh", "-c", PROBE, devices=words.decode())
        session = Session(shim, target, blob, run=Path(run), devices=folder)
        session.started()
        lines = session.end()[1].decode().splitlines()
    return {name: set(ways.split(",")[:-1]) for name, _, ways in (line.partition(" ") for line in lines)}


@pytest.mark.parametrize("version", sorted(HIERARCHIES))
def test_any_list_of_rules_has_the_answers_of_the_specification(shim: Path, target: Target, version: str) -> None:
    """The kernel itself is asked. Cgroup v1 gives no more than that, for its rules can have no holes."""
    tmp = Path(f"/proc/{target.pid}/root/tmp")
    for kind, major, minor in DEVICES:
        mode = {"b": 0o60666, "c": 0o20666}[kind]
        os.mknod(tmp / f"probe-{kind}-{major}-{minor}", mode, os.makedev(major, minor))

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(ANY_RULES)
    def the_same(rules: list[dict[str, Any]]) -> None:
        words = on_v1(rules, b"") if version == "v1" else in_order(rules)
        opened = _opened(shim, target, version, words)
        for device in DEVICES:
            read, write = (_last_says(rules, device, access) for access in "rw")
            right = {how for how, may in (("<", read), (">", write), ("<>", read and write)) if may}
            found = opened["probe-{}-{}-{}".format(*device)]
            assert found == right or (version == "v1" and found < right), (device, words)

    the_same()


@contextmanager
def _container(shim: Path, target: Target, folder: Path, rules: str) -> Iterator[None]:
    """These rules decide over FOLDER meanwhile."""
    with tempfile.TemporaryDirectory() as run:
        session = Session(shim, target, identity("cat", devices=rules), run=Path(run), devices=folder)
        session.started()
        yield
        session.end()


def test_what_decides_over_the_container_decides_over_the_command(
    shim: Path, target: Target, tmp_path: Path, unified: tuple[Path, Path]
) -> None:
    """On cgroup v2 by the very programs: what a hook opened or shut since the start counts, not what the spec says."""
    _, theirs = unified
    with _container(shim, target, theirs, "c 1:5 r,c 1:11 r"):
        for device, can in ((("c", 1, 5), "<"), (("c", 1, 11), "<"), (("c", 1, 3), "")):
            _device(target, *device)
            run = tmp_path / f"run-{device[2]}"
            run.mkdir()
            with _folder("v2") as folder:
                blob = identity("sh", "-c", TRY, devices="c 1:3 rw")
                session = Session(shim, target, blob, run=run, devices=folder, container=theirs)
                session.started()
                assert session.end()[1].decode() == can


@pytest.mark.parametrize("there", [True, False])
def test_without_programs_of_the_containers_own_the_rules_decide(
    shim: Path, target: Target, tmp_path: Path, unified: tuple[Path, Path], *, there: bool
) -> None:
    """Nor does a folder that is gone leave the command unconfined."""
    ours, theirs = unified
    _device(target, "c", 1, 3)
    blob = identity("sh", "-c", TRY, devices="c 1:3 r")
    container = theirs if there else tmp_path / "gone"
    session = Session(shim, target, blob, run=tmp_path, devices=ours, container=container)
    session.started()
    assert session.end()[1].decode() == "<"


def test_with_every_device_the_containers_programs_do_not_count(
    shim: Path, target: Target, tmp_path: Path, unified: tuple[Path, Path]
) -> None:
    """As --privileged asks for."""
    ours, theirs = unified
    _device(target, "c", 1, 3)
    with _container(shim, target, theirs, "c 1:5 r"):
        blob = identity("sh", "-c", TRY, devices="a")
        session = Session(shim, target, blob, run=tmp_path, devices=ours, container=theirs)
        session.started()
        assert session.end()[1].decode() == "<>"


def test_the_kernel_takes_as_many_rules_as_there_may_be(
    shim: Path, target: Target, tmp_path: Path, folder: Path
) -> None:
    """Its check of a program may not grow out of hand with the rules: each allows or denies something else."""
    _device(target, "c", 1, 3)
    ways = ["r", "w", "m", "rw", "rm", "wm", "rwm"]
    rules = [f"{'-' * (n % 3 == 0)}{'bc'[n % 2]} {n % 9}:{n} {ways[n % 7]}" for n in range(399)]
    blob = identity("sh", "-c", TRY, devices=",".join([*rules, "c 1:3 r"]))
    session = Session(shim, target, blob, run=tmp_path, devices=folder)
    session.started()
    assert session.end()[1].decode() == "<"


def test_everything_but_some_devices_may_be_allowed(shim: Path, target: Target, tmp_path: Path, folder: Path) -> None:
    """As where the spec allows all and then denies: the kernel's other answer."""
    for minor, can in ((3, "<>"), (5, "<")):
        _device(target, "c", 1, minor)
        run = tmp_path / str(minor)
        run.mkdir()
        blob = identity("sh", "-c", TRY, devices="a,-c 1:5 w,-c 1:11 rw")
        session = Session(shim, target, blob, run=run, devices=folder)
        session.started()
        assert session.end()[1].decode() == can
