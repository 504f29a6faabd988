"""The archive that needs no Python: what is in it, and where it runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from release import archive, entry, env
from release.names import version
from testbed import minimal_root

if TYPE_CHECKING:
    from pathlib import Path

    from tests.packages import Packages

PLUGIN = """\
apiVersion: v1
kind: Config
current-context: there
contexts: [{name: there, context: {cluster: there, user: me}}]
clusters: [{name: there, cluster: {server: "https://127.0.0.1:9"}}]
users:
- name: me
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: /bin/sh, args: [-c, "SCRIPT"]}
"""


def test_the_nodes_files_are_the_wheels(unpacked: Path, packages: Packages) -> None:
    """Byte for byte: PyInstaller would have stripped the programs of this machine's architecture."""
    with zipfile.ZipFile(packages.wheel) as wheel:
        data = [name for name in wheel.namelist() if name.startswith("kubectl_nsexec/") and not name.endswith(".py")]
        assert len(data) >= len(["syscalls.json", "NOTICES", *["agent"] * 3, *["shim"] * 4])
        for name in data:
            assert (unpacked / "_internal" / name).read_bytes() == wheel.read(name), name


def test_everybodys_licence_is_inside(unpacked: Path) -> None:
    """Of every Python distribution, of Python, each shared library, what is linked into the shim; no readline."""
    licensed = {path.name for path in (unpacked / "licenses").iterdir() if any(path.iterdir())}
    names = {re.sub(r"-[\d.post]+$", "", name).lower() for name in licensed}
    assert {"python", "kubectl-nsexec", "kubernetes", "typer", "urllib3", "pyinstaller", "pysocks"} <= names
    assert (unpacked / "LICENSE").is_file()
    assert (unpacked / "share/man/man1/oc-nsexec.1").is_file()
    assert "musl" in (unpacked / "_internal/kubectl_nsexec/node/NOTICES").read_text()
    assert not list(unpacked.rglob("*readline*"))
    bill = json.loads((unpacked / "kubectl-nsexec.cdx.json").read_text())
    assert {part["name"].lower() for part in bill["components"]} - names == set()


def test_whose_each_file_is(unpacked: Path) -> None:
    """Python's, a distribution's or a system package's; that one's licence is there for every one of them."""
    licensed = {path.name for path in (unpacked / "licenses").iterdir()}
    owners = {name: owner for name in os.listdir(unpacked / "_internal") for owner in _owners(name)}  # noqa: PTH208
    assert {name for name in os.listdir(unpacked / "_internal") if name not in owners} == set()  # noqa: PTH208
    assert {"libssl.so.3", "yaml", "socks.pyc", "json", "kubernetes"} <= owners.keys()
    assert {name: owner for name, owner in owners.items() if owner not in licensed} == {}


def _owners(name: str) -> list[str]:
    """The folder of licences for NAME, a file or folder that PyInstaller has taken; empty when nobody is known."""
    module = name.split(".", maxsplit=1)[0].split("-", maxsplit=1)[0]
    python = f"Python-{sys.version_info.major}.{sys.version_info.minor}"
    if module in {*sys.stdlib_module_names, "python3", "pydoc_data"} or module.startswith(
        ("libpython", "_sysconfigdata")
    ):
        return [python]
    if module == "kubectl_nsexec":
        return [f"kubectl-nsexec-{version()}"]
    if ".so" in name:
        found = subprocess.run(["dpkg-query", "--search", f"*/{name}"], capture_output=True, text=True, check=True)
        return [found.stdout.split(":")[0]]
    (site,) = env.folder().glob("lib/python3.*/site-packages")
    return [
        f"{each.name}-{each.version}"
        for each in metadata.distributions(path=[str(site)])
        if module in {file.parts[0].split(".")[0].split("-")[0] for file in each.files or []}
    ]


def test_no_link_and_no_odd_name(packages: Packages) -> None:
    """Krew extracts neither."""
    with tarfile.open(packages.archive) as content:
        members = content.getmembers()
    assert {member.type for member in members} == {tarfile.REGTYPE}
    assert [member.name for member in members if ".." in member.name or member.name.startswith("/")] == []
    assert {member.name.split("/")[0] for member in members} == {"kubectl-nsexec"}


def test_the_glibc_it_needs_is_known(unpacked: Path) -> None:
    """It cannot be newer than this machine's, on which it was built."""
    own = tuple(map(int, os.confstr("CS_GNU_LIBC_VERSION").split()[1].split(".")))  # type: ignore[union-attr] # glibc
    assert (2, 17) <= archive.needs_glibc(unpacked) <= own


@pytest.mark.parametrize("before", [None, "/opt/of-the-user"])
def test_exec_plugins_get_the_users_libraries(unpacked: Path, tmp_path: Path, before: str | None) -> None:
    """The archive's own search path would make them load its OpenSSL."""
    seen = tmp_path / "seen"
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(PLUGIN.replace("SCRIPT", f"env > {seen}; exit 1"))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "KUBECONFIG": str(kubeconfig)}
    environment |= {"LD_LIBRARY_PATH": before} if before else {}
    argv = [str(unpacked / "kubectl-nsexec"), "some-pod", "--", "id"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    plugins = dict(line.split("=", 1) for line in seen.read_text().splitlines() if "=" in line)
    assert plugins.get("LD_LIBRARY_PATH") == before, done.stderr
    assert [name for name in plugins if name.startswith(("_PYI", "_MEI")) or name.endswith("_ORIG")] == []


def test_the_systems_certificates_are_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The archive's OpenSSL was built for other places; what the user has set stays."""
    roots = tmp_path / "roots.pem"
    roots.touch()
    monkeypatch.setattr(entry, "_ROOTS", (str(tmp_path / "nothing"), str(roots)))
    environment: dict[str, str] = {}
    entry.trust(environment)
    assert environment == {"SSL_CERT_FILE": str(roots)}
    chosen = {"SSL_CERT_DIR": "/mine"}
    entry.trust(chosen)
    assert chosen == {"SSL_CERT_DIR": "/mine"}


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_on_the_smallest_debian(suite: str, unpacked: Path, tmp_path: Path) -> None:
    """No Python, no locale, not even /proc; help, completion and an error all come. On a newer glibc as well."""
    minimal_root.unpack(tmp_path, suite)
    works(unpacked, tmp_path)


def works(folder: Path, root: Path) -> None:
    """The archive's FOLDER in the tree ROOT, which has no Python."""
    shutil.copytree(folder, root / "opt/kubectl-nsexec")
    (root / "usr/bin/kubectl_complete-nsexec").symlink_to("/opt/kubectl-nsexec/kubectl-nsexec")
    (root / "dev/null").touch()
    assert not list((root / "usr/bin").glob("python3*"))

    def chrooted(*argv: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C"}
        words = ["chroot", str(root), *argv]
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    program = "/opt/kubectl-nsexec/kubectl-nsexec"
    ours, python, library = chrooted(program, "--version").stdout.splitlines()
    assert (ours, python[:9], library[:11]) == (f"kubectl nsexec {version()}", "Python 3.", "kubernetes ")
    assert "kubectl nsexec du-0 --verify" in chrooted(program, "--help").stdout
    assert chrooted("/usr/bin/kubectl_complete-nsexec", "--contai").stdout.startswith("--container\t")
    refused = chrooted(program, "-s", "https://127.0.0.1:9", "some-pod", "--", "id")
    assert refused.returncode != 0
    assert "127.0.0.1:9" in refused.stderr
