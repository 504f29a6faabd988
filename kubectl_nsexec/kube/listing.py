"""Lists of any length, a page at a time: no more than one page is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.kube.api import JSON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.kube.api import Cluster, Query
    from kubectl_nsexec.model.http import Json

PAGE = 500
"""Objects: kubectl's own (--chunk-size)."""
GONE = 410
"""The rest of the list has grown too old on the server: it has to be begun anew."""


def items(cluster: Cluster, path: str, query: Query = (), accept: str = JSON) -> Iterator[Json]:
    """The objects of the list at ``path``, which come without kind and apiVersion. Raises ApiError, also GONE.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
    """
    more = ""
    while True:
        page = [("limit", str(PAGE)), *([("continue", more)] if more else [])]
        answer = cluster.request("GET", path, [*query, *page], accept=accept)
        yield from answer.get("items") or []
        more = str((answer.get("metadata") or {}).get("continue") or "")
        if not more:
            return
