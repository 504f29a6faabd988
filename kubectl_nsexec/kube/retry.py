"""When a request is made again: the API server has no time just now (429), is away for a moment (5xx), or was cut off.

A roll-out of the control plane, a leader that is elected, a load balancer that has no server left for a second: all of
that passes. client-go repeats whatever comes with Retry-After (rest/with_retry.go); most load balancers send none.

What may be repeated: after 429, and a quota that has not counted yet, everything, for nothing was done. After a 5xx, or
a connection that was reset or ended without an answer, it may have been done all the same, so only what can be done
twice (RFC 9110, 9.2.2), and a creation that names its object: its second attempt is answered by AlreadyExists, and
whoever asked for it looks whose the object is. A stream is never opened anew for that, as by kubectl.

It is imported only when an answer was no success.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from kubectl_nsexec.errors import ApiError, ConnectionCutError
from kubectl_nsexec.kube.api import NOT_COUNTED
from kubectl_nsexec.model.http import CONFLICT, SERVER_ERROR, TOO_MANY_REQUESTS

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_TWICE = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS"))
_MOMENTS = frozenset((502, 503, 504))
_ETCD = ("etcdserver: leader changed", "etcdserver: no leader", "etcdserver: request timed out", "etcdserver: too many")
"""What the API server answers with 500 while its etcd is at odds with itself (go.etcd.io/etcd, rpctypes)."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.25, 4.0
CUT_SECONDS = 10.0
"""How long a connection that is cut is tried anew: client-go does it ten times, a second apart (rest/with_retry.go)."""
_SLICE_SECONDS = 0.1


class Patience(NamedTuple):
    """How long one request may be made again, from its first attempt on."""

    began: float
    """By ``clock``."""
    seconds: float
    hurried: Callable[[], bool]
    """Whether the user wants to go: then nothing is waited for."""
    clean_up: bool = False
    """Of what must not stay: when less time is left than the server asks for, it is tried at the end of it."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.began + self.seconds - self.clock())

    def waited(self, seconds: float) -> bool:
        """Whether so much time was left, and has passed."""
        left = self.left()
        if left <= 0 or (seconds > left and not self.clean_up):
            return False
        end = self.clock() + min(seconds, left)
        while (more := end - self.clock()) > 0:
            if self.hurried():  # a signal may be deferred, and then ends no sleep
                return False
            self.sleep(min(more, _SLICE_SECONDS))
        return True


def repeated(attempt: Callable[[], T], error: ApiError, *, twice: bool, patience: Patience) -> T:
    """What ``attempt`` returns, after it has raised ``error``. ``twice``: see ``may_be_done_twice``.

    Raises the last ApiError, which says for how long it was tried where no waiting has helped. An answer that does not
    pass, as that there is no such pod, is told after some waiting as it would have been at once.
    """
    tries = 0
    while may_pass(error, twice=twice) and patience.waited(pause_seconds(error, tries)):
        tries += 1
        try:
            return attempt()
        except ApiError as another:
            error = another
    if tries and may_pass(error, twice=twice):
        error.message += f" (asked {tries + 1} times in {patience.clock() - patience.began:.0f} s)"
    raise error


def may_pass(error: ApiError, *, twice: bool) -> bool:
    """Whether the request that ``error`` is the answer to may be made again, with hope."""
    if error.http_status == TOO_MANY_REQUESTS or NOT_COUNTED in error.message:
        return True
    if error.http_status == CONFLICT:  # another pod was counted at the same moment; nothing was created
        return error.reason == "Conflict" and "resourcequotas" in error.message
    if not twice:
        return False
    if isinstance(error, ConnectionCutError):
        return True
    if error.http_status == SERVER_ERROR:
        return bool(error.retry_after) or any(words in error.message for words in _ETCD)
    return error.http_status in _MOMENTS


def may_be_done_twice(method: str, body: dict[str, Any] | None) -> bool:
    """Whether a request does no harm when it is carried out a second time."""
    if method in _TWICE:
        return True
    body = body or {}
    named = bool((body.get("metadata") or {}).get("name"))
    return method == "POST" and (named or str(body.get("kind")).endswith("Review"))  # a review leaves nothing


def pause_seconds(error: ApiError, tries: int) -> float:
    """How long to wait before the next attempt: as the server says, else longer each time; not all clients at once."""
    asked = after_seconds(error.retry_after)
    if asked is not None:
        return asked + random.uniform(0, _FIRST_PAUSE_SECONDS)  # noqa: S311 - no secret
    longest: float = min(_FIRST_PAUSE_SECONDS * 2**tries, _LONGEST_PAUSE_SECONDS)
    return longest * random.uniform(0.5, 1)  # noqa: S311 - as above


def after_seconds(header: str) -> float | None:
    """The seconds of a Retry-After (RFC 9110, 10.2.3), a number or a date; None for none, and for what is neither."""
    if not header:
        return None
    from urllib3.exceptions import InvalidHeader  # noqa: PLC0415 - see kube.load
    from urllib3.util import Retry  # noqa: PLC0415 - as above

    try:
        return float(Retry().parse_retry_after(header))
    except (InvalidHeader, ValueError, OverflowError):
        return None
