"""The ways onto the real-time node without a helper pod: ssh from here, and the client itself on the node."""

from __future__ import annotations

import dataclasses
import os
import sys
import tarfile
from contextlib import contextmanager
from importlib import metadata
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import kubectl_nsexec
from testbed import pki, rt_vm
from testbed.paths import API_SERVER_IN_VM, REPOSITORY, RT_SSH_PORT
from tests.live.harness import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

# One for each of the processes that tests run in; /run is mounted noexec, and a library has compiled parts.
_CLIENT: Final = f"/var/tmp/client-{os.getpid()}"
_LIBRARIES: Final = (
    *("annotated-doc", "certifi", "durationpy", "kubernetes", "python-dateutil", "pyyaml", "shellingham", "six"),
    *("typer", "urllib3"),
)
"""What a run without a helper pod imports,"""
_COMPILED: Final = ("annotated-types", "pydantic", "pydantic-core", "typing-extensions", "typing-inspection")
"""and what of it is compiled for one Python, with what that takes: Debian 13's Python has Debian's own."""


def by_ssh(nsexec: Program, **settings: str) -> Program:
    """``oc nsexec --via ssh`` as the user ``core``: a login of its own, by a key, then sudo; SETTINGS are ssh's."""
    usual = {
        "HostName": "127.0.0.1",
        "Port": str(RT_SSH_PORT),
        "IdentityFile": str(rt_vm.KEY),
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "no",
        "BatchMode": "yes",
    }
    options = [word for name, value in {**usual, **settings}.items() for word in ("--ssh-option", f"{name}={value}")]
    return dataclasses.replace(nsexec, argv=(*nsexec.argv, "--via", "ssh", *options))


def by_local() -> Program:
    """``oc nsexec --via local`` in a shell of root's on the node, where :func:`install_client` has put it."""
    words = ["env", f"KUBECONFIG={_CLIENT}/kubeconfig", f"PYTHONPATH={_CLIENT}", "python3", "-m", "kubectl_nsexec"]
    # Every word passes a shell there, and the way to it is a socket with a relative path.
    go = "import os, sys; from testbed import rt_vm; os.chdir(rt_vm.FOLDER); a = rt_vm.ssh_argv(sys.argv[1:]); "
    argv = (sys.executable, "-c", f"{go}os.execvp(a[0], a)", *words, "--via", "local")
    return Program(argv, environment={"PYTHONPATH": str(REPOSITORY)})


def _files(library: str) -> list[metadata.PackagePath]:
    """None where this environment does without the library."""
    try:
        return metadata.files(library) or []
    except metadata.PackageNotFoundError:
        return []


def _is_a_model(file: metadata.PackagePath) -> bool:
    """A typed model or API of the kubernetes client, of which there are two thousand and which no run loads."""
    return (
        file.parts[0] == "kubernetes" and bool({"api", "models", "aio"} & {*file.parts}) and file.name != "__init__.py"
    )


@contextmanager
def install_client() -> Iterator[None]:
    """The client of this checkout on the node, with what of its libraries a run takes there, and a kubeconfig."""
    there = rt_vm.ssh(["python3", "-c", "import sys; print(*sys.version_info[:2])"]).stdout.decode().split()
    same_python = there == [str(number) for number in sys.version_info[:2]]
    content = BytesIO()
    with TemporaryDirectory() as folder, tarfile.open(fileobj=content, mode="w") as tar:
        tar.add(pki.kubeconfig(Path(folder, "kubeconfig"), "admin", API_SERVER_IN_VM), "kubeconfig")
        tar.add(Path(kubectl_nsexec.__file__).parent, "kubectl_nsexec")
        for library in (*_LIBRARIES, *(_COMPILED if same_python else ())):
            for file in _files(library):
                if file.suffix in (".py", ".so") and not _is_a_model(file):
                    tar.add(str(file.locate()), str(file))
    rt_vm.ssh(["sh", "-c", f"rm -rf {_CLIENT} && mkdir {_CLIENT} && tar x -C {_CLIENT}"], stdin=content.getvalue())
    yield
    rt_vm.ssh(["rm", "-r", _CLIENT])
