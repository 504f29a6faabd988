"""The table of behaviours over every transport, on fakes; ``tests/live/test_host_transports*.py`` has it live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.behaviours import TABLE, Behaviour, Stimulus, Transport
from tests.conformance.fakes import fake_stand
from tests.conformance.run import Cell

if TYPE_CHECKING:
    from pathlib import Path

CELLS = [(row, transport) for row in TABLE for transport in Transport]


@pytest.mark.parametrize(("row", "transport"), CELLS, ids=[f"{row.name}-{way.value}" for row, way in CELLS])
def test_a_behaviour_is_the_same_by_every_transport(
    shim: Path, tmp_path: Path, row: Behaviour, transport: Transport
) -> None:
    """Status, words, bytes, and what is left behind."""
    with fake_stand(transport, shim, tmp_path) as stand, Cell(row, stand) as started:
        started.shows()


def test_the_table_has_every_cell_and_every_stimulus() -> None:
    """Who adds a transport says of each row what it does there."""
    for row in TABLE:
        assert set(row.cells) == set(Transport), row.name
    assert {row.stimulus for row in TABLE} == set(Stimulus)
    assert len({row.name for row in TABLE}) == len(TABLE)
