"""The archive that needs no Python: what is in it, and where it runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from release import archive, entry
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
        assert len(data) >= len(["syscalls.json", "NOTICES", *["agent"] * 3, *["last-link"] * 4])
        for name in data:
            assert (unpacked / "_internal" / name).read_bytes() == wheel.read(name), name


def test_everybodys_licence_is_inside(unpacked: Path) -> None:
    """Of every Python distribution, of Python, each shared library, what is linked into the last link; no readline."""
    licensed = {path.name for path in (unpacked / "licenses").iterdir() if any(path.iterdir())}
    names = {re.sub(r"-[\d.post]+$", "", name).lower() for name in licensed}
    assert {"python", "kubectl-nsexec", "kubernetes", "typer", "urllib3", "pyinstaller", "pysocks"} <= names
    assert (unpacked / "LICENSE").is_file()
    assert (unpacked / "share/man/man1/oc-nsexec.1").is_file()
    assert "musl" in (unpacked / "_internal/kubectl_nsexec/node/NOTICES").read_text()
    assert not list(unpacked.rglob("*readline*"))
    bill = json.loads((unpacked / "kubectl-nsexec.cdx.json").read_text())
    assert {part["name"].lower() for part in bill["components"]} - names == set()


def test_no_link_and_no_odd_name(packages: Packages) -> None:
    """Krew extracts neither."""
    import tarfile  # noqa: PLC0415 - here only

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


def test_on_the_smallest_debian(unpacked: Path, tmp_path: Path) -> None:
    """No Python, no locale, not even /proc; help, completion and an error all come."""
    minimal_root.unpack(tmp_path)
    shutil.copytree(unpacked, tmp_path / "opt/kubectl-nsexec")
    (tmp_path / "usr/bin/kubectl_complete-nsexec").symlink_to("/opt/kubectl-nsexec/kubectl-nsexec")
    (tmp_path / "dev/null").touch()
    assert not list((tmp_path / "usr/bin").glob("python3*"))

    def chrooted(*argv: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C"}
        words = ["chroot", str(tmp_path), *argv]
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    program = "/opt/kubectl-nsexec/kubectl-nsexec"
    assert chrooted(program, "--version").stdout.startswith(f"kubectl nsexec {version()}\n")
    assert "kubectl nsexec du-0 --verify" in chrooted(program, "--help").stdout
    assert chrooted("/usr/bin/kubectl_complete-nsexec", "--contai").stdout.startswith("--container\t")
    refused = chrooted(program, "-s", "https://127.0.0.1:9", "some-pod", "--", "id")
    assert refused.returncode != 0
    assert "127.0.0.1:9" in refused.stderr
