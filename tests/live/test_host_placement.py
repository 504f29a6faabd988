"""On the host node: what an administrator's own policies would make of the helper pod."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.pods import pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

    Create = Callable[..., None]

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]

_OWN_FAILURE = 125
_ALWAYS_PULL = """Object{spec: Object.spec{containers: object.spec.containers.map(c,
    Object.spec.containers{name: c.name, imagePullPolicy: "Always"})}}"""


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod that owns no CPU."""
    return shared_pods.start(pod("placement", node=host_node))


@pytest.fixture
def made(kubectl: Program, nsexec: Program, target: Pod, helpers: str) -> Iterator[Create]:
    """Creates objects for the time of a test, once the helpers' namespace is there."""
    nsexec.ok(target.name, "-n", target.namespace, "--", "true")
    files: list[bytes] = []

    def create(*objects: dict[str, Any]) -> None:
        content = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode()
        files.append(content)
        kubectl.ok("create", "-n", helpers, "-f", "-", stdin=content)

    yield create
    for content in files:
        kubectl.ok("delete", "-n", helpers, "-f", "-", "--ignore-not-found", stdin=content)


@pytest.mark.parametrize(("cpus", "quality"), [("1", "Guaranteed"), ("100m", "Guaranteed"), (None, "Burstable")])
def test_a_limit_range_that_gives_the_helper_resources_is_refused(
    nsexec: Program,
    target: Pod,
    made: Create,
    helpers: str,
    cpus: str | None,
    quality: str,
) -> None:
    """A Guaranteed helper of whole CPUs would be given isolated ones: it goes before it runs."""
    limits: dict[str, Any] = {"type": "Container", "defaultRequest": {"memory": "16Mi"}}
    if cpus:
        limits = {"type": "Container", "default": {"cpu": cpus, "memory": "64Mi"}}
    made({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "all"}, "spec": {"limits": [limits]}})
    done = nsexec(target.name, "-n", target.namespace, "--", "echo", "started")
    assert (done.status, done.stdout) == (_OWN_FAILURE, b"")
    assert f"the helper pod became {quality} instead of BestEffort" in done.stderr
    assert f'a LimitRange or webhook in namespace "{helpers}" gives it resources' in done.stderr


def test_where_images_are_always_pulled_and_none_can_be(
    nsexec: Program,
    kubectl: Program,
    target: Pod,
    made: Create,
    helpers: str,
) -> None:
    """As AlwaysPullImages does, on a site whose registry is away: the node's own words, and the way out."""
    kind = {"apiVersion": "admissionregistration.k8s.io/v1"}
    name = f"pull-{helpers}"
    chosen = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": helpers}}}
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
    made(
        {
            **kind,
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "matchConstraints": {**chosen, "resourceRules": rules},
                "reinvocationPolicy": "Never",
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": _ALWAYS_PULL}}],
            },
        },
        {
            **kind,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name},
        },
    )
    probe = pod("probe", node="")
    probe["metadata"]["namespace"] = helpers
    _until_it_holds(kubectl, helpers, probe)
    done = nsexec(target.name, "-n", target.namespace, "--", "echo", "started")
    assert (done.status, done.stdout) == (_OWN_FAILURE, b"")
    assert "ErrImagePull" in done.stderr
    assert "trying another image of the node" in done.stderr
    assert "name an image that the node can run: --image" in done.stderr


def _until_it_holds(kubectl: Program, namespace: str, manifest: dict[str, Any]) -> None:
    """The API server learns of a policy a moment after it was created."""
    content = json.dumps(manifest).encode()
    for _ in range(100):
        shown = kubectl.ok("create", "--dry-run=server", "-n", namespace, "-o", "json", "-f", "-", stdin=content)
        if json.loads(shown)["spec"]["containers"][0]["imagePullPolicy"] == "Always":
            return
    pytest.fail("the policy never held")
