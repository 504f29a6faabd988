"""What every transport has to do, in one table: rows are behaviours, columns are ways onto the node. Only data.

``tests/node/test_transports.py`` runs it on fakes, ``tests/live/test_host_transports*.py`` on a cluster.
"""

from __future__ import annotations

import signal
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

MEGABYTE: Final = 1_000_000


class Transport(Enum):
    """The transport to the node."""

    POD = "helper pod"
    KEPT = "shared helper"
    SSH = "ssh"
    LOCAL = "local"


class Stimulus(Enum):
    """What happens while the command runs, or how the client's ends behave."""

    NOTHING = "nothing"
    OUT_OF_MEMORY = "the kernel kills the command for want of memory"
    KILLED = "the command is killed from outside (kill -9)"
    LINK_CUT = "what the client's bytes pass through is cut"
    SERVER_GONE = "the API server ends"
    CLIENT_TERMINATED = "SIGTERM to the client"
    CLIENT_INTERRUPTED = "SIGINT to the client"
    CLIENT_HUNG_UP = "SIGHUP to the client"
    CLIENT_KILLED = "kill -9 of the client"
    SLOW_READER = "whoever reads the client's stdout always lags behind"
    PAUSED_READER = "it does not read at all for several times a proxy's idle time-out"


class Ends(NamedTuple):
    """What the client has for a status and says on stderr in the end (a regular expression of all of it).

    Nothing of the session is left then, but for a record of its completed pod where the API server could not be reached
    (``record``). A helper that is kept waits for the next one.
    """

    status: int
    says: str = ""
    record: bool = False


class Behaviour(NamedTuple):
    """One row, with a cell for every transport. ``script`` is run by the container's shell.

    In ``script`` WAIT is replaced by a wait, after ``up``, that the stimulus ends. ``stdin``: what is piped to a client
    with -i; None: to one without. ``stdout``: all that has to come out.
    """

    name: str
    script: str
    cells: Mapping[Transport, Ends]
    stimulus: Stimulus = Stimulus.NOTHING
    stdin: bytes | None = None
    stdout: bytes = b""


def everywhere(cell: Ends) -> dict[Transport, Ends]:
    """The same on every transport."""
    return dict.fromkeys(Transport, cell)


def ended_with(status: int) -> Ends:
    """The command's own end, announced as kubectl does it."""
    return Ends(status, f"command terminated with exit code {status}\n" if status else "")


WAIT: Final = "WAIT"
_LOST: Final = Ends(125, "error: [^\n]*how, is not known[^\n]*\n(.*\n)*")
"""Whether the command has ended, and how, is not known; more lines may say what was heard on the way."""
_LOST_WITH_THE_SERVER: Final = _LOST._replace(record=True)
BINARY: Final = bytes(range(256)) * (MEGABYTE // 256)
"""Every byte there is, newlines, zeros and what is no UTF-8 among them."""
_MUCH: Final = 100 * MEGABYTE
_TAIL: Final = 3 * MEGABYTE
"""More than the client takes at once, and less than what is between it and the command: that one has ended."""

TABLE: Final = (
    *(
        Behaviour(f"status {status}", f"exit {status}", everywhere(ended_with(status)))
        for status in (0, 1, 37, 124, 125, 255)
    ),
    *(
        Behaviour(f"ends itself by SIG{name}", f"kill -{name} $$", everywhere(ended_with(status)))
        for name, status in (("TERM", 143), ("KILL", 137), ("INT", 130))
    ),
    Behaviour("killed from outside", WAIT, everywhere(ended_with(137)), Stimulus.KILLED, stdout=b"up\n"),
    Behaviour(
        "killed for want of memory",
        f"{WAIT}; exec tail /dev/zero",
        everywhere(ended_with(137)),
        Stimulus.OUT_OF_MEMORY,
        stdout=b"up\n",
    ),
    Behaviour(
        "link cut",
        WAIT,
        # Locally there is no link: the process that leads to the command is killed instead.
        {**everywhere(_LOST), Transport.POD: _LOST_WITH_THE_SERVER},
        Stimulus.LINK_CUT,
        stdout=b"up\n",
    ),
    Behaviour(
        "API server gone",
        f"{WAIT}; exit 3",
        # By ssh and locally it is asked for the target only, and the command ends as ever.
        {
            Transport.POD: _LOST_WITH_THE_SERVER,
            Transport.KEPT: _LOST,
            Transport.SSH: ended_with(3),
            Transport.LOCAL: ended_with(3),
        },
        Stimulus.SERVER_GONE,
        stdout=b"up\n",
    ),
    *(
        Behaviour(f"client {what}", WAIT, everywhere(Ends(status)), stimulus, stdout=b"up\n")
        for what, stimulus, status in (
            ("terminated", Stimulus.CLIENT_TERMINATED, 143),
            ("interrupted", Stimulus.CLIENT_INTERRUPTED, 130),
            ("hung up", Stimulus.CLIENT_HUNG_UP, 129),
            ("killed", Stimulus.CLIENT_KILLED, -signal.SIGKILL),
        )
    ),
    Behaviour(
        "slow reader",
        f"head -c {_MUCH} /dev/zero; exit 5",
        everywhere(ended_with(5)),
        Stimulus.SLOW_READER,
        stdout=bytes(_MUCH),
    ),
    Behaviour(
        "paused reader",
        f"head -c {_MUCH} /dev/zero; exit 5",
        everywhere(ended_with(5)),
        Stimulus.PAUSED_READER,
        stdout=bytes(_MUCH),
    ),
    Behaviour(
        "paused at the end",
        f"head -c {_TAIL} /dev/zero; exit 5",
        everywhere(ended_with(5)),
        Stimulus.PAUSED_READER,
        stdout=bytes(_TAIL),
    ),
    Behaviour(
        "outputs apart",
        "echo out; echo err >&2; exit 7",
        everywhere(Ends(7, "err\ncommand terminated with exit code 7\n")),
        stdout=b"out\n",
    ),
    Behaviour("stdin ended early", "cat; echo on; exit 3", everywhere(ended_with(3)), stdin=b"", stdout=b"on\n"),
    Behaviour(
        "stdin never read", "echo on; exit 4", everywhere(ended_with(4)), stdin=bytes(5 * MEGABYTE), stdout=b"on\n"
    ),
    Behaviour(
        "stdin never read, and a later end",
        "sleep 0.5; echo on; exit 4",
        everywhere(ended_with(4)),
        stdin=bytes(20 * MEGABYTE),
        stdout=b"on\n",
    ),
    Behaviour("binary both ways", "cat; exit 6", everywhere(ended_with(6)), stdin=BINARY * 4, stdout=BINARY * 4),
    Behaviour("no stdin without -i", "wc -c", everywhere(ended_with(0)), stdout=b"0\n"),
)
