"""Which devices the command may open, by the runtime's spec of the container and what its cgroup lists."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_nsexec.identity.devices import ALL, DEFAULT, in_order, on_v1

NONE = {"allow": False, "access": "rwm"}
EVERYTHING = {"allow": True, "access": "rwm"}
VFIO = {"allow": True, "type": "c", "major": 241, "minor": 0, "access": "rw"}
FUSE = {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"}
DOCKER = [
    NONE,
    *({"allow": True, "type": "c", "major": 1, "minor": minor, "access": "rwm"} for minor in (5, 3, 9, 8)),
    *({"allow": True, "type": "c", "major": 5, "minor": minor, "access": "rwm"} for minor in (0, 1)),
    FUSE,
]
"""What dockerd gives every container (oci.DefaultLinuxSpec)."""


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([], DEFAULT),
        ([NONE], DEFAULT),
        ([NONE, VFIO], b"c 241:0 rw," + DEFAULT),
        ([NONE, {**VFIO, "minor": None}, VFIO], b"c 241:* rw,c 241:0 rw," + DEFAULT),
        ([NONE, {**VFIO, "minor": -1, "access": ""}], b"c 241:* rwm," + DEFAULT),
        ([NONE, {"allow": True, "type": "b", "access": "m"}, VFIO, VFIO], b"c 241:0 rw," + DEFAULT),
        ([NONE, {"allow": True, "access": "r"}], b"b *:* r,c *:* r," + DEFAULT),
        ([NONE, {"allow": True, "type": "u", "major": 1, "access": "r"}], b"c 1:* r," + DEFAULT),
        ([EVERYTHING], b"a," + DEFAULT),
        ([NONE, VFIO, {**EVERYTHING, "type": "a"}], b"a," + DEFAULT),
        ([EVERYTHING, {**NONE, "type": "a", "major": -1, "minor": -1}, VFIO], b"c 241:0 rw," + DEFAULT),
        (DOCKER, b"c 5:1 rwm,-c 10:229 rwm," + DEFAULT),
        ([NONE, VFIO, {**VFIO, "allow": False, "access": "w"}], b"c 241:0 rw,-c 241:0 w," + DEFAULT),
        ([NONE, VFIO, {**VFIO, "allow": False}, VFIO], b"-c 241:0 rw,c 241:0 rw," + DEFAULT),
        ([EVERYTHING, FUSE], b"a,-c 10:229 rwm," + DEFAULT),
    ],
)
def test_the_specs_rules_and_the_runtimes_own(rules: list[dict[str, Any]], words: bytes) -> None:
    """In their order, the later of equal ones; a rule about everything begins anew."""
    expected = words.decode().split(",")
    known = [word for word in in_order(rules).decode().split(",") if word in expected]
    assert known == expected
    assert set(in_order(rules).decode().split(",")) - set(expected) <= {"c 1:5 rwm", "c 1:3 rwm", "c 5:0 rwm"}


@pytest.mark.parametrize(
    ("rules", "listed", "words"),
    [
        ([NONE, VFIO], b"", b"c 241:0 rw," + DEFAULT),
        ([NONE, VFIO], b"c 1:3 rwm\nc 10:229 rw\n", b"c 1:3 rwm,c 10:229 rw"),
        ([EVERYTHING], b"b 8:0 r\n", b"b 8:0 r"),
        ([EVERYTHING], b"a *:* rwm\n", ALL),
        ([EVERYTHING], b"", ALL),
        ([NONE, VFIO], b"a *:* rwm\n", ALL),
        ([EVERYTHING, FUSE], b"a *:* rwm\n", b"a,-c 10:229 rw"),
        ([EVERYTHING, FUSE], b"", b"a,-c 10:229 rw"),
        ([EVERYTHING, FUSE, {**FUSE, "allow": True, "access": "r"}], b"", b"a,-c 10:229 w"),
        ([EVERYTHING, {**FUSE, "minor": None}, {**FUSE, "allow": True}], b"", b"a,-c 10:* rw"),
        ([EVERYTHING, FUSE, {**FUSE, "allow": True, "minor": None}], b"", ALL),
        ([NONE, {**VFIO, "minor": None}, {**VFIO, "allow": False, "access": "w"}], b"", b"c 241:* r," + DEFAULT),
        ([NONE, VFIO, {**VFIO, "allow": False, "minor": None}], b"", DEFAULT),
    ],
)
def test_on_cgroup_v1_the_containers_own_list_comes_first(
    rules: list[dict[str, Any]], listed: bytes, words: bytes
) -> None:
    """What was opened or shut since the start counts; of exceptions from everything, never listed, the spec's."""
    assert on_v1(rules, listed) == words


