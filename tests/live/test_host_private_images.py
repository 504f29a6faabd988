"""On the host node: a target's image that takes a pull secret, which the helper pod's namespace has not.

The kubelet pulled it for the target, and wants a secret of every other pod that runs it (KEP-2535; Kubernetes 1.35).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from testbed import host_node as testbed_node
from testbed.images import Image
from tests.live.pods import container, pod
from tests.live.registry import PASSWORD, USER, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]

_OWN_FAILURE: Final = 125
_UNAUTHORIZED: Final = 401
_SECRET: Final = "pull"
_REFUSED: Final = {
    "containerd": 'ErrImagePull: failed to pull and unpack image "{image}"',
    "cri-o": "ErrImagePull: unable to pull image or OCI artifact: ",
}
"""In each runtime's words."""
_CONTENT: Final = Image(
    "private:1",
    {"/bin/busybox": Path("/bin/busybox").read_bytes(), "/bin/sh": ("link", "busybox")},
    {"Cmd": ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do /bin/busybox sleep 86400 & wait $!; done"]},
)


@pytest.fixture(scope="module")
def registry(host_node: str) -> Iterator[Registry]:
    """The only one that has the image; the node forgets that it ever had it."""
    assert host_node
    with Registry(_CONTENT).running() as made:
        yield made
        testbed_node.runtime().forget(made.image)


@pytest.fixture(scope="module")
def target(registry: Registry, kubectl: Program, shared_pods: Pods, host_node: str) -> Iterator[Pod]:
    """A pod whose image was pulled with the secret of its namespace."""
    _create_secret(kubectl, registry, shared_pods.namespace)
    named = [{"name": _SECRET}]
    yield shared_pods.start(pod("private", container(registry.image), node=host_node, imagePullSecrets=named))
    kubectl.ok("delete", "secret", "-n", shared_pods.namespace, _SECRET)


def test_another_image_of_the_node_is_taken_and_said(nsexec: Program, target: Pod, registry: Registry) -> None:
    """What is in it does not matter: the command is in the target all the same."""
    registry.answers.clear()
    done = nsexec(target.name, "-n", target.namespace, "--", "/bin/busybox", "echo", "started")
    assert (done.status, done.stdout) == (0, b"started\n"), done.stderr
    assert done.stderr.count("\n") == 1
    assert _REFUSED[target.runtime].format(image=registry.image) in done.stderr
    assert done.stderr.endswith("; trying another image of the node\n")
    assert set(registry.answers) == {_UNAUTHORIZED}


def test_where_no_image_is_left_the_way_out_is_named(nsexec: Program, target: Pod, registry: Registry) -> None:
    """An image of one's own choice is not replaced by another."""
    done = nsexec(target.name, "-n", target.namespace, "--image", registry.image, "--", "/bin/busybox", "true")
    assert (done.status, done.stdout) == (_OWN_FAILURE, b"")
    trusted, error = done.words.splitlines()
    assert trusted == f"the tools of the image {registry.image} are used, with every right on the node (--image)"
    assert error.startswith("error: ")
    assert _REFUSED[target.runtime].format(image=registry.image) in done.stderr
    assert done.words.endswith("; name an image that the node can run: --image\n")


def test_with_the_secret_in_the_helpers_namespace_the_image_serves(
    nsexec: Program, kubectl: Program, target: Pod, registry: Registry, helpers: str
) -> None:
    """On the service account of that namespace, where ``oc secrets link default SECRET --for=pull`` puts it."""
    nsexec.ok(target.name, "-n", target.namespace, "--", "/bin/busybox", "true")  # now the namespace is there
    _create_secret(kubectl, registry, helpers)
    link = json.dumps({"imagePullSecrets": [{"name": _SECRET}]})
    kubectl.ok("patch", "serviceaccount", "default", "-n", helpers, "-p", link)
    done = nsexec(target.name, "-n", target.namespace, "--", "/bin/busybox", "echo", "started")
    assert (done.status, done.stdout, done.stderr) == (0, b"started\n", "")


def _create_secret(kubectl: Program, registry: Registry, namespace: str) -> None:
    credentials = (f"--docker-server={registry.host}", f"--docker-username={USER}", f"--docker-password={PASSWORD}")
    kubectl.ok("create", "secret", "docker-registry", _SECRET, "-n", namespace, *credentials)
