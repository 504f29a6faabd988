"""Lists of many objects, page by page."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.kube.api import Cluster, Query
    from kubectl_nsexec.model.http import Json

PAGE = 500
"""kubectl's page size (--chunk-size)."""


def pages(cluster: Cluster, path: str, query: Query = ()) -> Iterator[list[Json]]:
    """The items at ``path``, a page at a time. Raises ApiError.

    A list that takes so long that the server has forgotten its beginning (410) begins anew, once: then most of it
    comes twice.
    https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
    """
    more, began_anew = "", False
    while True:
        page = [*query, ("limit", str(PAGE)), *([("continue", more)] if more else [])]
        try:
            answer = cluster.request("GET", path, page)
        except ApiError as error:
            if error.status != HTTPStatus.GONE or not more or began_anew:
                raise
            more, began_anew = "", True
            continue
        yield list(answer.get("items") or [])
        more = str((answer.get("metadata") or {}).get("continue") or "")
        if not more:
            return
