"""From a Pod to one running container, with the words of ``kubectl exec``."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.errors import TargetError
from kubectl_nsexec.target.container_choice import Target, refuse_sandbox, resolve

ID = "3f1c" * 16
OTHER_ID = "a07b" * 16
RUNNING = {"running": {"startedAt": "2025-11-24T05:00:00Z"}}


def status(name: str, container_id: str = f"containerd://{ID}", state: dict[str, Any] | None = None) -> dict[str, Any]:
    """An entry of containerStatuses."""
    return {"name": name, "containerID": container_id, "state": RUNNING if state is None else state}


def a_pod(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A running pod "p" with one container "a"; ``changes`` are merged into metadata, spec and status."""
    pod: dict[str, Any] = {
        "metadata": {"name": "p", "namespace": "ran", "uid": "11111111-2222-3333-4444-555555555555"},
        "spec": {"nodeName": "n1", "containers": [{"name": "a", "image": "registry.example/du:1"}]},
        "status": {"phase": "Running", "containerStatuses": [status("a")]},
    }
    for part, values in changes.items():
        pod[part] |= values
    return pod


def three_kinds(**metadata: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A pod with an ordinary, an ephemeral and an init container (a sidecar), all running."""
    return a_pod(
        metadata=metadata,
        spec={"ephemeralContainers": [{"name": "d"}], "initContainers": [{"name": "i", "image": "side:2"}]},
        status={
            "initContainerStatuses": [status("i", f"cri-o://{OTHER_ID}")],
            "ephemeralContainerStatuses": [status("d")],
        },
    )


def refusal(pod: dict[str, Any], container: str | None = None, **options: str) -> str:
    """The message of the TargetError that ``resolve`` raises."""
    with pytest.raises(TargetError) as caught:
        resolve(pod, container, **options)
    return caught.value.message


def test_the_only_container_is_meant_without_a_word() -> None:
    """A pod with one container needs no -c and gives no notice."""
    assert resolve(a_pod(), None) == Target(
        namespace="ran",
        pod="p",
        pod_uid="11111111-2222-3333-4444-555555555555",
        cgroup_uid="11111111-2222-3333-4444-555555555555",
        node="n1",
        container="a",
        container_id=ID,
        runtime="containerd",
        image="registry.example/du:1",
        shares_host_pid=False,
        runtime_class="",
        notice=None,
    )


def test_the_first_container_is_meant_with_a_notice() -> None:
    """Where there are others, of any kind, kubectl's notice lists all in kubectl's order."""
    assert resolve(three_kinds(), None).notice == 'Defaulted container "a" out of: a, d (ephem), i (init)'


def test_the_annotation_chooses_silently() -> None:
    """The default-container annotation names the container, and nothing is said."""
    target = resolve(three_kinds(annotations={"kubectl.kubernetes.io/default-container": "i"}), None)
    assert (target.container, target.notice) == ("i", None)


@pytest.mark.parametrize(("name", "runtime", "container_id"), [("i", "cri-o", OTHER_ID), ("d", "containerd", ID)])
def test_sidecars_and_ephemeral_containers_are_found(name: str, runtime: str, container_id: str) -> None:
    """Their status is looked up in lists of their own."""
    target = resolve(three_kinds(), name)
    assert (target.container, target.runtime, target.container_id) == (name, runtime, container_id)


@pytest.mark.parametrize("annotated", [True, False])
def test_an_unknown_container_gives_the_valid_names(annotated: bool) -> None:  # noqa: FBT001 - a table's column
    """By -c or by the annotation, the error is the API server's, with every name."""
    annotations = {"kubectl.kubernetes.io/default-container": "z"} if annotated else {}
    message = refusal(three_kinds(annotations=annotations), None if annotated else "z")
    assert message == "container z is not valid for pod p out of: a, d (ephem), i (init)"


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_completed_pod_is_refused_first(phase: str) -> None:
    """Even with a bad container name the completed pod is what is said, as in kubectl."""
    message = refusal(a_pod(status={"phase": phase}), "z")
    assert message == f"cannot exec into a container in a completed pod; current phase is {phase}"


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        (a_pod(spec={"nodeName": None}), "pod p does not have a host assigned"),
        (
            a_pod(metadata={"deletionTimestamp": "2025-11-24T06:00:00Z"}),
            "pod p is being deleted (since 2025-11-24T06:00:00Z); nothing was started",
        ),
        (a_pod(spec={"containers": []}), "pod p does not have any containers"),
        (
            a_pod(status={"phase": "Pending", "containerStatuses": None}),
            "container a of pod p has not been started yet; the pod's phase is Pending",
        ),
        (
            a_pod(status={"containerStatuses": [status("a", state={"waiting": {"reason": "CrashLoopBackOff"}})]}),
            "container a of pod p is not running: waiting (CrashLoopBackOff)",
        ),
        (
            a_pod(
                status={
                    "containerStatuses": [
                        status(
                            "a", state={"terminated": {"reason": "Error", "message": "out of hugepages", "exitCode": 3}}
                        )
                    ]
                }
            ),
            "container a of pod p is not running: terminated (Error: out of hugepages: exit code 3)",
        ),
        (
            a_pod(status={"containerStatuses": [status("a", state={"waiting": {}})]}),
            "container a of pod p is not running: waiting",
        ),
        (
            a_pod(status={"containerStatuses": [status("a") | {"state": {}}]}),
            "container a of pod p is not running: its state is not reported",
        ),
        (
            a_pod(status={"containerStatuses": [status("a", "rkt://x")]}),
            'container a of pod p has the ID "rkt://x"; known runtimes are containerd, cri-o and docker',
        ),
        (
            a_pod(status={"containerStatuses": [status("a", "")]}),
            'container a of pod p has the ID ""; known runtimes are containerd, cri-o and docker',
        ),
        (
            a_pod(status={"containerStatuses": [status("a", "containerd://../../x")]}),
            'pod p: the container ID "../../x" is not one that a kubelet gives',
        ),
    ],
)
def test_each_state_has_its_own_message(pod: dict[str, Any], words: str) -> None:
    """Pending, waiting, ended, being deleted, foreign runtimes: no two are told alike."""
    assert refusal(pod) == words


