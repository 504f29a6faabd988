"""On both nodes, by cgroup v1 and v2: nothing of the image that the helper pod has to name runs, or is heard of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.live import attacks
from tests.live.nodes import BOTH, Node
from tests.live.pods import container, pod
from tests.live.webhooks import as_spo, exec_webhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live.harness import Finished, Pods, Program
    from tests.live.pods import Json, Pod

pytestmark = [pytest.mark.parametrize("node", BOTH, scope="module")]

_RESTRICTED: Final[Json] = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_ID: Final = ("/bin/busybox", "id", "-u")
_HELPER_ID: Final = ("sh", "-c", "id -u; cat /etc/hostname >/dev/null && ls -d /proc/1")
_TIMEOUT: Final = ("--timeout", "180s")
_WAYS: Final = {
    "plain": ((), _ID),
    "keep": (("--keep", "2m"), _ID),
    "kept": (("--keep", "2m"), _ID),
    "privileged": (("--privileged",), _ID),
    "host-tools": (("--host-tools",), _HELPER_ID),
}


@pytest.fixture(scope="module")
def hostile(node: Node, shared_pods: Pods, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    """A pod as restricted as can be, of the image that attacks."""
    attacks.load(node, attacks.image(tmp_path_factory.mktemp("attack")))
    started = container(attacks.NAME, security=_RESTRICTED)
    yield shared_pods.start(pod("hostile", started, node=node.name))
    node.inside(f"rm -f {attacks.MARK}")


@pytest.fixture(scope="module")
def harmless(node: Node, shared_pods: Pods) -> Pod:
    """Its like, of an ordinary image."""
    return shared_pods.start(pod("harmless", container(security=_RESTRICTED), node=node.name))


def _run(nsexec: Program, target: Pod, way: str) -> Finished:
    options, command = _WAYS[way]
    return nsexec(target.name, "-n", target.namespace, *_TIMEOUT, *options, "--", *command)


@pytest.mark.parametrize("way", _WAYS)
def test_nothing_of_a_hostile_image_runs(nsexec: Program, hostile: Pod, harmless: Pod, node: Node, way: str) -> None:
    """No mark on the node, the command's output exact, and on stderr the very lines that an ordinary image gives."""
    done = _run(nsexec, hostile, way)
    assert not attacks.marked(node)
    ordinary = _run(nsexec, harmless, way)
    assert (done.status, done.stdout) == (0, ordinary.stdout), done.stderr
    assert done.stderr == ordinary.stderr
    assert attacks.WORD not in done.stderr


def test_a_helper_of_a_hostile_image_serves_another_target(
    nsexec: Program, kubectl: Program, hostile: Pod, harmless: Pod, helpers: str, node: Node
) -> None:
    """With --keep the pod that runs "of" the hostile image is entered for the next target as well."""
    nsexec.ok("--cleanup", "--force")
    assert _run(nsexec, hostile, "keep").status == 0
    named = kubectl.ok("get", "pods", "-n", helpers, "-o", "jsonpath={.items[*].spec.containers[*].image}")
    assert named == attacks.NAME
    done = _run(nsexec, harmless, "keep")
    assert (done.status, done.stdout, done.stderr) == (0, b"1000\n", "")
    assert kubectl.ok("get", "pods", "-n", helpers, "-o", "name").count("\n") == 1
    assert not attacks.marked(node)


def test_a_webhook_that_puts_env_before_an_exec_runs_nothing_of_it(
    nsexec: Program, kubectl: Program, hostile: Pod, harmless: Pod, helpers: str, node: Node
) -> None:
    """The image has an ``env`` in every folder of its own PATH; the helper's leads to none of them."""
    assert _run(nsexec, harmless, "plain").status == 0  # the helpers' namespace is there now
    with exec_webhook(kubectl, as_spo, helpers) as webhook:
        show = ("/bin/busybox", "env")
        done = nsexec(hostile.name, "-n", hostile.namespace, *_TIMEOUT, "--", *show)
    assert done.status == 0, done.stderr
    assert f"SPO_EXEC_REQUEST_UID={webhook.uids[-1]}" in done.text.splitlines()
    assert attacks.WORD not in done.text + done.stderr
    assert not attacks.marked(node)


def test_its_attack_would_be_seen(node: Node, hostile: Pod, tmp_path: Path) -> None:
    """The mark is one: run by root of the node, program and library leave it."""
    assert hostile
    made = attacks.image(tmp_path)
    program = made.files["/opt/bin/sh"]
    assert isinstance(program, bytes)
    node.put(program, "/var/lib/nsexec-attack-program")
    said = node.inside("/var/lib/nsexec-attack-program 2>&1; rm /var/lib/nsexec-attack-program")
    assert (said.strip(), attacks.marked(node)) == (attacks.WORD, True)
    node.inside(f"rm -f {attacks.MARK}")
