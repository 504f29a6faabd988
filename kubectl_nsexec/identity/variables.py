"""The environment of a command: what the runtime makes of the spec's, and what goes over it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubectl_nsexec.identity.identity import Identity


def of_pairs(pairs: list[bytes]) -> tuple[bytes, ...]:
    """What crun makes of them by putenv(3): the last one of equal keys wins, an entry without "=" takes its key back.

    runc's does the same with every list that it takes (libcontainer/env.go); with an entry that has no key or no "="
    it starts no container.
    """
    env: dict[bytes, bytes] = {}
    for pair in pairs:
        key, separator, _ = pair.partition(b"=")
        if separator:
            env[key] = pair
        else:
            env.pop(key, None)
    return tuple(env.values())


def with_term(identity: Identity, term: str | None, runtime: str) -> Identity:
    """The identity of a command with a terminal: TERM is ``term``, else what the runtime's own exec makes of it.

    containerd's exec with a terminal says xterm, whatever the container has. CRI-O leaves the container's environment
    alone; one that has no TERM gets xterm there too, for nothing works without.
    """
    others = tuple(pair for pair in identity.env if not pair.startswith(b"TERM="))
    if term is None and runtime != "containerd" and len(others) < len(identity.env):
        return identity
    return identity._replace(env=(*others, b"TERM=" + os.fsencode(term or "xterm")))


def with_variables(identity: Identity, variables: tuple[bytes, ...]) -> Identity:
    """The identity of a command with ``variables`` (NAME=VALUE), over its own (``--env``).

    KEP-6035, "Environment Variable Precedence": the caller's go before the container's. What others give to the exec
    goes before both, which the shim sees to (node/shim/exec_env.c).
    """
    return identity._replace(env=of_pairs([*identity.env, *variables]))