@pytest.mark.parametrize("runtime_class", ["kata", "kata-qemu", "gvisor", "runsc-kvm"])
def test_sandboxed_runtimes_are_refused_by_class(runtime_class: str) -> None:
    """Kata's and gVisor's host processes are not the container's."""
    message = refusal(a_pod(spec={"runtimeClassName": runtime_class}))
    assert f'runtime class "{runtime_class}"' in message
    assert "use oc exec" in message


def test_sandboxed_runtimes_are_refused_by_handler() -> None:
    """A class may have any name; its handler tells."""
    with pytest.raises(TargetError) as refused:
        refuse_sandbox("p", "secure", "kata-remote")
    assert 'runtime class "secure" (kata-remote)' in refused.value.message


def test_the_high_performance_class_is_entered() -> None:
    """The runtime class of a PerformanceProfile is the one that matters most."""
    target = resolve(a_pod(spec={"runtimeClassName": "performance-rt"}), None)
    refuse_sandbox(target.pod, target.runtime_class, "high-performance")
    assert target.runtime_class == "performance-rt"


def test_pods_for_windows_are_refused() -> None:
    """spec.os says so before any node is known."""
    assert "Windows" in refusal(a_pod(spec={"os": {"name": "windows"}}))
    assert resolve(a_pod(spec={"os": {"name": "linux"}}), None).pod == "p"


@pytest.mark.parametrize("field", ["hostPID", "shareProcessNamespace"])
def test_a_shared_process_namespace_is_noted(field: str) -> None:
    """There the container's init is not process 1 of its namespace, and must be found by age."""
    assert resolve(a_pod(spec={field: True}), None).shares_host_pid


def test_a_static_pod_is_found_by_the_uid_that_its_kubelet_uses() -> None:
    """The API has a mirror pod with another UID than the static pod's, which names the cgroup."""
    mirror = {"kubernetes.io/config.mirror": "5f3e", "kubernetes.io/config.hash": "5f3e" * 8}
    target = resolve(a_pod(metadata={"annotations": mirror}), None)
    assert (target.cgroup_uid, target.pod_uid) == ("5f3e" * 8, "11111111-2222-3333-4444-555555555555")


def test_the_hash_alone_does_not_make_a_static_pod() -> None:
    """Anybody may annotate an ordinary pod; only the kubelet makes mirror pods."""
    target = resolve(a_pod(metadata={"annotations": {"kubernetes.io/config.hash": "beef"}}), None)
    assert target.cgroup_uid == target.pod_uid


@pytest.mark.parametrize(
    ("security", "groups"),
    [
        (None, ()),
        ({}, ()),
        ({"fsGroup": 0}, (0,)),
        ({"fsGroup": 3000, "supplementalGroups": [5000, 4000, 3000]}, (3000, 4000, 5000)),
        ({"supplementalGroups": None, "runAsGroup": 7}, ()),
    ],
)
def test_groups_of_the_pod(security: dict[str, Any] | None, groups: tuple[int, ...]) -> None:
    """Those for files and the supplementary ones; the primary one is not among them."""
    assert resolve(a_pod(spec={"securityContext": security}), None).groups == groups
