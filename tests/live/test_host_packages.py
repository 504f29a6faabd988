"""The installed archive as a user has it: krew's links, the real kubectl and oc's way to start a plugin, a real pod."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from testbed import binaries
from tests import packages as made
from tests.krew import Home
from tests.live.pods import container, pod

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.live.harness import Pods
    from tests.live.pods import Pod

pytestmark = pytest.mark.host_node


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A clean home with the plugin installed by krew, and the other names linked as its caveats say."""
    folder = tmp_path_factory.mktemp("user") / "home"
    folder.mkdir()
    installed = Home(folder)
    packages = made.built()
    installed.install(packages.manifest, packages.archive)
    installed.paste(installed.caveat(0))
    return installed


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod to run commands in."""
    return shared_pods.start(pod("packaged", container(name="main"), node=host_node))


@pytest.fixture
def as_user(home: Home, kubeconfig: Path, helpers: str) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs argv in that home; kubectl is on PATH, Python and this checkout are not."""
    path = f"{home.environment['PATH']}:{binaries.KUBERNETES.folder()}"
    environment = {**home.environment, "PATH": path, "KUBECONFIG": str(kubeconfig), "NSEXEC_NAMESPACE": helpers}

    def run(*argv: str | bytes, **more: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(argv, env={**environment, **more}, cwd=home.folder, capture_output=True, check=False)

    return run


def oc(folder: Path) -> str:
    """The real oc where ``OC`` names one, else a program that starts a plugin as oc does.

    That is: ``oc-NAME`` or ``kubectl-NAME`` from PATH, by execve(2) with the plugin's path as argv[0], the words after
    NAME, and the environment as it is (openshift/oc pkg/cli/cli.go, k8s.io/kubectl pkg/cmd/plugin.go).
    """
    if os.environ.get("OC"):
        return os.environ["OC"]
    program = folder / "oc"
    program.write_text(
        '#!/bin/sh\nname=$1; shift\nfor kind in oc kubectl; do\n  if plugin=$(command -v "$kind-$name"); then\n'
        '    exec "$plugin" "$@"\n  fi\ndone\necho "error: unknown command \\"$name\\" for \\"oc\\"" >&2; exit 1\n'
    )
    program.chmod(0o755)
    return str(program)


@pytest.mark.usefixtures("nothing_left")
def test_kubectl_runs_a_command(as_user: Callable[..., subprocess.CompletedProcess[bytes]], target: Pod) -> None:
    """The real kubectl finds it; arguments pass unchanged, whatever bytes they have and whatever the locale is."""
    odd = ["a b", "", "$(id)", "é".encode(), b"\xff\n"]
    words = ["kubectl", "nsexec", target.name, "-n", target.namespace, "--", "printf", "[%s]", *odd]
    done = as_user(*words, LC_ALL="C")
    assert (done.returncode, done.stdout) == (0, b"[a b][][$(id)][\xc3\xa9][\xff\n]"), done.stderr


def test_kubectl_warns_of_nothing(as_user: Callable[..., subprocess.CompletedProcess[bytes]], home: Home) -> None:
    """``kubectl plugin list`` has ours, and no warning."""
    done = as_user("kubectl", "plugin", "list")
    assert done.returncode == 0, done.stderr
    assert str(home.bin / "kubectl-nsexec") in done.stdout.decode()
    assert b"warning" not in (done.stdout + done.stderr).lower()


def test_completion_works_from_there(as_user: Callable[..., subprocess.CompletedProcess[bytes]], target: Pod) -> None:
    """Kubectl's own __complete asks the linked program, which asks the server."""
    done = as_user("kubectl", "__complete", "nsexec", "-n", target.namespace, "packa")
    assert done.stdout.split(b"\n")[0] == target.name.encode(), done.stderr
    done = as_user("oc_complete-nsexec", "-n", target.namespace, "packa")
    assert done.stdout.split(b"\n")[0] == target.name.encode(), done.stderr


@pytest.mark.usefixtures("nothing_left")
def test_oc_runs_a_command(
    as_user: Callable[..., subprocess.CompletedProcess[bytes]], target: Pod, tmp_path: Path
) -> None:
    """As ``oc nsexec``; the command's exit status is oc's."""
    program = oc(tmp_path)
    words = [program, "nsexec", target.name, "-n", target.namespace, "--", "sh", "-c", "echo out; exit 7"]
    done = as_user(*words)
    assert (done.returncode, done.stdout) == (7, b"out\n"), done.stderr
    assert done.stderr.endswith(b"command terminated with exit code 7\n")


@pytest.mark.parametrize("caller", ["oc", "kubectl"])
def test_messages_name_the_caller(
    as_user: Callable[..., subprocess.CompletedProcess[bytes]], caller: str, tmp_path: Path
) -> None:
    """Help, version and errors say ``oc nsexec`` or ``kubectl nsexec``, as the user typed it."""
    program = oc(tmp_path) if caller == "oc" else "kubectl"
    help_text = as_user(program, "nsexec", "--help").stdout.decode()
    assert f"Usage: {caller} nsexec " in help_text
    assert as_user(program, "nsexec", "--version").stdout.decode().startswith(f"{caller} nsexec ")
    refused = as_user(program, "nsexec", "--no-such-flag")
    assert refused.returncode == 1
    assert f"'{caller} nsexec --help'" in refused.stderr.decode()


def test_what_the_user_types_is_what_help_shows(
    as_user: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path
) -> None:
    """Every example in the help is for the caller."""
    for caller, program in (("oc", oc(tmp_path)), ("kubectl", "kubectl")):
        text = as_user(program, "nsexec", "--help").stdout.decode()
        examples = [shlex.split(line)[:2] for line in text.splitlines() if line.startswith(("  oc ", "  kubectl "))]
        assert examples
        assert {" ".join(words) for words in examples} == {f"{caller} nsexec"}