@pytest.mark.parametrize(
    "rule",
    [
        {"allow": True, "type": "x", "access": "rwm"},
        {"allow": True, "type": "c", "access": "rx"},
        {"allow": True, "type": "c", "major": "one", "access": "r"},
        {"type": "c", "access": "r"},
        {"allow": False, "type": "c", "access": "rx"},
    ],
)
def test_what_is_not_understood_allows_nothing(rule: dict[str, Any]) -> None:
    """A guess could be a device too many."""
    for read in (in_order, lambda rules: on_v1(rules, b"")):
        with pytest.raises((ValueError, KeyError)):
            read([NONE, rule])


NUMBERS = st.sampled_from([1, 3, 5, None, -1])
RULES = st.lists(
    st.fixed_dictionaries(
        {"allow": st.booleans(), "access": st.sampled_from(["r", "w", "m", "rw", "rwm", "rwm"])},
        optional={"type": st.sampled_from(["a", "b", "c", "u"]), "major": NUMBERS, "minor": NUMBERS},
    ),
    max_size=7,
)
OURS = st.tuples(st.sampled_from("bc"), st.sampled_from([1, 2, 3]), st.sampled_from([1, 3, 5, 9]))


def last_rule_says(rules: list[dict[str, Any]], device: tuple[str, int, int], access: str) -> bool:
    """The reference: the last rule that is about the device and this kind of access."""
    kind, *numbers = device
    for rule in reversed(rules):
        wanted = [rule.get(key) for key in ("major", "minor")]
        fits = all(want in {None, -1, number} for want, number in zip(wanted, numbers, strict=True))
        if fits and access in rule["access"] and rule.get("type", "a") in {"a", kind, {"c": "u"}.get(kind)}:
            return bool(rule["allow"])
    return False


def words_say(words: bytes, device: tuple[str, int, int], access: str) -> bool:
    """The same by the shim's words."""
    answer = False
    for word in words.decode().split(","):
        if word == "a":
            answer = True
            continue
        kind, numbers, letters = word.lstrip("-").split(" ")
        pairs = zip(numbers.split(":"), device[1:], strict=True)
        if kind == device[0] and access in letters and all(number in {"*", str(ours)} for number, ours in pairs):
            answer = not word.startswith("-")
    return answer


APPENDED = [{"allow": True, "type": kind, "access": "m"} for kind in "bc"] + [
    {"allow": True, "type": "c", "major": 1, "minor": minor, "access": "rwm"} for minor in (3, 5, 7, 8, 9)
]


@given(RULES, OURS, st.sampled_from("rwm"))
def test_any_list_of_rules_means_what_its_last_fitting_rule_says(
    rules: list[dict[str, Any]], device: tuple[str, int, int], access: str
) -> None:
    """Rules of a part of the accesses, of all types, with any number, one over the other."""
    assert words_say(in_order(rules), device, access) == last_rule_says([*rules, *APPENDED], device, access)


@given(RULES, OURS, st.sampled_from("rwm"))
def test_on_cgroup_v1_no_list_of_rules_means_more(
    rules: list[dict[str, Any]], device: tuple[str, int, int], access: str
) -> None:
    """And the same, as long as no rule cuts a hole into a wider one, which that kernel does not know."""
    words = on_v1(rules, b"")
    says = last_rule_says([*rules, *APPENDED], device, access)
    assert says or not words_say(words, device, access)
    exact = all(rule.get("type") == "c" and rule.get("major") == rule.get("minor") == 1 for rule in rules)
    assert not exact or words_say(words, device, access) == says
    # The kernel holds exceptions from one answer, all of one kind.
    denials = {word.startswith("-") for word in words.decode().split(",") if word != "a"}
    assert denials in (set(), {words.startswith(b"a")})
