"""`kubectl exec POD -- true` by the libraries of the project and nothing else: what a warm run cannot be quicker than.

Run by the bench as a program of its own: ``python -m bench.least NAMESPACE POD``, with KUBECONFIG. It parses two
arguments by typer, reads the kubeconfig by PyYAML, asks for the pod and opens the stream by urllib3, and ends at once
when the command has.
"""

import base64
import gc
import json
import os
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import typer

_SUCCESS = b'"status":"Success"'
"""Of the metav1.Status that ends the stream."""
_UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
}


def main(namespace: str, pod: str) -> None:
    """Run ``true`` in the first container of POD; exit with 0 when that ended well."""
    server, pools = _connected()
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}"
    json.loads(pools.request("GET", f"{server}{path}").data)
    connection = pools.connection_from_url(server)._new_conn()  # noqa: SLF001 - as cluster.upgrade
    connection.request("GET", f"{path}/exec?command=true&stdout=true&stderr=true", headers=_UPGRADE)
    answer = HTTPResponse(connection.sock, method="GET")
    answer.begin()
    received = b""
    while data := answer.fp.read1():
        received += data
        if _SUCCESS in received:
            os._exit(0)
    os._exit(1)


def _connected() -> tuple[str, Any]:
    """The address of the kubeconfig's only server, and connections to it."""
    import urllib3  # noqa: PLC0415 - as late as nsexec has it
    import yaml  # noqa: PLC0415 - as above
    from urllib3.util.ssl_ import create_urllib3_context  # noqa: PLC0415 - as above

    content = yaml.load(Path(os.environ["KUBECONFIG"]).read_bytes(), yaml.CSafeLoader)
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    context = create_urllib3_context()
    context.load_verify_locations(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    pair = os.memfd_create("pair")  # OpenSSL takes a path only
    os.write(pair, base64.b64decode(user["client-key-data"]) + base64.b64decode(user["client-certificate-data"]))
    context.load_cert_chain(f"/proc/self/fd/{pair}")
    return cluster["server"], urllib3.PoolManager(ssl_context=context)


if __name__ == "__main__":
    gc.set_threshold(100_000)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(main)
    app()
