"""`kubectl exec POD -- true` by the libraries of the project and nothing else: what a warm run cannot be quicker than.

Run by the bench as a program of its own: ``python -m bench.least NAMESPACE POD``, with KUBECONFIG. It parses two
arguments by typer, reads the kubeconfig by PyYAML, asks for the pod and opens the stream by urllib3, and ends at once
when the command has.
"""

import base64
import gc
import json
import os
import select
import tempfile
from pathlib import Path
from typing import Any

import typer

_STATUS_CHANNEL = 3
_SECONDS = 30.0


def main(namespace: str, pod: str) -> None:
    """Run ``true`` in the first container of POD; exit with 0 when that ended well."""
    import urllib3  # noqa: PLC0415 - as late as nsexec has it

    from kubectl_nsexec.cluster.upgrade import connect  # noqa: PLC0415 - as above

    server, pools = _connected()
    path = f"{server}/api/v1/namespaces/{namespace}/pods/{pod}"
    json.loads(pools.request("GET", path).data)
    query = "command=true&stdout=true&stderr=true"
    link = connect(pools, f"{path}/exec?{query}", urllib3.HTTPHeaderDict(), _SECONDS)
    while not link.closed:
        select.select([link], [], [])
        for message in link.receive():
            if message[0] == _STATUS_CHANNEL:
                os._exit(json.loads(bytes(message[1:]))["status"] != "Success")
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
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as pair:
        pair.write(
            base64.b64decode(user["client-key-data"]) + b"\n" + base64.b64decode(user["client-certificate-data"])
        )
        pair.flush()
        context.load_cert_chain(pair.name)
    return cluster["server"], urllib3.PoolManager(ssl_context=context)


if __name__ == "__main__":
    gc.set_threshold(100_000)
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(main)
    app()
