"""The ways into a container that start a process in it: a person's ``oc exec``, exec probes, exec hooks (v1 Container).

The others, httpGet, tcpSocket, grpc and sleep, start none there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.model.http import Json

EXEC = "oc exec"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
HOOKS = ("postStart", "preStop")
_DEFAULT_PERIOD_SECONDS, _DEFAULT_TIMEOUT_SECONDS = 10, 1
"""Of a v1 Probe."""
_SLEEP = re.compile(r"(?:.*/)?sleep (\d+)[smh]?\s*;?")
_SHELLS = re.compile(r"(?:.*/)?(?:ba|da)?sh")


class WayIn(NamedTuple):
    """One way. ``kind``: EXEC, or the field of the container; of probes, how often and how long."""

    kind: str
    program: str = ""
    """The first word of the command."""
    period_seconds: int | None = None
    timeout_seconds: int | None = None
    only_sleeps: bool = False

    @property
    def recurs(self) -> bool:
        """For as long as the container runs."""
        return self.kind in ("livenessProbe", "readinessProbe")

    @property
    def is_probe(self) -> bool:
        """One of PROBES."""
        return self.kind in PROBES

    @property
    def is_hook(self) -> bool:
        """One of HOOKS."""
        return self.kind in HOOKS

    @property
    def per_minute(self) -> float:
        """Commands, in the long run."""
        return 60 / self.period_seconds if self.recurs and self.period_seconds else 0.0


def ways_into(container: Json) -> Iterator[WayIn]:
    """All of them, a person's first."""
    yield WayIn(EXEC)
    for kind in PROBES:
        probe = container.get(kind) or {}
        if probe.get("exec"):
            period = _seconds(probe.get("periodSeconds"), _DEFAULT_PERIOD_SECONDS)
            timeout = _seconds(probe.get("timeoutSeconds"), _DEFAULT_TIMEOUT_SECONDS)
            words = _words(probe)
            yield WayIn(kind, words[0] if words else "", period, timeout)
    for kind in HOOKS:
        hook = (container.get("lifecycle") or {}).get(kind) or {}
        if hook.get("exec"):
            words = _words(hook)
            yield WayIn(kind, words[0] if words else "", only_sleeps=_only_sleeps(words))


def _words(handler: Json) -> list[str]:
    return [str(word) for word in handler["exec"].get("command") or []]


def _seconds(value: object, default: int) -> int:
    """A manifest may have 0 or nonsense there, which the API server makes the default or refuses."""
    return value if isinstance(value, int) and value > 0 else default


def _only_sleeps(words: list[str]) -> bool:
    """``sleep 5``, or that by a shell: what the hook ``sleep`` does without a process (KEP-3960)."""
    if len(words) == 3 and _SHELLS.fullmatch(words[0]) and words[1] == "-c":  # noqa: PLR2004 - SHELL -c LINE
        return bool(_SLEEP.fullmatch(words[2].strip()))
    return bool(_SLEEP.fullmatch(" ".join(words)))
