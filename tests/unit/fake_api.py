"""A server on loopback that answers as the API server does, and notes what it was asked."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

Json = dict[str, Any]

PODS = "/api/v1/namespaces/ran/pods"
"""Of the namespace that the fixture ``kubeconfig`` has in its context."""
_METADATA_ONLY = "as=PartialObjectMetadataList"


@dataclass(frozen=True)
class Asked:
    """One request; header names in any case."""

    path: str
    query: dict[str, str]
    headers: Message


class FakeApi:
    """Serves ``objects``, path → an object, or objects as a list that heeds ``limit`` and ``continue``.

    Whatever else is asked for is a Forbidden.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Json | list[Json]] = {}
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def put(self, path: str, *names: str) -> None:
        """Serves objects of these names as the list at PATH."""
        self.objects[path] = [{"metadata": {"name": name}, "spec": {}} for name in names]

    def answer(self, asked: Asked) -> tuple[int, Json]:
        """HTTP status and document."""
        self.asked.append(asked)
        found = self.objects.get(asked.path)
        if found is None:
            return 403, {"kind": "Status", "reason": "Forbidden", "message": f"no {asked.path}\nfor \x1byou"}
        return 200, found if isinstance(found, dict) else _page(found, asked)

    def close(self) -> None:
        """Takes no more requests."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _page(items: list[Json], asked: Asked) -> Json:
    begin, limit = int(asked.query.get("continue", 0)), int(asked.query.get("limit", len(items)))
    shown = items[begin : begin + limit]
    if _METADATA_ONLY in str(asked.headers["Accept"]):
        shown = [{"metadata": item["metadata"]} for item in shown]
    more = {"continue": str(begin + limit)} if begin + limit < len(items) else {}
    return {"kind": "List", "metadata": {"resourceVersion": "1", **more}, "items": shown}


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, document = api.answer(Asked(parts.path, query, self.headers))
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    return Handler


@contextmanager
def fake_api() -> Iterator[FakeApi]:
    """One for the time of a test."""
    api = FakeApi()
    try:
        yield api
    finally:
        api.close()
