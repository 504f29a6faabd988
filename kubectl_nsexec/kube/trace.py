"""What ``-v`` shows of the talk with the API server: addresses, answers and times, never headers or contents."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_REQUESTS, _SIZES = 6, 8
"""The levels of kubectl that show requests, and more of them."""


class Trace(NamedTuple):
    """Says each request on stderr from level 6 on, and the bodies' sizes from level 8 on."""

    verbosity: int
    say: Callable[[str], None]

    def done(
        self, method: str, url: str, answer: str, began: float, sent: object | None, received_bytes: int | None
    ) -> None:
        """``began``: time.monotonic() before the request; ``answer``: its status; ``received_bytes`` None: a stream.

        ``sent`` is the request's JSON, if it had any: its size is worked out only for those who see it.
        """
        if self.verbosity < _REQUESTS:
            return
        milliseconds = round((time.monotonic() - began) * 1000)
        self.say(f"{method} {url} {answer} in {milliseconds} milliseconds")
        if self.verbosity >= _SIZES:
            received = "a stream" if received_bytes is None else f"{received_bytes} bytes"
            sent_bytes = len(json.dumps(sent)) if sent else 0
            self.say(f"  request body {sent_bytes} bytes, response body {received}")
