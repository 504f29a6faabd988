"""Variables that only the command gets: those of ``--env``, and those that others give to an exec on its way."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

AUDIT_ID = "KUBERNETES_EXEC_AUDIT_ID"
"""The API server's, from KEP-6035 on: the ``auditID`` of the exec in its audit log."""
SPO_UID = "SPO_EXEC_REQUEST_UID"
"""The Security Profiles Operator's (its webhook execmetadata.spo.io): the uid of the admission request."""
OF_THE_EXEC = (AUDIT_ID, SPO_UID)
"""What the shim passes on of the environment that an exec into the helper pod has (node/shim/exec_env.c)."""
_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
"""KEP-6035, "Validation": as names of a container's own variables."""


def variables(words: Iterable[str]) -> tuple[bytes, ...]:
    """``NAME=VALUE`` of each ``--env``, as execve(2) takes them. A value may be empty, and is never looked at.

    What KEP-6035 has the API server refuse is refused here: there is nothing else that would. Its limits of size and
    number are for URLs, which these do not come into. Raises UsageError.
    """
    taken: dict[str, bytes] = {}
    for word in words:
        name, equals, _ = word.partition("=")
        if not equals:
            raise UsageError(f'--env: "{word}" is not NAME=VALUE')
        if not _NAME.fullmatch(name):
            raise UsageError(
                f'--env: "{name}" cannot be the name of a variable: it takes letters, digits, "_", "-" and ".", '
                "and no digit comes first"
            )
        if name == AUDIT_ID:
            raise UsageError(f"--env: {AUDIT_ID} is reserved by the API server")
        if name in taken:
            raise UsageError(f"--env: {name} is given twice")
        taken[name] = os.fsencode(word)
    return tuple(taken.values())
