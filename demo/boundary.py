"""How a program of the demo ends: by a status and, when it failed, one sentence. Never by a traceback."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from demo.programs import DemoError
from testbed.errors import ClusterError, unexpected
from testbed.progress import say

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class SignalReceived(BaseException):
    """So that what has been made is removed on the way out; ``number`` says which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def status_of(name: str, play: Callable[[], int]) -> int:
    """The exit status of PLAY: its own, 1 with the reason on stderr, 128+n for a signal."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup(1) means it
            signal.signal(number, _raise)
    try:
        return play()
    except (DemoError, ClusterError) as error:
        say(f"{name}: {error}")
    except SignalReceived as received:
        say(f"{name}: ended by {signal.Signals(received.number).name}")
        return 128 + received.number
    except BrokenPipeError:
        # What is left of stdout would be complained about once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        say(f"{name}: nobody reads stdout any more")
    except Exception as error:  # noqa: BLE001 - a newcomer's first command does not end in a traceback
        say(f"{name}: {unexpected(error)}")
    return 1


def _raise(number: int, _frame: FrameType | None) -> None:
    for each in _SIGNALS:  # the clean-up that follows is bounded; a second Ctrl-C must not leave a loop behind
        signal.signal(each, lambda *_: None)
    raise SignalReceived(number)
