"""A container's capabilities as bit masks (bit n is capability n, capabilities(7)), and a line about those it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.identity.proc import CAPABILITY_NUMBERS, parse_status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def of_spec(table: Mapping[str, Iterable[str] | None]) -> tuple[dict[str, int], tuple[str, ...]]:
    """``process.capabilities`` of an OCI config.json: a mask by the name of the set, and what the command lacks then.

    A name that nobody knows is left out, as runc and crun do with a warning. Raises TypeError or AttributeError for a
    table that is none.
    """
    named = {str(kind): list(names or ()) for kind, names in table.items()}
    masks = {
        kind: sum({1 << CAPABILITY_NUMBERS[name] for name in names if name in CAPABILITY_NUMBERS})
        for kind, names in named.items()
    }
    unknown = dict.fromkeys(name for names in named.values() for name in names if name not in CAPABILITY_NUMBERS)
    if not unknown:
        return masks, ()
    return masks, (f"the command lacks {_list(unknown)}: no capability of that name is known here",)


def bounding_of(status: bytes) -> int:
    """CapBnd of /proc/PID/status; 0 where it does not say."""
    try:
        return int(parse_status(status)["CapBnd"], 16)
    except (KeyError, ValueError):
        return 0


def missed(mask: int, init: int) -> str:
    """A line about the capabilities ``mask``, which we have not got; ``init``: what its init is bound to."""
    names = [name for name, number in CAPABILITY_NUMBERS.items() if mask >> number & 1]
    names += [
        f"capability {number}" for number in range(len(CAPABILITY_NUMBERS), mask.bit_length()) if mask >> number & 1
    ]
    if mask & init:
        return f"the command lacks {_list(names)}: the container has it, but the helper was not given it on this node"
    return f"the command lacks {_list(names)}: the container's spec has it, but this node does not grant it"


def _list(names: Iterable[str]) -> str:
    return " and ".join(names)
