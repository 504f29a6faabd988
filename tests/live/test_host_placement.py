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


def limit_range(**limits: dict[str, str]) -> dict[str, Any]:
    """A LimitRange for containers."""
    spec = {"limits": [{"type": "Container", **limits}]}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "all"}, "spec": spec}


def quota(**hard: str) -> dict[str, Any]:
    """A ResourceQuota; ``requests_cpu`` is requests.cpu."""
    spec = {"hard": {name.replace("_", "."): value for name, value in hard.items()}}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "guard"}, "spec": spec}


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"cpu": "1", "memory": "64Mi"}, "the helper pod became Guaranteed instead of BestEffort"),
        ({"cpu": "100m", "memory": "64Mi"}, "the helper pod became Guaranteed instead of BestEffort"),
        ({"cpu": "1"}, "the helper pod has a CPU limit (1)"),
    ],
)
def test_a_limit_range_that_makes_the_helper_a_danger_is_refused(
    nsexec: Program,
    target: Pod,
    made: Create,
    helpers: str,
    limits: dict[str, str],
    words: str,
) -> None:
    """A Guaranteed helper of whole CPUs would be given isolated ones: it goes before it runs."""
    made(limit_range(default=limits))
    done = nsexec(target.name, "-n", target.namespace, "--", "echo", "started")
    assert (done.status, done.stdout) == (_OWN_FAILURE, b"")
    assert words in done.stderr
    assert f'LimitRange "all" in namespace "{helpers}" gives it resources: exempt a namespace' in done.stderr
    assert "--via ssh" in done.stderr


@pytest.mark.parametrize(
    "policy",
    [
        limit_range(defaultRequest={"memory": "16Mi"}),
        limit_range(defaultRequest={"cpu": "10m", "memory": "16Mi"}, default={"memory": "256Mi"}),
        quota(requests_cpu="1", requests_memory="1Gi"),
        quota(pods="5"),
    ],
    ids=["requests by default", "a limit of memory", "a quota of requests", "a quota of pods"],
)
def test_a_policy_that_does_no_harm_is_lived_with(
    nsexec: Program, target: Pod, made: Create, policy: dict[str, Any]
) -> None:
    """The helper becomes Burstable, which is given no CPUs of its own."""
    made(policy)
    done = nsexec(target.name, "-n", target.namespace, "--", "echo", "started")
    assert (done.status, done.stdout) == (0, b"started\n"), done.stderr


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (quota(limits_cpu="2"), 'ResourceQuota "guard" of namespace "{}" wants what a helper pod must not have'),
        (quota(pods="0"), 'ResourceQuota "guard" of namespace "{}" leaves no room for a helper pod'),
    ],
    ids=["limits", "no room"],
)
def test_a_quota_that_cannot_be_lived_with_is_named(
    nsexec: Program, target: Pod, made: Create, helpers: str, policy: dict[str, Any], words: str
) -> None:
    """After the server's own words, with the ways round it."""
    made(policy)
    done = nsexec(target.name, "-n", target.namespace, "--", "echo", "started")
    assert (done.status, done.stdout) == (1, b"")
    assert words.format(helpers) in done.stderr
    assert "--via ssh" in done.stderr


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
    # With CRI-O the kubelet may be at its second attempt by then: ErrImagePull or ImagePullBackOff.
    assert {"containerd": "ErrImagePull", "cri-o": "ImagePull"}[target.runtime] in done.stderr
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
