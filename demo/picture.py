"""``make picture``: docs/session.svg, a terminal session as it really went on the test bed's host node."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
from rich import _export_format as formats
from rich.console import Console
from rich.text import Text

from demo.boundary import status_of
from demo.cluster import Stage
from demo.programs import DemoError
from testbed import binaries, images
from testbed.paths import KUBECONFIG, STATE
from testbed.progress import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PICTURE = Path(__file__).resolve().parent.parent / "docs/session.svg"
COMMANDS = (
    ("oc nsexec du-0 -- grep Cpus_allowed_list /proc/1/status /proc/self/status", 0),
    ("oc nsexec du-0 --cpus 1 -- true", 125),
    ("oc nsexec du-0 --host-tools -- ss -ltn", 0),
)
"""What is typed, and the exit status. Not --verify: in the test bed it names files of whoever draws the picture."""
COLUMNS = 88
_NAMESPACE = "nsexec-picture"
_NODE = "node-a"
_SECONDS = 120


def play() -> int:
    """Runs COMMANDS for real and draws what they printed. Raises DemoError."""
    with _stage() as environment:
        session = [(command, _printed(command, status, environment)) for command, status in COMMANDS]
    PICTURE.write_text(drawn(session), encoding="utf-8")
    say(f"picture: {len(session)} commands in {PICTURE.name}")
    return 0


def drawn(session: list[tuple[str, str]]) -> str:
    """The session as SVG: each command after a prompt, and below it what it printed."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for command, output in session:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        console.print(Text.from_ansi(output.rstrip()), overflow="fold")
    # Without the fonts that rich would have fetched from elsewhere, by whoever looks at the picture.
    template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", formats.CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title="oc nsexec", code_format=template, unique_id="session")


def _printed(command: str, wanted: int, environment: Mapping[str, str]) -> str:
    """What COMMAND prints on a terminal. Raises DemoError when it ends otherwise, or names a place of this machine."""
    words = command.split()[2:]
    environment = {**environment, "TERM": "dumb"}  # what is waited for comes and goes, and is no part of the picture
    try:
        output, status = pexpect.run(
            " ".join([sys.executable, "-m", "kubectl_nsexec", *words]),
            timeout=_SECONDS, withexitstatus=True, env=environment, dimensions=(40, COLUMNS), encoding="utf-8",
            codec_errors="replace",
        )  # fmt: skip
    except pexpect.ExceptionPexpect as error:
        raise DemoError(f"{command} cannot be run: {error.value}") from error
    if status != wanted or str(STATE) in output:
        raise DemoError(f"{command} ended with {status}: {output}")
    return str(output).replace("\r\n", "\n")


@contextmanager
def _stage() -> Iterator[dict[str, str]]:
    """A pod that owns an isolated CPU, and the environment in which it can be named without any flag."""
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder, "kubeconfig")
        if not KUBECONFIG.exists():
            raise DemoError(f"there is no cluster ({KUBECONFIG} is missing); make picture brings it up")
        kubeconfig.write_bytes(KUBECONFIG.read_bytes())
        kubeconfig.chmod(0o600)
        run = Stage(str(kubeconfig), str(binaries.KUBERNETES.folder() / "kubectl"), _NODE, images.BUSYBOX).run
        run("config", "set-context", "--current", f"--namespace={_NAMESPACE}")
        run("create", "namespace", _NAMESPACE)
        try:
            run("label", "namespace", _NAMESPACE, "pod-security.kubernetes.io/enforce=privileged")
            run("create", "-f", "-", stdin=json.dumps(_pod()))
            run("wait", "--for=condition=Ready", "pod/du-0", "--timeout=60s")
            yield {**os.environ, "KUBECONFIG": str(kubeconfig), "NSEXEC_NAMESPACE": _NAMESPACE}
        finally:
            run("delete", "namespace", _NAMESPACE, "--timeout=60s")


def _pod() -> dict[str, object]:
    amounts = {"cpu": "1", "memory": "64Mi"}
    container = {
        "name": "dpdk",
        "image": images.BUSYBOX,
        "command": ["httpd", "-f", "-p", "8080"],
        "resources": {"requests": amounts, "limits": amounts},
    }
    spec = {"nodeName": _NODE, "terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "du-0"}, "spec": spec}


if __name__ == "__main__":
    sys.exit(status_of("picture", play))
