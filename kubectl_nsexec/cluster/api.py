"""Requests to the API server as plain JSON, and its answers' errors as our own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from kubectl_nsexec.cluster.answers import api_error, unreachable
from kubectl_nsexec.cluster.connection import WebSocketConnection, connect
from kubectl_nsexec.errors import ApiError

if TYPE_CHECKING:
    from kubernetes.client import Configuration
    from urllib3 import BaseHTTPResponse

    from kubectl_nsexec.cluster.connection import Connection

Json = dict[str, Any]
Query = Sequence[tuple[str, str]]
Timeout = float | tuple[float, float]
"""Seconds in all, or (to connect, between bytes)."""

PERFORMANCE_GROUP = "performance.openshift.io"
PROFILE_VERSIONS = ("v2", "v1", "v1alpha1")
"""Newest first: older clusters do not serve v2."""


class Cluster(Protocol):
    """What nsexec needs of an API server. Every method raises ApiError."""

    namespace: str
    """The namespace of the kubeconfig's context."""

    def request(
        self, method: str, path: str, query: Query = (), body: Json | None = None, *, timeout_seconds: float = 30
    ) -> Json:
        """The JSON answer to one request."""
        ...

    def watch(self, path: str, query: Query, *, timeout_seconds: float) -> Iterator[Json]:
        """Watch events (``{"type": …, "object": …}``) until the server or the time-out ends them."""
        ...

    def open_stream(self, path: str, query: Query, *, timeout_seconds: float) -> Connection:
        """An exec or attach subresource as a WebSocket."""
        ...


class KubernetesCluster:
    """A real API server, through the kubernetes client's configuration and connection pool."""

    def __init__(self, configuration: Configuration, namespace: str) -> None:
        from kubernetes import client  # noqa: PLC0415 - see config.load

        configuration.retries = 1
        configuration.connection_pool_maxsize = 8
        self._configuration = configuration
        self._client = client.ApiClient(configuration)
        self.namespace = namespace

    @property
    def server(self) -> str:
        """The API server's address, for messages."""
        return str(self._configuration.host)

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "kubectl-nsexec"}
        token = self._configuration.get_api_key_with_prefix("BearerToken", "authorization")
        if token:
            headers["Authorization"] = token
        elif self._configuration.username:
            headers["Authorization"] = self._configuration.get_basic_auth_token()
        return headers

    def _call(self, method: str, path: str, query: Query, body: Json | None, timeout: Timeout) -> BaseHTTPResponse:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - see config.load

        url = self._configuration.host + path + (f"?{urlencode(query)}" if query else "")
        headers = self._headers()
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._client.rest_client.request(method, url, headers, body, _request_timeout=timeout).response
        except (HTTPError, OSError) as error:
            raise unreachable(self.server, error) from error
        if answer.status >= 400:  # noqa: PLR2004 - HTTP
            raise api_error(answer.status, answer.data)
        return answer

    def request(
        self, method: str, path: str, query: Query = (), body: Json | None = None, *, timeout_seconds: float = 30
    ) -> Json:
        """See Cluster."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - see config.load

        answer = self._call(method, path, query, body, timeout_seconds)
        try:
            document = json.loads(answer.data)
        except (ValueError, HTTPError) as error:
            raise ApiError(
                f"{self.server} did not answer {method} {path} with JSON; is it a Kubernetes API?"
            ) from error
        if not isinstance(document, dict):
            raise ApiError(f"{self.server} answered {method} {path} with something that is no object")
        return document

    def watch(self, path: str, query: Query, *, timeout_seconds: float) -> Iterator[Json]:
        """See Cluster."""
        from urllib3.exceptions import HTTPError, ReadTimeoutError  # noqa: PLC0415 - see config.load

        answer = self._call("GET", path, [("watch", "true"), *query], None, (30, max(0.1, timeout_seconds)))
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
        url = f"{self._configuration.host}{path}?{urlencode(query)}"
        return connect(self._configuration, url, self._headers(), timeout_seconds)


def pod_path(namespace: str, name: str = "", subresource: str = "") -> str:
    """``/api/v1/namespaces/NS/pods[/NAME[/SUBRESOURCE]]``."""
    parts = ["/api/v1/namespaces", quote(namespace, safe=""), "pods", quote(name, safe=""), subresource]
    return "/".join(part for part in parts if part)


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
