"""Requests to the API server as plain JSON, and its answers' errors as our own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from kubectl_nsexec.cluster.answers import api_error, unreachable
from kubectl_nsexec.cluster.dial import dialler
from kubectl_nsexec.cluster.exchange import Exchange
from kubectl_nsexec.cluster.upgrade import upgraded
from kubectl_nsexec.errors import ApiError

if TYPE_CHECKING:
    from kubectl_nsexec.cluster.connection import Connection, WebSocketConnection
    from kubectl_nsexec.cluster.settings import Settings
    from kubectl_nsexec.cluster.trace import Trace

Json = dict[str, Any]
Query = Sequence[tuple[str, str]]

JSON = "application/json"

_REFUSED = 300
"""The least status of an answer that is none: a redirection leads to no Kubernetes API."""
_FAILED = "failed"
_CHUNK_BYTES = 64 * 1024
_CONNECT_SECONDS = 30.0
_REQUEST_SECONDS = 30.0
"""What one request may take where neither the caller nor ``--request-timeout`` says."""

PERFORMANCE_GROUP = "performance.openshift.io"
PROFILE_VERSIONS = ("v2", "v1", "v1alpha1")
"""Newest first: older clusters do not serve v2."""


class Cluster(Protocol):
    """What nsexec needs of an API server. Every method raises ApiError."""

    namespace: str
    """The namespace of the kubeconfig's context."""

    def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: Json | None = None,
        *,
        timeout_seconds: float | None = None,
        accept: str = JSON,
    ) -> Json:
        """The JSON answer to one request; ``accept`` is the header that asks for another form of it."""
        ...

    def watch(self, path: str, query: Query, *, timeout_seconds: float) -> Iterator[Json]:
        """Watch events (``{"type": …, "object": …}``) until the server or the time-out ends them."""
        ...

    def open_stream(self, path: str, query: Query, *, timeout_seconds: float) -> Connection:
        """An exec or attach subresource as a WebSocket."""
        ...


