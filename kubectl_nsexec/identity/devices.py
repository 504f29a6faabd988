"""Which devices the command may use: what the runtime's spec of the container says, in the shim's words.

A process of the container may open what its cgroup allows. The command is in a folder of the helper pod's instead,
which is privileged: without rules of its own it could open the node's disks by a device node that the container has
made, or that came with its image. What the container's own cgroup says comes first, for hooks and hot-plugs change it
after the start: on cgroup v1 the kernel lists it, on v2 the shim takes the very programs over
(node/shim/devices.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = b"a"
"""Every device, whatever the container may."""

_WORDS = (
    "c *:* m", "b *:* m",
    "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",  # null, zero, full, random, urandom
    "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm",  # tty, ptmx, pts/*
    "c 10:200 rwm",  # net/tun
)  # fmt: skip
"""What runtimes allow whatever the spec says, after its own rules (runc, specconv.AllowedDevices; crun the same)."""

DEFAULT = ",".join(_WORDS).encode()
"""The rules of a container whose spec allows nothing more."""

_TYPES = {"b": "b", "c": "c", "u": "c", "a": "bc", "": "bc", None: "bc"}
_ACCESS = frozenset("rwm")


class _Rule(NamedTuple):
    """One rule for one type (``b`` or ``c``); a number of ``*`` is any."""

    allow: bool
    kind: str
    major: str
    minor: str
    access: frozenset[str]

    def words(self) -> str:
        access = "".join(letter for letter in "rwm" if letter in self.access)
        return f"{'' if self.allow else '-'}{self.kind} {self.major}:{self.minor} {access}"

    def meets(self, other: _Rule) -> bool:
        """Whether there is a device that both are about."""
        return self.kind == other.kind and all(
            "*" in pair or pair[0] == pair[1] for pair in ((self.major, other.major), (self.minor, other.minor))
        )

    def covers(self, other: _Rule) -> bool:
        """Whether it is about every device of OTHER."""
        return self.kind == other.kind and all(
            mine in {"*", its} for mine, its in ((self.major, other.major), (self.minor, other.minor))
        )


class _Rules(NamedTuple):
    """What is allowed where no rule matches, and the rules since that was said, a later one before an earlier."""

    everything: bool
    since: tuple[_Rule, ...]

    def words(self) -> bytes:
        latest = dict.fromkeys(rule.words() for rule in reversed(self.since))
        return ",".join((*((ALL.decode(),) if self.everything else ()), *reversed(latest))).encode()


def in_order(rules: Sequence[dict[str, Any]]) -> bytes:
    """The rules of an OCI config.json (``linux.resources.devices``) and the runtimes' own: a later one wins.

    Each access (read, write, make) to a device is decided by the last rule that speaks of it. Raises KeyError,
    TypeError or ValueError for what is not understood.
    """
    return _parsed(rules).words()


def on_v1(rules: Sequence[dict[str, Any]], listed: bytes) -> bytes:
    """The same as cgroup v1 can hold it, by LISTED, ``devices.list`` of the container's own folder, where there is one.

    The kernel has one answer and exceptions from it, none of them from an exception (devices.rst): where a rule would
    cut a hole into one, the whole of that exception goes rather than the hole. With everything allowed it lists no
    exceptions: then they are those of RULES. Raises as in_order does.
    """
    spec = _with_exceptions(_parsed(rules))
    lines = listed.decode("ascii").split("\n")[:-1]
    if listed and not any(line.startswith("a ") for line in lines):
        return ",".join(lines).encode()
    if listed and not spec.everything:
        return ALL
    return spec.words()


def _parsed(rules: Sequence[dict[str, Any]]) -> _Rules:
    everything, since = False, list[_Rule]()
    for rule in rules:
        kinds, access = _TYPES[rule.get("type")], frozenset(rule.get("access") or "rwm")
        major, minor = _number(rule.get("major")), _number(rule.get("minor"))
        if not access <= _ACCESS:
            raise ValueError(f"the access {rule.get('access')!r} to devices")
        allow = bool(rule["allow"])
        if (kinds, major, minor, access) == ("bc", "*", "*", _ACCESS):
            everything, since = allow, []
        else:
            since += [_Rule(allow, kind, major, minor, access) for kind in kinds]
    return _Rules(everything, (*since, *map(_of_words, _WORDS)))


def _with_exceptions(rules: _Rules) -> _Rules:
    """Only exceptions, no rule that takes one back."""
    exceptions: list[_Rule] = []
    for rule in rules.since:
        if rule.allow != rules.everything:
            exceptions.append(rule)
            continue
        # A hole in what is denied stays denied; what has a hole in what is allowed is not allowed.
        hit = rule.covers if rules.everything else rule.meets
        left = (other._replace(access=other.access - rule.access) if hit(other) else other for other in exceptions)
        exceptions = [other for other in left if other.access]
    return _Rules(rules.everything, tuple(exceptions))


def _of_words(words: str) -> _Rule:
    kind, numbers, access = words.split(" ")
    major, _, minor = numbers.partition(":")
    return _Rule(allow=True, kind=kind, major=major, minor=minor, access=frozenset(access))


def _number(value: Any) -> str:  # noqa: ANN401 - JSON
    """A major or minor number, ``*`` for any: the spec leaves it out or says -1."""
    return "*" if value is None or int(value) < 0 else str(int(value))
