"""The agent's lines, as the client decodes them: SECONDS SEED CRASH FILE…, as driver.c has it.

Whatever comes, ``parse_event`` gives an event, says that the line is not the agent's, or raises AgentError.
"""

from __future__ import annotations

import json
import random
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kubectl_nsexec.errors import AgentError
from kubectl_nsexec.protocol.events import parse_event

if TYPE_CHECKING:
    from collections.abc import Callable

_NONCE: Final = "n0nce"
_PREFIX: Final = f"{_NONCE} ".encode()
_ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**40, 1.5, float("nan"), [], {}, "", " "),
    *(
        "0",
        "0-1",
        "1-0",
        "0-8191",
        "0-99999999999",
        "8192",
        "-",
        ",",
        "0,",
        "a",
        "\0",
        "\ud800",
        "\n",
        "=",
        "AAAA",
        "A" * 70000,
    ),
)


def mutated(line: bytes, chance: random.Random) -> bytes:
    """The line with some of its bytes, or of its JSON's values, changed."""
    if chance.random() < 0.5:
        data = bytearray(line)
        for _ in range(chance.randint(1, 4)):
            at = chance.randint(0, len(data))
            data[at : at + chance.choice((0, 1, 1, 4))] = chance.randbytes(chance.choice((0, 1, 1, 3)))
        return bytes(data)
    try:
        value = json.loads(line.removeprefix(_PREFIX))
    except (ValueError, RecursionError):
        return line
    for _ in range(chance.randint(1, 3)):
        _change(value, chance)
    return _PREFIX + json.dumps(value).encode()


def _change(value: object, chance: random.Random) -> None:
    """Change one value somewhere inside."""
    keys: list[Any] = (
        list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    )
    if not keys or not isinstance(value, (dict, list)):
        return
    key = chance.choice(keys)
    if isinstance(value[key], (dict, list)) and chance.random() < 0.7:
        _change(value[key], chance)
    elif chance.random() < 0.2:
        del value[key]
    else:
        value[key] = chance.choice(_ODD)


def look(line: bytes) -> bool:
    """Whether the line is an event. Raises whatever the decoder may not raise."""
    try:
        return parse_event(line, _NONCE) is not None
    except AgentError:
        return False


def main(
    seconds: int,
    seed: int,
    crash: Path,
    files: list[Path],
    look: Callable[[bytes], bool] = look,
    mutated: Callable[[bytes, random.Random], bytes] = mutated,
) -> int:
    """The exit status: 1 after an input that broke ``look``, which is left in ``crash``."""
    chance, pool = random.Random(seed), [file.read_bytes().rstrip(b"\n") for file in files]  # noqa: S311 - to be repeated
    runs = events = 0
    end = time.monotonic() + seconds
    line = b""
    try:
        for line in pool:
            events += look(line)
        while time.monotonic() < end:
            line = mutated(chance.choice(pool), chance)
            events += look(line)
            runs += 1
    except Exception:  # noqa: BLE001 - any of them is what is looked for
        crash.write_bytes(line)
        traceback.print_exc()
        return 1
    print(f"{runs} inputs, {len(pool)} kept, {events} events")  # noqa: T201 - the result
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), [Path(word) for word in sys.argv[4:]]))
