"""Which devices the command may use: what the runtime's spec of the container says, in the last link's words.

A process of the container may open what its cgroup allows. The command is in a folder of the helper pod's instead,
which is privileged: without rules of its own it could open the node's disks by a device node that the container has
made, or that came with its image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = b"a"
"""Every device, as a privileged container has."""

_ALWAYS = (
    "c *:* m", "b *:* m",
    "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",  # null, zero, full, random, urandom
    "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm",  # tty, ptmx, pts/*
    "c 10:200 rwm",  # net/tun
)  # fmt: skip
"""What runtimes allow whatever the spec says (runc, specconv.AllowedDevices; crun the same)."""

DEFAULT = ",".join(_ALWAYS).encode()
"""The rules of a container whose spec allows nothing more."""

_TYPES = {"b": ("b",), "c": ("c",), "u": ("c",), "a": ("b", "c"), "": ("b", "c"), None: ("b", "c")}


def allowed(rules: Sequence[dict[str, Any]]) -> bytes:
    """The rules of an OCI config.json (``linux.resources.devices``), in their order, and the runtimes' own.

    A rule that denies takes back everything before it when it is about all devices, which is how every spec begins, and
    raises ValueError otherwise. Raises KeyError, TypeError or ValueError for what is not understood.
    """
    words: list[str] = []
    for rule in rules:
        kinds, access = _TYPES[rule.get("type")], str(rule.get("access") or "rwm")
        major, minor = _number(rule.get("major")), _number(rule.get("minor"))
        if not set(access) <= set("rwm"):
            raise ValueError(f"the access {access!r} to devices")
        everything = (len(kinds), major, minor, set(access)) == (2, "*", "*", set("rwm"))
        if rule["allow"]:
            words += [ALL.decode()] if everything else [f"{kind} {major}:{minor} {access}" for kind in kinds]
        elif everything:
            words.clear()
        else:
            raise ValueError(f"a rule that denies some devices: {rule}")
    if ALL.decode() in words:
        return ALL
    return ",".join(dict.fromkeys((*words, *_ALWAYS))).encode()


def _number(value: Any) -> str:  # noqa: ANN401 - JSON
    """A major or minor number, ``*`` for any: the spec leaves it out or says -1."""
    return "*" if value is None or int(value) < 0 else str(int(value))
