"""As many descriptors as many commands take."""

from __future__ import annotations

import resource

import pytest

from kubectl_nsexec.fleet import run

_INFINITY = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("fanout", "limits", "expected"),
    [
        (32, (1024, 4096), None),
        (100, (1024, 4096), (1856, 4096)),
        (1000, (1024, 4096), (4096, 4096)),
        (1000, (1024, _INFINITY), (16256, _INFINITY)),
        (1000, (_INFINITY, _INFINITY), None),
    ],
)
def test_the_soft_limit_is_raised_where_it_is_too_low(
    fanout: int, limits: tuple[int, int], expected: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as the hard one allows, which stays: what we start may raise its own as before."""
    made: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: made.append(both))
    run._allow_descriptors(fanout)
    assert made == ([] if expected is None else [expected])


def test_a_system_that_does_not_allow_it_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that finds no descriptor says so."""

    def refuses(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1, 1))
    monkeypatch.setattr(resource, "setrlimit", refuses)
    run._allow_descriptors(32)
