"""An admission webhook on loopback that changes what execs into the pods of one namespace run."""

from __future__ import annotations

import base64
import json
import secrets
import ssl
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from testbed import pki
from tests.live.serving import LOCAL, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.harness import Program

    Change = Callable[[list[str], str], list[str]]
    """(an exec's words, the uid of the admission request) → its words."""

Json = dict[str, Any]

_ASKED_AT_THE_MOST = 300


def as_spo(words: list[str], uid: str) -> list[str]:
    """As the Security Profiles Operator's webhook execmetadata.spo.io does."""
    return ["env", f"SPO_EXEC_REQUEST_UID={uid}", *words]


class Webhook:
    """``uids``: of the admission requests that it has answered; ``words``: the execs as they were asked for."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self.uids: list[str] = []
        self.words: list[list[str]] = []
        self._server = ThreadingHTTPServer((LOCAL, 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pki.certificate("live-webhook", "live-webhook", "live", [f"IP:{LOCAL}"]))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://{LOCAL}:{self._server.server_port}/"

    @contextmanager
    def running(self) -> Iterator[Webhook]:
        """For the time of a test."""
        with serving(self._server):
            yield self

    def answer(self, review: Json) -> Json:
        """The AdmissionReview with its response (admission.k8s.io/v1): a JSON patch of PodExecOptions.command."""
        request = review["request"]
        words, uid = list(request["object"]["command"]), str(request["uid"])
        self.words.append(words)
        self.uids.append(uid)
        patch = [{"op": "replace", "path": "/command", "value": self._change(words, uid)}]
        response = {
            "uid": uid,
            "allowed": True,
            "patchType": "JSONPatch",
            "patch": base64.b64encode(json.dumps(patch).encode()).decode(),
        }
        return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps(webhook.answer(review)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """The test's own stderr is no log."""

        return Handler


@contextmanager
def exec_webhook(kubectl: Program, change: Change, *namespaces: str) -> Iterator[Webhook]:
    """One that changes every exec into pods of NAMESPACES, which are there, and already does so when this begins."""
    name = f"live-{secrets.token_hex(3)}.nsexec.test"
    label = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(namespaces)}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CONNECT"], "resources": ["pods/exec"]}
    with Webhook(change).running() as webhook:
        authority = base64.b64encode(pki.CA_CRT.read_bytes()).decode()
        made = {
            "name": name,
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "clientConfig": {"url": webhook.url, "caBundle": authority},
            "namespaceSelector": {"matchExpressions": [label]},
            "rules": [rule],
        }
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [made],
        }
        kubectl.ok("create", "-f", "-", stdin=json.dumps(configuration).encode())
        try:
            _until_asked(kubectl, webhook, namespaces[0])
            yield webhook
        finally:
            kubectl.ok("delete", "mutatingwebhookconfiguration", name)


def _until_asked(kubectl: Program, webhook: Webhook, namespace: str) -> None:
    """The API server learns of it a moment after it was created; it asks before it looks for the pod."""
    path = f"/api/v1/namespaces/{namespace}/pods/nobody/exec?command=true&stdout=true"
    for _ in range(_ASKED_AT_THE_MOST):
        kubectl("get", "--raw", path)
        if webhook.uids:
            webhook.uids.clear()
            webhook.words.clear()
            return
    raise AssertionError("the API server never asked the webhook")
