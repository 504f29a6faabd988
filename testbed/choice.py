"""What a variable of the environment chooses among."""

import os
from collections.abc import Mapping
from typing import TypeVar

from testbed.errors import ClusterError

_T = TypeVar("_T")


def of_environment(variable: str, among: Mapping[str, _T]) -> _T:
    """What VARIABLE names; the first without it. Raises ClusterError for another name."""
    wanted = os.environ.get(variable) or next(iter(among))
    if wanted not in among:
        raise ClusterError(f"{variable}={wanted}: there are {' and '.join(among)}")
    return among[wanted]
