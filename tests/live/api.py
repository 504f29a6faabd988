"""The administrator's requests from the tests' own process, for all that no test is about.

Each kubectl is a process that reads its configuration and asks what the server knows, and a suite started thousands.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from kubernetes.config import new_client_from_config

from kubectl_nsexec.model.http import CONFLICT, NOT_FOUND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kubectl_nsexec.model.http import Json

_OK: Final = range(200, 300)
_ANSWER_SECONDS: Final = 60.0
_WATCHED_SECONDS: Final = 5
"""After which it is looked once more."""
_POLL_SECONDS: Final = 0.1
_NO_CONTENT: Final = {"Accept": "application/json"}
_CONTENT: Final = {**_NO_CONTENT, "Content-Type": "application/json"}


def pods_of(namespace: str) -> str:
    """The collection."""
    return f"/api/v1/namespaces/{namespace}/pods"


class Api:
    """Objects by their paths, as JSON. Every method raises AssertionError for an answer that it does not expect."""

    def __init__(self, kubeconfig: Path) -> None:
        self._client = new_client_from_config(str(kubeconfig))

    def get(self, path: str) -> Json | None:
        """The object or list of that path; None: there is none."""
        return self._answer("GET", path)

    def items(self, collection: str) -> list[Json]:
        """All objects in it."""
        found: list[Json] = (self.get(collection) or {"items": []})["items"]
        return found

    def names(self, collection: str) -> list[str]:
        """Of all objects in it."""
        return [item["metadata"]["name"] for item in self.items(collection)]

    def alive(self, namespace: str) -> list[str]:
        """Of its pods those that are not over."""
        query = "fieldSelector=status.phase!%3DSucceeded,status.phase!%3DFailed"
        return self.names(f"{pods_of(namespace)}?{query}")

    def create(self, collection: str, manifest: Json) -> Json:
        """The new object."""
        created = self._answer("POST", collection, manifest)
        assert created, f"there is no {collection}"
        return created

    def delete(self, path: str, **options: object) -> None:
        """``options`` as DeleteOptions has them. That the object is not there, or another one, is fine."""
        self._answer("DELETE", path, options or None, fine=(NOT_FOUND, CONFLICT))

    def wait(self, collection: str, name: str, over: Callable[[Json | None], bool], seconds: float) -> Json | None:
        """The object as soon as it is ``over``, None when it is not there; or as it is when the time is."""
        deadline = time.monotonic() + seconds
        while not over(found := self.get(f"{collection}/{name}")) and time.monotonic() < deadline:
            if found is None:
                time.sleep(_POLL_SECONDS)
            else:
                self._change(collection, found)
        return found

    def wait_until_gone(self, collection: str, name: str, seconds: float) -> None:
        """Raises AssertionError with the object's status when it is still there after that time."""
        left = self.wait(collection, name, lambda found: found is None, seconds)
        assert left is None, f"{collection}/{name} is not gone: {left['status']}"

    def _change(self, collection: str, known: Json) -> None:
        """Waits for an object that is not any more what is known of it."""
        name, version = known["metadata"]["name"], known["metadata"]["resourceVersion"]
        query = f"watch=true&fieldSelector=metadata.name%3D{name}&resourceVersion={version}"
        target = f"{self._client.configuration.host}{collection}?{query}&timeoutSeconds={_WATCHED_SECONDS}"
        answer = self._client.call_api("GET", target, _NO_CONTENT, _request_timeout=_ANSWER_SECONDS).response
        try:
            next(iter(answer), b"")
        finally:
            answer.close()

    def _answer(
        self, method: str, path: str, body: Json | None = None, fine: tuple[int, ...] = (NOT_FOUND,)
    ) -> Json | None:
        headers = _CONTENT if body is not None else _NO_CONTENT
        target = f"{self._client.configuration.host}{path}"
        answer = self._client.call_api(method, target, headers, body, _request_timeout=_ANSWER_SECONDS)
        content = answer.read()
        if answer.status in fine:
            return None
        assert answer.status in _OK, f"{method} {path}: {answer.status}: {content.decode(errors='replace')}"
        found: Json = json.loads(content)
        return found
