"""Completion as the user has it: real shells, kubectl and its completion scripts, and the real server's names."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed import binaries
from tests.live.pods import container, pod
from tests.live.shells import shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.harness import Pods
    from tests.live.pods import Pod
    from tests.live.shells import Shell

pytestmark = pytest.mark.host_node

OF_OC = "ran/api-example-com:6443/kube:admin"
"""A context as ``oc login`` names it, with what bash takes for the end of a word."""


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod of several containers."""
    containers = (container(name="main"), container(name="second"))
    first = container(name="prepare", command=["true"])
    return shared_pods.start(pod("completed-0", *containers, node=host_node, initContainers=[first]))


@pytest.fixture(scope="module", params=["bash", "zsh", "fish"])
def user(request: pytest.FixtureRequest, kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell that finds kubectl and, beside the Python that runs the tests, our programs."""
    places = [str(Path(sys.executable).parent), str(binaries.KUBERNETES.folder()), os.environ["PATH"]]
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "more").write_text(json.dumps({"contexts": [{"name": OF_OC, "context": {}}]}))
    several = f"{kubeconfig}{os.pathsep}{folder / 'more'}"
    environment = {"PATH": os.pathsep.join(places), "KUBECONFIG": several}
    with shell(request.param, folder, environment) as started:
        yield started


def test_a_pod(user: Shell, target: Pod) -> None:
    """Of the namespace that stands before; a space follows."""
    line = f"kubectl nsexec -n {target.namespace} "
    assert user.with_space(f"{line}comp") == f"{line}completed-0 "


def test_a_type_and_its_object(user: Shell, target: Pod) -> None:
    """No space comes between them."""
    line = f"kubectl nsexec -n {target.namespace} "
    assert user.with_space(f"{line}statef") == f"{line}statefulsets/"
    assert user.completed(f"{line}pods/comp") == f"{line}pods/completed-0"


@pytest.mark.parametrize("flag", ["-c ", "-c=", "--container ", "--container=", "-itc "])
def test_a_container(user: Shell, target: Pod, flag: str) -> None:
    """Ordinary and init ones, after a space and after ``=``."""
    line = f"kubectl nsexec {target.name} --namespace={target.namespace} {flag}"
    assert user.completed(f"{line}sec") == f"{line}second"
    assert user.completed(f"{line}prep") == f"{line}prepare"


def test_a_namespace(user: Shell, target: Pod) -> None:
    """After either flag."""
    assert user.completed(f"kubectl nsexec -n {target.namespace[:-1]}") == f"kubectl nsexec -n {target.namespace}"
    assert user.completed("kubectl nsexec --namespace=kube-pub") == "kubectl nsexec --namespace=kube-public"


def test_names_of_the_kubeconfig(user: Shell) -> None:
    """Contexts, clusters and users."""
    assert user.completed("kubectl nsexec --context testb") == "kubectl nsexec --context testbed"
    assert user.completed("kubectl nsexec --context ran/api-example-com:64") == f"kubectl nsexec --context {OF_OC}"
    assert user.completed("kubectl nsexec --user adm") == "kubectl nsexec --user admin"


def test_a_flag(user: Shell) -> None:
    """By its beginning."""
    assert user.completed("kubectl nsexec --contai") == "kubectl nsexec --container"


def test_a_manifest(user: Shell) -> None:
    """A file of this machine, for the flag that takes one."""
    (user.folder / "only.yaml").touch()
    assert user.completed("kubectl nsexec -f onl") == "kubectl nsexec -f only.yaml"


def test_nothing_for_the_command_in_the_container(user: Shell, target: Pod) -> None:
    """Not even files: they would be this machine's."""
    (user.folder / "only.yaml").touch()
    line = f"kubectl nsexec {target.name} -n {target.namespace} -- cat onl"
    assert user.completed(line) == line


def test_a_server_that_cannot_be_reached(user: Shell) -> None:
    """The line stays as it is, and no message comes into it."""
    line = "kubectl nsexec -s http://127.0.0.1:1 comp"
    assert user.completed(line) == line
