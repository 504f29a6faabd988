"""kubectl and ``oc nsexec`` with the same kubeconfigs, environments and flags: the API server is asked alike."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from testbed import binaries
from tests.conformance.authorities import Authorities
from tests.conformance.connections import TABLE, Row
from tests.conformance.recorder import PATH, Recorder, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.host_node

_ROOT = Path(__file__).parents[2]
_SECONDS = 60
_OWN_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'
_PLUGIN = """#!/bin/sh
# Its token tells how it was called.
case ${1:-} in
--fail) echo "no login" >&2; exit 3 ;;
--certificate)
  pem() { awk '{ printf "%s\\\\n", $0 }' "$1"; }
  status="\\"clientCertificateData\\":\\"$(pem joe.crt)\\",\\"clientKeyData\\":\\"$(pem joe.key)\\"" ;;
*)
  sorted='import json, sys; print(json.dumps(json.load(sys.stdin), sort_keys=True))'
  told=$(printf '%s' "$KUBERNETES_EXEC_INFO" | python3 -c "$sorted")
  [ -t 0 ] && terminal=yes || terminal=no
  token=$(printf '%s|' "$#" "$@" "${TOLD-none}" "$terminal" "$told" | base64 -w0)
  status="\\"token\\":\\"$token\\"" ;;
esac
version=$(printf '%s' "$KUBERNETES_EXEC_INFO" | sed 's/.*"apiVersion": *"\\([^"]*\\)".*/\\1/')
printf '{"apiVersion":"%s","kind":"ExecCredential","status":{%s}}' "$version" "$status"
"""
_PROXY_VARIABLES = re.compile("(HTTPS?|NO|ALL)_PROXY", re.IGNORECASE)


class Asked(NamedTuple):
    """How the server was asked, and what the program said in the end."""

    seen: list[Seen]
    status: int
    said: str


class Lab:
    """Two programs, one server: a folder with all the files, and the environment of a user."""

    def __init__(self, folder: Path, recorder: Recorder) -> None:
        self._folder, self._recorder = folder, recorder
        (folder / "hosts").write_text("127.0.0.1 localhost api.corp.example API.Corp.Example\n::1 localhost\n")
        (folder / "token").write_text("of-the-file\n")
        for name in ("plugin", "plugin-on-path"):
            (folder / name).write_text(_PLUGIN)
            (folder / name).chmod(0o755)
        self._write("good", Row("good", user={"token": "good"}))
        self._write("other", Row("other", {"server": "http://127.0.0.1:{plain}"}, {"token": "other"}))

    def asked(self, row: Row, *program: str) -> Asked:
        """What PROGRAM, which the row's flags are given to, does with it."""
        self._write("kubeconfig", row)
        self._recorder.taken()
        environment = {name: value for name, value in os.environ.items() if not _PROXY_VARIABLES.fullmatch(name)}
        own = {name: self._filled(value) for name, value in row.environment.items()}
        environment |= {"HOME": str(self._folder), "KUBECONFIG": "kubeconfig", "PYTHONPATH": str(_ROOT)}
        environment |= {"PATH": f"{self._folder}:{environment['PATH']}", **own}
        flags = [self._filled(flag) for flag in row.flags]
        argv = ["unshare", "--mount", "sh", "-c", _OWN_HOSTS, "hosts", *program, *flags]
        done = subprocess.run(
            argv,
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
        return Asked(self._recorder.taken(), done.returncode, done.stderr)

    def _write(self, name: str, row: Row) -> None:
        context = {"cluster": "k", "user": "u", "namespace": "ran"}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "k", "cluster": self._filled_section(row.cluster)}],
            "users": [{"name": "u", "user": self._filled_section(row.user)}],
            "contexts": [{"name": "c", "context": context}],
        }
        (self._folder / name).write_text(self._filled(row.document) if row.document else json.dumps(content))

    def _filled_section(self, section: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._filled(value) if isinstance(value, str) else value for key, value in section.items()}

    def _filled(self, value: str) -> str:
        if value.startswith("@"):
            return b64encode((self._folder / value[1:]).read_bytes()).decode()
        ports = self._recorder.ports
        return re.sub(r"\{([a-z0-9-]+)\}", lambda found: str(ports.get(found[1], found[0])), value)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One for all rows."""
    folder = tmp_path_factory.mktemp("connection")
    with ExitStack() as stack:
        yield Lab(folder, Recorder(Authorities(folder), stack))


@pytest.fixture(scope="module")
def kubectl_get(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A request of kubectl's for the pod, and nothing else."""
    cache = str(tmp_path_factory.mktemp("cache"))
    return (str(binaries.KUBERNETES.folder() / "kubectl"), "get", "--raw", PATH, "--cache-dir", cache)


NSEXEC = (sys.executable, "-m", "kubectl_nsexec", "du-0", "-n", "ran", "--dry-run=client")
ROWS = [(group, row) for group, rows in TABLE.items() for row in rows]


@pytest.mark.parametrize("row", [row for _, row in ROWS], ids=[f"{group}-{row.name}" for group, row in ROWS])
def test_the_connection_is_the_one_that_kubectl_makes(lab: Lab, kubectl_get: tuple[str, ...], row: Row) -> None:
    """By the same way, as the same user; where kubectl does not ask, neither do we, and say why in a sentence."""
    theirs = lab.asked(row, *kubectl_get)
    ours = lab.asked(row, *NSEXEC)
    if row.differs:
        assert ours.seen != theirs.seen
    else:
        assert ours.seen == theirs.seen, f"kubectl: {theirs.said}\nnsexec: {ours.said}"
    assert "defect" not in ours.said
    assert "Traceback" not in ours.said
    assert ours.status
    assert ours.said
