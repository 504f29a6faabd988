"""A cluster with many pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.program.fleet.fake_fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    """Without a pod."""
    made = Fleet()
    yield made
    made.close()
