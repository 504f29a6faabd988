"""The ways onto the real-time node without a helper pod: ssh from here, and the client itself on the node."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
import tarfile
from functools import cache
from importlib import metadata
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import kubectl_nsexec
from testbed import pki, rt_vm
from testbed.paths import API_SERVER_IN_VM, REPOSITORY, RT_SSH_PORT
from tests.live.harness import Program

_CLIENT: Final = "/var/tmp/client"  # /run is mounted noexec, and a library has compiled parts
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
    client = _folder()
    words = ["env", f"KUBECONFIG={client}/kubeconfig", f"PYTHONPATH={client}", "python3", "-m", "kubectl_nsexec"]
    # Every word passes a shell there, and the way to it is a socket with a relative path.
    go = "import os, sys; from testbed import rt_vm; os.chdir(rt_vm.FOLDER); a = rt_vm.ssh_argv(sys.argv[1:]); "
    argv = (sys.executable, "-c", f"{go}os.execvp(a[0], a)", *words, "--via", "local")
    return Program(argv, environment={"PYTHONPATH": str(REPOSITORY)})


def install_client() -> None:
    """Puts the client of this checkout onto the node, with what of its libraries a run takes there, and a kubeconfig.

    Once for all tests, which may run side by side: Python takes an emulated CPU six seconds to compile it.
    """
    folder = _folder()
    if rt_vm.ssh(["test", "-d", folder], check=False).returncode == 0:
        return
    content = BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data in _client().items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, BytesIO(data))
    new = f"new=$(mktemp -d {_CLIENT}.XXXX) && chmod 755 $new && tar x -C $new && mv -T $new {folder}"
    rt_vm.ssh(["sh", "-c", f"{new} || {{ rm -r $new; test -d {folder}; }}"], stdin=content.getvalue())


@cache
def _folder() -> str:
    digest = hashlib.sha256()
    for name, data in _client().items():
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return f"{_CLIENT}-{digest.hexdigest()[:12]}"


@cache
def _client() -> dict[str, bytes]:
    """The files, by their path there."""
    there = rt_vm.ssh(["python3", "-c", "import sys; print(*sys.version_info[:2])"]).stdout.decode().split()
    same_python = there == [str(number) for number in sys.version_info[:2]]
    with TemporaryDirectory() as folder:
        found = {"kubeconfig": pki.kubeconfig(Path(folder, "kubeconfig"), "admin", API_SERVER_IN_VM).read_bytes()}
    package = Path(kubectl_nsexec.__file__).parent
    for path in sorted(package.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            found[str(path.relative_to(package.parent))] = path.read_bytes()
    for library in (*_LIBRARIES, *(_COMPILED if same_python else ())):
        for file in _files(library):
            if file.suffix in (".py", ".so") and not _is_a_model(file):
                found[str(file)] = Path(file.locate()).read_bytes()
    return found


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
