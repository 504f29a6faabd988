"""A registry on loopback that serves one image to those who know its password; nobody can write to it.

The part of https://github.com/opencontainers/distribution-spec that a pull takes, by Basic authentication. Container
runtimes try TLS first, and speak plain HTTP with a registry on 127.0.0.1 that answers in HTTP.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import socket
import tarfile
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from testbed import images
from tests.live.serving import LOCAL, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

_TLS_HANDSHAKE = b"\x16"  # ContentType of RFC 8446, B.1; Python would look for a line's end, which may never come
USER = "puller"
PASSWORD = "made-up"
_AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class Registry:
    """``image``: what a pod pulls, e.g. ``127.0.0.1:40123/private:1``; ``answers``: the status of every request."""

    def __init__(self, content: images.Image) -> None:
        self._served = _served(content)
        self.answers: list[int] = []
        self._server = ThreadingHTTPServer((LOCAL, 0), self._handler())
        self.host = f"{LOCAL}:{self._server.server_port}"
        self.image = f"{self.host}/{content.name}"

    @contextmanager
    def running(self) -> Iterator[Registry]:
        """For the time of a test."""
        with serving(self._server):
            yield self

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                if self.connection.recv(1, socket.MSG_PEEK) != _TLS_HANDSHAKE:
                    super().handle_one_request()
                    return
                self.rfile.read1()
                self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                self.close_connection = True

            def do_GET(self) -> None:
                media_type, body = registry._served.get(self.path, ("", b""))
                if self.headers.get("Authorization") != _AUTHORIZATION:
                    status, body = HTTPStatus.UNAUTHORIZED, b""
                else:
                    status = HTTPStatus.OK if media_type else HTTPStatus.NOT_FOUND
                registry.answers.append(status)
                self.send_response(status)
                if status == HTTPStatus.UNAUTHORIZED:
                    self.send_header("WWW-Authenticate", 'Basic realm="testbed"')
                if status == HTTPStatus.OK:
                    self.send_header("Content-Type", media_type)
                    self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(body).hexdigest()}")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """The test's own stderr is no log."""

        return Handler


def _served(content: images.Image) -> dict[str, tuple[str, bytes]]:
    """Media type and content of each path, from the archive that would be imported."""
    repository, _, tag = content.name.partition(":")
    found: dict[str, tuple[str, bytes]] = {}
    with tarfile.open(fileobj=io.BytesIO(images.oci_archive(content))) as archive:
        files = {member.name: reader.read() for member in archive if (reader := archive.extractfile(member))}
    listed = json.loads(files["index.json"])["manifests"][0]
    for name, body in files.items():
        if name.startswith("blobs/"):
            digest = name.removeprefix("blobs/").replace("/", ":")
            found[f"/v2/{repository}/blobs/{digest}"] = ("application/octet-stream", body)
            if digest == listed["digest"]:
                for reference in (tag, digest):
                    found[f"/v2/{repository}/manifests/{reference}"] = (listed["mediaType"], body)
    return found
