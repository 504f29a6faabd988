"""An identity and a command as the shim reads them (node/shim/identity.c)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import AgentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.identity.identity import Identity


def encode(
    identity: Identity,
    argv: Sequence[bytes],
    *,
    stdin: bool,
    verify: bool,
    window: tuple[int, int] | None = None,
    limit_seconds: float | None = None,
) -> bytes:
    """NUL-terminated ``key=value`` records for the shim; ``argv`` may be empty only with ``verify``.

    ``window``: a terminal of so many (rows, columns). ``limit_seconds``: how long the command may run.
    Raises AgentError (code ``identity``) for a value that would break the records.
    """
    records: list[tuple[str, bytes]] = [
        ("uid", b"%d" % identity.uid),
        ("gid", b"passwd" if identity.gid is None else b"%d" % identity.gid),
        ("groups", b",".join(b"%d" % group for group in identity.groups)),
    ]
    sets = ("bounding", "permitted", "effective", "inheritable", "ambient")
    records += [(name, b"%016x" % getattr(identity, name)) for name in sets]
    records += [
        ("no_new_privs", b"%d" % identity.no_new_privs),
        ("seccomp", identity.seccomp.program.hex().encode()),
        ("seccomp_flags", b"%d" % identity.seccomp.flags),
        ("selinux", identity.selinux),
        ("apparmor", identity.apparmor),
        ("user_namespace", b"%d" % identity.user_namespace),
        ("streams_group", b"%d" % identity.streams_group),
        ("devices", identity.devices),
        ("umask", b"%04o" % identity.umask),
        ("cwd", identity.cwd),
    ]
    records += [("rlimit", b"%d:%d:%d" % limit) for limit in identity.rlimits]
    records += [("env", pair) for pair in identity.env]
    records += [("arg", word) for word in argv]
    records += [("stdin", b"%d" % stdin), ("verify", b"%d" % verify)]
    rows, columns = window or (0, 0)
    records += [("tty", b"%d" % (window is not None)), ("rows", b"%d" % rows), ("columns", b"%d" % columns)]
    records += [("limit_ms", b"%d" % (math.ceil(1000 * limit_seconds) if limit_seconds else 0))]
    if not argv and not verify:
        raise _unfit("there is no command")
    for key, value in records:
        if b"\0" in value:
            raise _unfit(f"a NUL byte in {key} cannot be passed on")
    return b"".join(key.encode() + b"=" + value + b"\0" for key, value in records)


def _unfit(message: str) -> AgentError:
    return AgentError(f"{message}; nothing was started", code="identity")
