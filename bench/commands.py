"""The commands that are compared, and the time that they take."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

from bench.errors import BenchError
from testbed import binaries
from testbed.paths import API_SERVER, KUBECONFIG, STATE

NAMESPACE: Final = "nsexec-bench"
"""Of the target, of the helper pods and of the pods that they are compared with; nothing else is in it."""
POD: Final = "target"
BESIDE: Final = "beside"
"""A pod of no priority: its commands run on the CPUs that are left, where those of ``oc nsexec`` run too."""
TIMEOUT_SECONDS: Final = 120.0
KEEP: Final = ("--keep=5m",)
KEEP_NO_MORE: Final = ("--keep=0",)
"""Of ``oc nsexec``: its helper pod stays, and goes."""
_NOTHING: Final[Mapping[str, str]] = {}


def kubectl(*arguments: str) -> list[str]:
    """Return the command line of ``kubectl ARGUMENTS``."""
    own = (f"--kubeconfig={KUBECONFIG}", f"--server={API_SERVER}", f"--cache-dir={STATE / 'kubectl-cache'}")
    return [str(binaries.KUBERNETES.folder() / "kubectl"), *own, f"--namespace={NAMESPACE}", *arguments]


def kubectl_exec(*command: str, stdin: bool = False, pod: str = POD) -> list[str]:
    """Return the command line of ``kubectl exec POD -- COMMAND``."""
    return kubectl("exec", *(["-i"] if stdin else []), pod, "--", *command)


def nsexec(*arguments: str) -> list[str]:
    """Return the command line of ``oc nsexec ARGUMENTS``."""
    return [sys.executable, "-m", "kubectl_nsexec", *arguments]


def nsexec_in(*command: str, stdin: bool = False, options: Sequence[str] = ()) -> list[str]:
    """Return the command line of ``oc nsexec POD -- COMMAND``, with the helper pod in the bench's own namespace."""
    own = (f"--kubeconfig={KUBECONFIG}", f"--namespace={NAMESPACE}", f"--helper-namespace={NAMESPACE}")
    return nsexec(POD, *own, *(["-i"] if stdin else []), *options, "--", *command)


def run(argv: Sequence[str], stdin: str = "", more: Mapping[str, str] = _NOTHING) -> str:
    """Run ARGV with STDIN and return its stdout. Raises BenchError with its stderr when it fails or hangs.

    MORE: what its environment has besides ours.
    """
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
            env={**environment(), **more},
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{shown(argv)} had not ended after {TIMEOUT_SECONDS:.0f} s") from error
    if done.returncode != 0:
        raise BenchError(f"{shown(argv)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def timed(argv: Sequence[str], stdin: str = "") -> float:
    """Run ARGV with STDIN and return how long it took (s, wall clock). Raises BenchError."""
    began = time.monotonic()
    run(argv, stdin)
    return time.monotonic() - began


def shown(argv: Sequence[str]) -> str:
    """Return ARGV as a person would type it: without the options that only say which cluster."""
    program = ["oc nsexec", *argv[3:]] if list(argv[1:3]) == ["-m", "kubectl_nsexec"] else ["kubectl", *argv[1:]]
    hidden = ("--kubeconfig=", "--server=", "--cache-dir=", "--namespace=", "--helper-namespace=")
    return " ".join(word for word in program if not word.startswith(hidden))


def environment() -> dict[str, str]:
    """Return our environment without what would change the commands."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "NSEXEC_", "PYTHON"))}
