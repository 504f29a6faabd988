"""What the command is given that ``oc exec`` would not give: --privileged, --user, --host-tools, --process."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ID_LIMIT = 2**32 - 2
"""The largest number is "no such id" to the kernel (setresuid(2))."""
_PID_LIMIT = 2**22
"""PID_MAX_LIMIT (include/linux/threads.h)."""
_IDS = re.compile(r"([0-9]+)(?::([0-9]+))?")


class User(NamedTuple):
    """Who the command is to be. ``gid`` None: by the container's /etc/passwd."""

    uid: int
    gid: int | None = None


class Privileges(NamedTuple):
    """What the command is given that ``oc exec`` would not give."""

    privileged: bool = False
    host_tools: bool = False
    user: User | None = None
    process: int | str | None = None
    """The process to enter instead of the container's first one: its number inside the container, or its name."""


AS_EXEC = Privileges()
"""Nothing more than ``oc exec`` gives."""


def users(given: Sequence[str]) -> tuple[str | None, str | None]:
    """``(the kubeconfig's user, the command's user)`` among the values of --user; of several of a kind the last wins.

    kubectl's flag of that name is about the connection, so only digits and ``digits:digits`` are about the command.
    """
    names = [word for word in given if not _IDS.fullmatch(word)]
    ids = [word for word in given if _IDS.fullmatch(word)]
    return (names[-1] if names else None), (ids[-1] if ids else None)


def user(word: str) -> User:
    """The user of ``UID`` or ``UID:GID``. Raises UsageError for a number that is no ID."""
    found = _IDS.fullmatch(word)
    if found is None:
        raise UsageError(f'--user: "{word}" is neither UID nor UID:GID')
    numbers = [int(part) if part is not None else None for part in found.groups()]
    if any(number is not None and number > _ID_LIMIT for number in numbers):
        raise UsageError(f'--user: "{word}" is no user of Linux: IDs go from 0 to {_ID_LIMIT}')
    return User(numbers[0] or 0, numbers[1])


def process(word: str) -> int | str:
    """The value of --process: all digits are a PID, all else a name. Raises UsageError."""
    if re.fullmatch(r"[0-9]+", word):
        number = int(word)
        if not 0 < number <= _PID_LIMIT:
            raise UsageError(f'--process: "{word}" is no PID: they go from 1 to {_PID_LIMIT}')
        return number
    if not word or "\0" in word or not _is_unicode(word):
        raise UsageError("--process: a process is named by its PID inside the container, or by a name in UTF-8")
    return word


def check(privileges: Privileges) -> None:
    """Raises UsageError for what contradicts itself."""
    if privileges.privileged and privileges.user:
        raise UsageError("you may not specify --privileged and --user UID together: --privileged is root")
    if privileges.privileged and privileges.host_tools:
        raise UsageError("you may not specify --privileged and --host-tools together: --host-tools is privileged too")
    if privileges.host_tools and privileges.user:
        raise UsageError("you may not specify --host-tools and --user UID together: the node's tools run as root")


def _is_unicode(word: str) -> bool:
    """Whether it can be part of a URL: the agent's command line is one (bytes that are no UTF-8 are surrogates)."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
