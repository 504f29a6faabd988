"""kubectl as the cluster's administrator."""

import json
import subprocess
from typing import Final

from testbed import binaries
from testbed.errors import ClusterError
from testbed.paths import API_SERVER, KUBECONFIG, STATE

_TIMEOUT_SECONDS: Final = 180.0
Json = dict[str, object]


def try_run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``kubectl ARGUMENTS`` and return what came of it, whatever that is."""
    own = ("--kubeconfig", str(KUBECONFIG), "--server", API_SERVER, "--cache-dir", str(STATE / "kubectl-cache"))
    argv = [str(binaries.KUBERNETES.folder() / "kubectl"), *own, *arguments]
    return subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS)


def run(*arguments: str, stdin: str | None = None) -> str:
    """Run ``kubectl ARGUMENTS`` and return its stdout; raises ClusterError with its stderr when it fails."""
    done = try_run(*arguments, stdin=stdin)
    if done.returncode != 0:
        raise ClusterError(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout


def apply(*objects: Json) -> None:
    """Apply OBJECTS (as parsed from YAML) in one call."""
    items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    run("apply", "-f", "-", stdin=json.dumps(items))
