"""Requests to the API server as plain JSON, and its answers' errors as our own."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from kubectl_nsexec.cluster.answers import api_error, unreachable
from kubectl_nsexec.cluster.settings import pool_manager
from kubectl_nsexec.cluster.upgrade import connect
from kubectl_nsexec.errors import ApiError, UsageError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPHeaderDict

    from kubectl_nsexec.cluster.connection import Connection, WebSocketConnection
    from kubectl_nsexec.cluster.settings import Settings
    from kubectl_nsexec.cluster.trace import Trace

Json = dict[str, Any]
Query = Sequence[tuple[str, str]]
Timeout = float | tuple[float, float] | None
"""Seconds in all, or (to connect, between bytes); None: as long as it takes."""

JSON = "application/json"

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
    """A real API server, through urllib3's connection pool."""

    def __init__(
        self,
        settings: Settings,
        namespace: str,
        *,
        impersonation: Sequence[tuple[str, str]],
        request_timeout_seconds: float | None,
        trace: Trace,
    ) -> None:
        from urllib3 import disable_warnings  # noqa: PLC0415 - see config.load
        from urllib3.exceptions import InsecureRequestWarning  # noqa: PLC0415 - as above

        if not settings.verify_ssl:
            disable_warnings(InsecureRequestWarning)  # kubectl does not nag either: it was asked for
        self._settings = settings
        try:
            self._pools = pool_manager(settings)
        except ImportError as error:
            raise UsageError("a SOCKS proxy needs PySocks: pip install PySocks") from error
        self.namespace = namespace
        self._impersonation = impersonation
        self._request_timeout_seconds = request_timeout_seconds
        self._trace = trace

    @property
    def server(self) -> str:
        """The API server's address, for messages."""
        return str(self._settings.host)

    def _headers(self) -> HTTPHeaderDict:
        from urllib3 import HTTPHeaderDict  # noqa: PLC0415 - see config.load

        headers = HTTPHeaderDict({"User-Agent": "kubectl-nsexec"})
        authorization = self._settings.authorization()
        if authorization:
            headers["Authorization"] = authorization
        for name, value in self._impersonation:
            headers.add(name, value)  # a group a header
        return headers

    def _seconds(self, given: float | None) -> float | None:
        """What one request may take: a caller's own limit is only ever made shorter by ``--request-timeout``."""
        flag = self._request_timeout_seconds
        if given is None:
            return _REQUEST_SECONDS if flag is None else flag or None
        return min(given, flag) if flag else given

    def _call(
        self,
        method: str,
        path: str,
        query: Query,
        body: Json | None,
        timeout: Timeout,
        *,
        read: bool,
        accept: str = JSON,
    ) -> BaseHTTPResponse:
        from urllib3 import Timeout as Limits  # noqa: PLC0415 - see config.load
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as above

        url = self._settings.host + path + (f"?{urlencode(query)}" if query else "")
        headers = self._headers()
        headers["Accept"] = accept
        if body is not None:
            headers["Content-Type"] = JSON
        limits = Limits(connect=timeout[0], read=timeout[1]) if isinstance(timeout, tuple) else Limits(total=timeout)
        content = None if body is None else json.dumps(body)
        began, status, received = time.monotonic(), "failed", 0 if read else None
        try:
            answer = self._pools.request(
                method, url, headers=headers, body=content, timeout=limits, preload_content=False
            )
            status = f"{answer.status} {answer.reason}"
            if read or answer.status >= 400:  # noqa: PLR2004 - HTTP
                received = len(answer.data)
        except (HTTPError, OSError) as error:
            raise unreachable(self.server, error) from error
        finally:
            self._trace.done(method, url, status, began, body, received)
        if answer.status >= 400:  # noqa: PLR2004 - HTTP
            raise api_error(answer.status, answer.data)
        return answer

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
        answer = self._call(method, path, query, body, self._seconds(timeout_seconds), read=True, accept=accept)
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
        from urllib3.exceptions import HTTPError, ReadTimeoutError  # noqa: PLC0415 - see config.load

        timeout = self._seconds(_CONNECT_SECONDS) or _CONNECT_SECONDS, max(0.1, timeout_seconds)
        answer = self._call("GET", path, [("watch", "true"), *query], None, timeout, read=False)
        try:
            pending = b""
            for chunk in answer.stream(None):
                *lines, pending = (pending + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line.strip())
        except ReadTimeoutError:
            return
        except (HTTPError, OSError, ValueError) as error:
            raise unreachable(self.server, error) from error
        finally:
            answer.close()

    def open_stream(self, path: str, query: Query, *, timeout_seconds: float) -> WebSocketConnection:
        """See Cluster."""
        url = f"{self._settings.host}{path}?{urlencode(query)}"
        seconds = self._seconds(timeout_seconds) or timeout_seconds
        began, status = time.monotonic(), "failed"
        try:
            opened = connect(self._pools, url, self._headers(), seconds)
            status = "101 Switching Protocols"
        except ApiError as error:
            status = str(error.status or status)
            raise
        finally:
            self._trace.done("GET", url, status, began, None, None)
        return opened


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
