"""A real API server: requests, watches and streams by one kubernetes client, with its errors as our own."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from kubectl_nsexec.errors import ApiError, ConnectionCutError
from kubectl_nsexec.kube.answers import api_error, cut_off, not_opened, unreachable
from kubectl_nsexec.kube.api import JSON, NOT_COUNTED, PATIENCE_SECONDS
from kubectl_nsexec.kube.client import RETRY_AFTER, Client, failures, reason, was_connecting, was_cut
from kubectl_nsexec.kube.upgrade import upgraded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kubernetes.client import Configuration
    from urllib3 import BaseHTTPResponse

    from kubectl_nsexec.kube.api import Query
    from kubectl_nsexec.kube.client import Headers
    from kubectl_nsexec.kube.connection import WebSocketConnection
    from kubectl_nsexec.kube.trace import Trace
    from kubectl_nsexec.model.http import Json

T = TypeVar("T")

_REFUSED = 300
"""The least status of an answer that is none: a redirection leads to no Kubernetes API."""
_FAILED = "failed"
_CHUNK_BYTES = 64 * 1024
_CONNECT_SECONDS = 30.0
_REQUEST_SECONDS = 30.0
"""What one attempt may take where neither the caller nor ``--request-timeout`` says."""
_UPGRADE_PATIENCE_SECONDS = 15.0
"""Less than a request's: what a proxy answers to every WebSocket looks the same as what it answers for a moment."""
_LEAST_RETRIED = 409
"""Hardly an answer with a status below this passes: retry need not be asked."""