class KubernetesCluster:
    """A real API server."""

    def __init__(
        self,
        settings: Settings,
        namespace: str,
        *,
        impersonation: Sequence[tuple[str, str]],
        request_timeout_seconds: float | None,
        trace: Trace,
    ) -> None:
        self._settings = settings
        self._base = settings.address().path
        self._exchange = Exchange(dialler(settings))
        self.namespace = namespace
        self._impersonation = impersonation
        self._request_timeout_seconds = request_timeout_seconds
        self._trace = trace

    @property
    def server(self) -> str:
        """The API server's address, for messages."""
        return str(self._settings.host)

    def _headers(self, accept: str = "") -> list[tuple[str, str]]:
        headers = [("User-Agent", "kubectl-nsexec"), *self._impersonation]  # a group a header
        if accept:
            headers.append(("Accept", accept))
        authorization = self._settings.authorization()
        return [*headers, ("Authorization", authorization)] if authorization else headers

    def _seconds(self, given: float | None) -> float | None:
        """What one request may take: a caller's own limit is only ever made shorter by ``--request-timeout``."""
        flag = self._request_timeout_seconds
        if given is None:
            return _REQUEST_SECONDS if flag is None else flag or None
        return min(given, flag) if flag else given

    def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: Json | None = None,
        *,
        timeout_seconds: float | None = None,
        accept: str = JSON,
    ) -> Json:
        """See Cluster."""
        headers = self._headers(accept)
        if body is not None:
            headers.append(("Content-Type", JSON))
        content = None if body is None else json.dumps(body).encode()
        target, seconds = self._target(path, query), self._seconds(timeout_seconds)
        began, status, received = time.monotonic(), _FAILED, 0
        try:
            answer = self._exchange.request(method, target, headers, content, seconds)
            status, received = f"{answer.status} {answer.reason}", len(answer.data)
        except (HTTPException, OSError) as error:
            raise unreachable(self.server, error) from error
        finally:
            self._trace.done(method, self._url(target), status, began, body, received)
        if answer.status >= _REFUSED:
            raise api_error(answer.status, answer.data)
        try:
            document = json.loads(answer.data)
        except ValueError as error:
            raise ApiError(
                f"{self.server} did not answer {method} {path} with JSON; is it a Kubernetes API?"
            ) from error
        if not isinstance(document, dict):
            raise ApiError(f"{self.server} answered {method} {path} with something that is no object")
        return document

    def watch(self, path: str, query: Query, *, timeout_seconds: float) -> Iterator[Json]:
        """See Cluster."""
        connect_seconds = self._seconds(_CONNECT_SECONDS) or _CONNECT_SECONDS
        target = self._target(path, [("watch", "true"), *query])
        with ExitStack() as stack:
            quiet_seconds = max(0.1, timeout_seconds)
            streamed = self._exchange.streamed(target, self._headers(JSON), connect_seconds, quiet_seconds)
            began, status = time.monotonic(), _FAILED
            try:
                answer = stack.enter_context(streamed)
                status = f"{answer.status} {answer.reason}"
            except (HTTPException, OSError) as error:
                raise unreachable(self.server, error) from error
            finally:
                self._trace.done("GET", self._url(target), status, began, None, None)
            try:
                if answer.status >= _REFUSED:
                    raise api_error(answer.status, answer.read())
                pending = b""
                while chunk := answer.read1(_CHUNK_BYTES):
                    *lines, pending = (pending + chunk).split(b"\n")
                    yield from (json.loads(line) for line in lines if line.strip())
            except TimeoutError:
                return
            except (HTTPException, OSError, ValueError) as error:
                raise unreachable(self.server, error) from error

    def open_stream(self, path: str, query: Query, *, timeout_seconds: float) -> WebSocketConnection:
        """See Cluster."""
        target = self._target(path, query)
        began, status = time.monotonic(), _FAILED
        try:
            connection = self._exchange.dial(self._seconds(timeout_seconds) or timeout_seconds)
            opened = upgraded(connection, target, self._headers())
            status = "101 Switching Protocols"
        except (HTTPException, OSError) as error:
            raise unreachable(self.server, error) from error
        except ApiError as error:
            status = str(error.status or status)
            raise
        finally:
            self._trace.done("GET", self._url(target), status, began, None, None)
        return opened

    def _target(self, path: str, query: Query) -> str:
        """The address on the server: a proxy of many clusters has a path of its own before the API's."""
        return self._base + path + (f"?{urlencode(query)}" if query else "")

    def _url(self, target: str) -> str:
        return self.server.removesuffix(self._base) + target


def pod_path(namespace: str, name: str = "", subresource: str = "") -> str:
    """``/api/v1/namespaces/NS/pods[/NAME[/SUBRESOURCE]]``."""
    parts = ["/api/v1/namespaces", quote(namespace, safe=""), "pods", quote(name, safe=""), subresource]
    return "/".join(part for part in parts if part)


def delete_pod(
    cluster: Cluster, namespace: str, name: str, uid: str | None = None, *, timeout_seconds: float | None = None
) -> None:
    """Deletes the pod at once, with a ``uid`` only the one that has it (else 409). Raises ApiError, also for 404."""
    body: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
    if uid:
        body["preconditions"] = {"uid": uid}
    cluster.request("DELETE", pod_path(namespace, name), body=body, timeout_seconds=timeout_seconds)


def list_performance_profiles(cluster: Cluster) -> list[Json] | None:
    """Every PerformanceProfile in the newest version that is served; None where there is no such API.

    Raises ApiError, also for 403.
    """
    for version in PROFILE_VERSIONS:
        try:
            answer = cluster.request("GET", f"/apis/{PERFORMANCE_GROUP}/{version}/performanceprofiles")
        except ApiError as error:
            if error.status == 404:  # noqa: PLR2004 - HTTP
                continue
            raise
        return list(answer.get("items") or [])
    return None


def runtime_handler(cluster: Cluster, runtime_class: str) -> str:
    """What runs the pods of a RuntimeClass; "" where there is none, or it may not be read. Raises ApiError."""
    if not runtime_class:
        return ""
    try:
        found = cluster.request("GET", f"/apis/node.k8s.io/v1/runtimeclasses/{quote(runtime_class, safe='')}")
    except ApiError as error:
        if error.status in (403, 404):
            return ""
        raise
    return str(found.get("handler") or "")
