"""A helper that is kept: whose it is, when two runs may share it, and what its sessions are started by. No I/O."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.helper.manifest import (
    KEEPER_LABEL,
    MAX_LIFE_SECONDS,
    NAME_PREFIX,
    OWNER,
    OWNER_LABEL,
    HelperSpec,
    manifest,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

GONE = "gone"
"""The code of the failure of a session that found the helper ended."""

ANY_NONCE = "0" * 8
ANY_PATIENCE_SECONDS = 1.0
"""In the place of the nonce and the patience that are a run's own."""

_FIRST_IDLE_SECONDS = 60
"""How long a new helper waits at the least: its first session is on its way."""
_HASH_CHARACTERS = 32


def keeper(user: str | None) -> str:
    """The value of KEEPER_LABEL for the user of that name. Raises UsageError where the server does not tell it."""
    if user is None:
        raise UsageError(
            "--keep: a helper is kept for one user only, and this API server does not tell who you are "
            "(SelfSubjectReview, since Kubernetes 1.28); run it without --keep"
        )
    return _hash(user)


def shared(spec: HelperSpec, user: str | None, comparable: Sequence[str], command: Sequence[str]) -> HelperSpec:
    """``spec`` as a helper that is kept, which runs ``command``.

    Its name is that of every helper of the user on that node which is like it: same namespace, program, CPUs and image
    (the target's own does not matter where the node's tools are used). ``comparable``: the command without what differs
    from run to run.
    """
    owner = keeper(user)
    image = spec.image if not spec.node_tools else ""
    plain = spec._replace(name="", image=image, annotations={}, folder="", command=tuple(comparable), keeper=owner)
    name = f"{NAME_PREFIX}keep-{_hash(json.dumps(manifest(plain), sort_keys=True))}"
    return spec._replace(name=name, command=tuple(command), keeper=owner)


def is_same(pod: dict[str, Any], spec: HelperSpec) -> bool:
    """Whether a pod of that name is the helper of that user, by its labels."""
    labels = pod["metadata"].get("labels") or {}
    return (labels.get(OWNER_LABEL), labels.get(KEEPER_LABEL)) == (OWNER, spec.keeper)


def hold_words(keep_seconds: float) -> list[str]:
    """What the main process is told of how long it waits, and how long a session may last."""
    return [str(max(math.ceil(keep_seconds), _FIRST_IDLE_SECONDS)), str(MAX_LIFE_SECONDS)]


def session_words(nonce: str, session_id: str, keep_seconds: float, enter: Sequence[str], *, leased: bool) -> list[str]:
    """What the shim starts as a session (exec subresource), which becomes ``enter``; the helper waits so long after it.

    ``leased``: another stream is its lease; else it says ``Held`` itself.
    """
    # Who keeps it no longer ends it himself afterwards; should he not come to that, it does not wait for long.
    idle = math.ceil(keep_seconds) or _FIRST_IDLE_SECONDS
    return ["session", nonce, session_id, str(idle), "-" if leased else "held", *enter]


def lease_words(nonce: str, session_id: str) -> list[str]:
    """What the shim starts as a session's lease, for a session whose stdin is its command's."""
    return ["lease", nonce, session_id]


END = ("end",)
"""Ends the helper when nobody is in it, with status 0."""


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:_HASH_CHARACTERS]