class KubernetesCluster:
    """A real API server."""

    def __init__(
        self,
        configuration: Configuration,
        namespace: str,
        *,
        impersonation: Sequence[tuple[str, str]],
        request_timeout_seconds: float | None,
        trace: Trace,
        hurried: Callable[[], bool] = lambda: False,
    ) -> None:
        """``hurried``: whether the user wants to go, although no exception says so yet."""
        self.configuration = configuration
        self._client = Client(configuration)
        self.namespace = namespace
        self._impersonation = impersonation
        self._request_timeout_seconds = request_timeout_seconds
        self._trace = trace
        self._hurried = hurried

    @property
    def server(self) -> str:
        """The API server's address, for messages."""
        return str(self.configuration.host)

    def _headers(self, accept: str = "") -> Headers:
        headers = [("User-Agent", "kubectl-nsexec"), *self._impersonation]  # a group a header
        if accept:
            headers.append(("Accept", accept))
        authorization = self._client.authorization()
        return [*headers, ("Authorization", authorization)] if authorization else headers

    def _seconds(self, given: float | None) -> float | None:
        """What one request may take: a caller's own limit is only ever made shorter by ``--request-timeout``."""
        flag = self._request_timeout_seconds
        if given is None:
            return _REQUEST_SECONDS if flag is None else flag or None
        return min(given, flag) if flag else given

    def _patiently(
        self, attempt: Callable[[], T], patience_seconds: float, method: str = "GET", body: Json | None = None
    ) -> T:
        """What ``attempt`` returns, once it does: see retry. ``--request-timeout`` is for all attempts."""
        began = time.monotonic()
        try:
            return attempt()
        except ApiError as error:
            cut = isinstance(error, ConnectionCutError)
            if error.http_status < _LEAST_RETRIED and NOT_COUNTED not in error.message and not cut:
                raise
            from kubectl_nsexec.kube import retry  # noqa: PLC0415 - a run without a failure does not need it

            longest = min(patience_seconds, retry.CUT_SECONDS) if cut else patience_seconds
            seconds = min(longest, self._request_timeout_seconds or longest)
            clean_up = method == "DELETE"
            hurried = (lambda: False) if clean_up else self._hurried
            patience = retry.Patience(began, seconds, hurried, clean_up=clean_up)
            return retry.repeated(attempt, error, twice=retry.may_be_done_twice(method, body), patience=patience)

    def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: Json | None = None,
        *,
        timeout_seconds: float | None = None,
        accept: str = JSON,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Json:
        """See Cluster."""

        def attempt() -> bytes:
            return self._answered(method, self._target(path, query), accept, body, self._seconds(timeout_seconds))

        data = self._patiently(attempt, patience_seconds, method, body)
        try:
            document = json.loads(data)
        except ValueError as error:
            raise ApiError(
                f"{self.server} did not answer {method} {path} with JSON; is it a Kubernetes API?"
            ) from error
        if not isinstance(document, dict):
            raise ApiError(f"{self.server} answered {method} {path} with something that is no object")
        return document

    def _answered(self, method: str, target: str, accept: str, body: Json | None, seconds: float | None) -> bytes:
        """The body of one answer that is no error. Raises ApiError."""
        headers = self._headers(accept)
        if body is not None:
            headers.append(("Content-Type", JSON))
        began, status, received = time.monotonic(), _FAILED, 0
        try:
            answer = self._client.send(method, target, headers, body, connect_seconds=seconds, read_seconds=seconds)
            status = f"{answer.status} {answer.reason}"
            data = bytes(answer.data)
            received = len(data)
        except failures() as error:
            raise _not_answered(self.server, error) from error
        finally:
            self._trace.done(method, self._url(target), status, began, body, received)
        if answer.status >= _REFUSED:
            raise api_error(answer.status, data, answer.headers.get(RETRY_AFTER, ""))
        return data

    def watch(self, path: str, query: Query, *, timeout_seconds: float) -> Iterator[Json]:
        """See Cluster."""
        target = self._target(path, [("watch", "true"), *query])
        quiet_seconds = max(0.1, timeout_seconds)
        answer = self._patiently(lambda: self._streamed(target, quiet_seconds), min(PATIENCE_SECONDS, quiet_seconds))
        try:
            pending = b""
            while chunk := answer.read1(_CHUNK_BYTES):
                *lines, pending = (pending + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line.strip())
        except ValueError as error:
            raise unreachable(self.server, error) from error
        except failures() as error:
            cause = reason(error)
            if not isinstance(cause, TimeoutError):
                raise unreachable(self.server, cause) from error
        finally:
            answer.close()

    def _streamed(self, target: str, quiet_seconds: float) -> BaseHTTPResponse:
        """An answer that is no error, to be read as it comes and closed at the end. Raises ApiError."""
        connect_seconds = self._seconds(_CONNECT_SECONDS) or _CONNECT_SECONDS
        began, status = time.monotonic(), _FAILED
        try:
            answer = self._client.send(
                "GET", target, self._headers(JSON), connect_seconds=connect_seconds, read_seconds=quiet_seconds
            )
            status = f"{answer.status} {answer.reason}"
            refusal = answer.data if answer.status >= _REFUSED else None
        except failures() as error:
            raise _not_answered(self.server, error) from error
        finally:
            self._trace.done("GET", self._url(target), status, began, None, None)
        if refusal is not None:
            raise api_error(answer.status, refusal, answer.headers.get(RETRY_AFTER, ""))
        return answer

    def open_stream(self, path: str, query: Query, *, timeout_seconds: float) -> WebSocketConnection:
        """See Cluster."""
        target = self._target(path, query)
        seconds = self._seconds(timeout_seconds) or timeout_seconds
        patience_seconds = min(_UPGRADE_PATIENCE_SECONDS, timeout_seconds)
        return self._patiently(lambda: self._upgraded(target, seconds), patience_seconds)

    def _upgraded(self, target: str, seconds: float) -> WebSocketConnection:
        """A WebSocket that is open. Raises ApiError."""
        began, status = time.monotonic(), _FAILED
        try:
            opened = upgraded(self._client, target, self._headers(), seconds)
            status = "101 Switching Protocols"
        except failures() as error:
            raise _not_opened(self.server, error) from error
        except ApiError as error:
            status = str(error.http_status or status)
            raise
        finally:
            self._trace.done("GET", self._url(target), status, began, None, None)
        return opened

    def _target(self, path: str, query: Query) -> str:
        """The address on the server: a proxy of many clusters has a path of its own before the API's."""
        return self._client.base_path + path + (f"?{urlencode(query)}" if query else "")

    def _url(self, target: str) -> str:
        return self.server.removesuffix(self._client.base_path) + target


def _not_answered(server: str, error: Exception) -> ApiError:
    """The error of a request that got no answer."""
    made = unreachable(server, reason(error))
    return ConnectionCutError(made.message) if was_cut(error) else made


def _not_opened(server: str, error: Exception) -> ApiError:
    """The error of a WebSocket that was asked for: nobody was there, or somebody did not give one."""
    cause = reason(error)
    if was_connecting(error):
        return unreachable(server, cause)
    return not_opened(server) if isinstance(cause, TimeoutError) else cut_off(server, cause)
