"""Who ran what, where and when: annotations of the helper pod, and an Event on the target's pod.

It is the client's own word, for colleagues who look afterwards; the API server's audit log is what proves something.
"""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING

from kubectl_nsexec.helper.manifest import OWNER, TARGET_ANNOTATION, USER_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.privileges import Privileges
    from kubectl_nsexec.target.container_choice import Target

REASON = "NsexecStarted"

_MESSAGE_BYTES = 1000
"""An Event's note holds 1024 bytes at most (events.k8s.io/v1)."""
_COMMAND_BYTES = 32 * 1024
"""All annotations of an object hold 256 KiB at most."""
_POD_NAME_CHARACTERS = 230
"""A name holds 253, of which an Event's own part needs a few."""


def of_run(
    target: Target, user: str | None, privileges: Privileges, command: Sequence[bytes], *, record_arguments: bool
) -> dict[str, str]:
    """What the helper pod says about the run. ``user``: by the API server; None: this machine's word is taken.

    No part of the command unless it is asked for: arguments may be secrets.
    """
    made = {
        TARGET_ANNOTATION: f"{target.namespace}/{target.pod}/{target.container}",
        USER_ANNOTATION: _named(user),
        "nsexec.io/started": _now(),
    }
    if more := _more(privileges):
        made["nsexec.io/privileges"] = more
    if record_arguments and command:
        made["nsexec.io/command"] = _shortened(_shown(command), _COMMAND_BYTES)
    return made


def event(target: Target, run: Mapping[str, str], where: str) -> Json:
    """A v1 Event on the pod of ``target``; ``run``: its annotations, ``where``: the CPUs, and by which transport."""
    privileges, now = run.get("nsexec.io/privileges"), _now()
    what = f"runs {run.get('nsexec.io/command', 'a command')} in container {target.container}"
    message = f"{run[USER_ANNOTATION]} {what}{f' with {privileges}' if privileges else ''} {where}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{target.pod[:_POD_NAME_CHARACTERS].rstrip('.-')}.{os.urandom(8).hex()}",
            "namespace": target.namespace,
        },
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": target.namespace,
            "name": target.pod,
            "uid": target.pod_uid,
        },
        "reason": REASON,
        "message": _shortened(message, _MESSAGE_BYTES),
        "type": "Normal",
        "source": {"component": OWNER, "host": target.node},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }


def publish(cluster: Cluster, made: Json) -> None:
    """Creates the Event. Raises ApiError."""
    cluster.request("POST", f"/api/v1/namespaces/{made['metadata']['namespace']}/events", body=made)


def _named(user: str | None) -> str:
    if user is not None:
        return user
    import getpass  # noqa: PLC0415 - only for servers that do not tell

    try:
        login = getpass.getuser()
    except (ImportError, KeyError, OSError):  # no entry in passwd, as in many containers; no passwd, as on Windows
        login = "somebody"
    return f"{login} on {socket.gethostname() or 'an unknown host'} (the client's own word)"


def _more(privileges: Privileges) -> str:
    words = [
        flag for flag, on in (("--privileged", privileges.privileged), ("--host-tools", privileges.host_tools)) if on
    ]
    if privileges.user is not None:
        gid = "" if privileges.user.gid is None else f":{privileges.user.gid}"
        words.append(f"--user {privileges.user.uid}{gid}")
    if privileges.process is not None:
        words.append(f"--process {privileges.process}")
    return " ".join(words)


def _shown(command: Sequence[bytes]) -> str:
    """JSON; bytes that are no UTF-8 as a backslash, x and two digits."""
    return json.dumps([word.decode(errors="backslashreplace") for word in command], ensure_ascii=False)


def _shortened(text: str, size: int) -> str:
    """At most so many bytes of UTF-8, the cut marked."""
    data = text.encode(errors="backslashreplace")
    if len(data) <= size:
        return text
    return data[: size - 3].decode(errors="ignore") + "…"


def _now() -> str:
    """RFC 3339, as the API has times."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
