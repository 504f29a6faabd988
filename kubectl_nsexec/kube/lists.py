"""Lists of any length, a page at a time: no more than one page is held."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ApiError
from kubectl_nsexec.kube.api import JSON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.kube.api import Cluster, Query
    from kubectl_nsexec.model.http import Json

PAGE = 500
"""Objects: kubectl's own (--chunk-size)."""
GONE = int(HTTPStatus.GONE)
"""The rest of the list has grown too old on the server: it has to be begun anew."""


def pages(cluster: Cluster, path: str, query: Query = (), accept: str = JSON) -> Iterator[list[Json]]:
    """The items at ``path``, which come without kind and apiVersion. Raises ApiError, also GONE.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
    """
    more = ""
    while True:
        page = [*query, ("limit", str(PAGE)), *([("continue", more)] if more else [])]
        answer = cluster.request("GET", path, page, accept=accept)
        yield list(answer.get("items") or [])
        more = str((answer.get("metadata") or {}).get("continue") or "")
        if not more:
            return


def items(cluster: Cluster, path: str, query: Query = ()) -> Iterator[Json]:
    """The same, one by one. Raises as ``pages``."""
    for page in pages(cluster, path, query):
        yield from page


def pages_anew(cluster: Cluster, path: str, query: Query = ()) -> Iterator[list[Json]]:
    """The same as ``pages``; where the rest is GONE the list begins anew, once, and most of it comes twice."""
    begun = False
    try:
        for page in pages(cluster, path, query):
            begun = True
            yield page
    except ApiError as error:
        if error.status != GONE or not begun:
            raise
    else:
        return
    yield from pages(cluster, path, query)
