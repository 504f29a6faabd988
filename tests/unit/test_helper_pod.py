"""The helper pod: what it asks of the node, and that it is gone on every way out."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.deadline import Deadline
from kubectl_nsexec.errors import ApiError, HelperPodError
from kubectl_nsexec.helper_manifest import HelperSpec, literally, manifest, namespace_manifest
from kubectl_nsexec.helper_pod import HelperImageError, running
from kubectl_nsexec.interrupts import Interrupts, SignalReceived
from tests.unit.fakes import Answer, FakeCluster, Json, forbidden, not_found

if TYPE_CHECKING:
    from collections.abc import Iterator

PODS = "/api/v1/namespaces/nsexec/pods"
ACCOUNTS = "/api/v1/namespaces/nsexec/serviceaccounts"
EVENTS = "/api/v1/namespaces/nsexec/events"
ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def spec(**changed: Any) -> HelperSpec:  # noqa: ANN401 - any field
    """A helper for node n."""
    fields: dict[str, Any] = {
        "name": "nsexec-a",
        "namespace": "nsexec",
        "node": "n",
        "architecture": "amd64",
        "image": "registry.example/du:1",
        "agent": "AGENT",
        "command": ("/usr/bin/sh", "-c", "x"),
        "node_tools": True,
        "annotations": {},
    }
    return HelperSpec(**(fields | changed))


def pod(qos: str = "BestEffort", **status: Any) -> Json:  # noqa: ANN401 - any field
    """The pod as the API server shows it."""
    return {
        "metadata": {"name": "nsexec-a", "namespace": "nsexec", "resourceVersion": "7"},
        "spec": {"nodeName": "n"},
        "status": {"qosClass": qos, **status},
    }


RUNNING: dict[str, Any] = {"containerStatuses": [{"state": {"running": {}}}]}


def waiting(reason: str) -> dict[str, Any]:
    """A container that does not start."""
    return {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": "why"}}}]}


def cluster(
    *watched: Json, create: Answer | None = None, delete: Answer | None = None, allowed: bool = True
) -> FakeCluster:
    """A cluster that accepts the pod, shows it as ``watched`` one after the other, and deletes it."""
    return FakeCluster(
        {
            f"POST {PODS}": create or pod(),
            f"DELETE {PODS}/nsexec-a": delete or {},
            "POST /api/v1/namespaces": {},
            "GET /api/v1/namespaces/nsexec": not_found("nsexec"),
            f"POST {ACCESS}": {"status": {"allowed": allowed}},
            f"POST {WHO}": {"status": {"userInfo": {"username": "joe"}}},
            f"GET {EVENTS}": {"items": [{"reason": "FailedMount", "message": "no such folder"}]},
        },
        {PODS: [{"type": "MODIFIED", "object": seen} for seen in watched], ACCOUNTS: [{}]},
    )


def run(fake: FakeCluster, seconds: float = 5) -> Json:
    """Enters and leaves the helper's context."""
    with running(fake, spec(), Deadline.after(seconds), Interrupts()) as shown:
        return shown


DELETED = f"DELETE {PODS}/nsexec-a"


def test_the_pod_needs_no_image_of_its_own_and_tolerates_everything() -> None:
    """The target's image, the node's tools over it, no account token, gone at once when deleted."""
    made = manifest(spec())["spec"]
    container = made["containers"][0]
    assert container["image"] == "registry.example/du:1"
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]} == {
        "/host": False,
        "/nsexec": False,
        "/usr": True,
        "/lib": True,
        "/lib64": True,
    }
    assert all(volume["hostPath"]["type"] == "Directory" for volume in made["volumes"] if "hostPath" in volume)
    assert {"name": "LD_PRELOAD", "value": ""} in container["env"]
    assert container["securityContext"] == {"privileged": True, "runAsUser": 0, "runAsNonRoot": False}
    assert made["tolerations"] == [{"operator": "Exists"}]
    assert made["automountServiceAccountToken"] is False
    assert made["terminationGracePeriodSeconds"] == 0
    assert (container["stdin"], container["stdinOnce"]) == (True, True)
    assert "resources" not in container


@pytest.mark.parametrize(
    ("text", "value"),
    [("$NAME ${x}", "$NAME ${x}"), ("$$ $$$", "$$$$ $$$$$$"), ("$(date) $$(x", "$$(date) $$$$(x"), ("end$", "end$")],
)
def test_the_agents_dollars_survive_the_kubelet(text: str, value: str) -> None:
    """The kubelet turns $$ into $ and expands $(NAME) in what a pod gives as env: both are doubled for it."""
    assert literally(text) == value


def test_an_image_of_ones_own_brings_its_own_tools() -> None:
    """With --image nothing of the node lies over the image."""
    made = manifest(spec(node_tools=False))["spec"]["containers"][0]
    assert [mount["mountPath"] for mount in made["volumeMounts"]] == ["/host", "/nsexec"]


@pytest.mark.parametrize(("architecture", "has_lib64"), [("amd64", True), ("ppc64le", True), ("arm64", False)])
def test_lib64_is_mounted_where_the_loader_lives_there(architecture: str, has_lib64: bool) -> None:  # noqa: FBT001
    """A missing folder would be an error, so it is asked for only where the loader's path begins with it."""
    mounts = manifest(spec(architecture=architecture))["spec"]["containers"][0]["volumeMounts"]
    assert ("/lib64" in [mount["mountPath"] for mount in mounts]) is has_lib64


def test_the_namespace_allows_privileged_and_management_pods() -> None:
    """Pod Security, the SCC label syncer, node selectors and workload partitioning are all answered for."""
    metadata = namespace_manifest("nsexec")["metadata"]
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert metadata["labels"]["security.openshift.io/scc.podSecurityLabelSync"] == "false"
    assert metadata["annotations"] == {"openshift.io/node-selector": "", "workload.openshift.io/allowed": "management"}


def test_it_is_yielded_when_it_runs_and_deleted_afterwards() -> None:
    """Created, watched, deleted: no polling in between."""
    fake = cluster(pod(**waiting("ContainerCreating")), pod(**RUNNING))
    assert run(fake)["status"]["containerStatuses"]
    assert fake.calls == [f"POST {PODS}", f"WATCH {PODS}", DELETED]


def test_a_missing_namespace_is_created_first() -> None:
    """The namespace, then its service account, then the pod again."""
    answers: Iterator[Json | ApiError] = iter([not_found('namespaces "nsexec"'), pod()])

    def create(_: Json | None) -> Json:
        answer = next(answers)
        if isinstance(answer, ApiError):
            raise answer
        return answer

    fake = cluster(pod(**RUNNING), create=create)
    run(fake)
    calls = [call for call in fake.calls if call not in (f"POST {ACCESS}", f"POST {WHO}")]
    assert calls[:4] == [f"POST {PODS}", "POST /api/v1/namespaces", f"WATCH {ACCOUNTS}", f"POST {PODS}"]


def test_no_namespace_is_created_by_one_who_could_not_go_on_in_it() -> None:
    """The rights to make it and to wait for its service account are asked for first."""
    fake = cluster(create=not_found('namespaces "nsexec"'), allowed=False)
    with pytest.raises(ApiError, match=r"create  namespaces +the cluster[\s\S]+kubectl create namespace nsexec"):
        run(fake)
    assert "POST /api/v1/namespaces" not in fake.calls


def test_a_pod_that_admission_refuses_is_answered_by_what_would_let_it_in() -> None:
    """Security context constraints, on OpenShift."""
    fake = cluster(create=forbidden("unable to validate against any security context constraint: []"))
    with pytest.raises(ApiError) as refused:
        run(fake)
    assert "--clusterrole=system:openshift:scc:privileged --user=joe" in refused.value.message


def test_a_refused_pod_leaves_nothing_to_delete() -> None:
    """The server's 403 is the error, and no second request hides it."""
    fake = cluster(create=forbidden('pods is forbidden: User "u" cannot create'))
    with pytest.raises(ApiError) as refused:
        run(fake)
    assert refused.value.rendered() == 'Error from server (Forbidden): pods is forbidden: User "u" cannot create'
    assert fake.calls == [f"POST {PODS}"]


def test_an_unanswered_creation_is_deleted_all_the_same() -> None:
    """No answer does not mean that nothing was created."""
    fake = cluster(create=ApiError("timed out"))
    with pytest.raises(ApiError):
        run(fake)
    assert fake.calls[-1] == DELETED


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_creation_that_a_broken_server_answered_is_deleted_all_the_same(status: int) -> None:
    """It may have been carried out before that was said."""
    fake = cluster(create=ApiError("broken", status=status))
    with pytest.raises(ApiError, match="broken"):
        run(fake)
    assert fake.calls[-1] == DELETED


EXISTS = ApiError('pods "nsexec-a" already exists', reason="AlreadyExists", status=409)


def test_a_pod_that_an_earlier_attempt_has_created_is_ones_own() -> None:
    """Its command is: no other run's pod has it. It is used and deleted as any other."""
    own = {**manifest(spec()), **pod(**RUNNING), "spec": {**manifest(spec())["spec"], "nodeName": "n"}}
    fake = cluster(own, create=EXISTS)
    run(fake)
    assert fake.calls == [f"POST {PODS}", f"WATCH {PODS}", DELETED]


@pytest.mark.parametrize("error", [ApiError("broken", status=503), ApiError("cut")], ids=["503", "no answer"])
@pytest.mark.parametrize(("command", "deleted"), [(spec().command, True), (("other",), False), (None, False)])
def test_of_a_kept_helper_whose_creation_is_uncertain_only_ones_own_is_deleted(
    error: ApiError, command: tuple[str, ...] | None, *, deleted: bool
) -> None:
    """Another client of the same user may have made it meanwhile; its command tells them apart, its uid is hit."""
    shown = {**pod(**RUNNING), "spec": {"nodeName": "n", "containers": [{"command": list(command or ())}]}}
    shown["metadata"]["uid"] = "u1"
    fake = cluster(*([shown] if command else []), create=error)
    with (
        pytest.raises(ApiError, match=error.message),
        running(fake, spec(keeper="joe"), Deadline.after(5), Interrupts()),
    ):
        pytest.fail("the pod was used")
    assert (DELETED in fake.calls) is deleted
    if deleted:
        assert fake.bodies[-1]
        assert fake.bodies[-1]["preconditions"] == {"uid": "u1"}


def test_a_strangers_pod_of_that_name_is_neither_used_nor_deleted() -> None:
    """The server's word is the error."""
    other = {**pod(**RUNNING), "spec": {"nodeName": "n", "containers": [{"command": ["other"]}]}}
    fake = cluster(other, create=EXISTS)
    with pytest.raises(ApiError, match="already exists"):
        run(fake)
    assert fake.calls == [f"POST {PODS}", f"WATCH {PODS}"]


def test_a_helper_that_became_guaranteed_is_not_used() -> None:
    """A LimitRange gave it whole CPUs: it goes before it runs, and the error names the way."""
    fake = cluster(create=pod(qos="Guaranteed"))
    with pytest.raises(HelperPodError, match="Guaranteed instead of BestEffort.*webhook or policy.*--via ssh"):
        run(fake)
    assert fake.calls == [f"POST {PODS}", DELETED]


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"])
def test_an_unusable_image_is_told_apart(reason: str) -> None:
    """Another image may do, so this failure has a name of its own."""
    fake = cluster(pod(**waiting(reason)))
    with pytest.raises(HelperImageError, match=f"{reason}: why"):
        run(fake)
    assert fake.calls[-1] == DELETED


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (waiting("CreateContainerError"), "CreateContainerError: why"),
        ({"phase": "Failed", "reason": "NodeAffinity", "message": "does not fit"}, "NodeAffinity: does not fit"),
        ({"phase": "Failed", "reason": "OutOfpods"}, "OutOfpods"),
        (
            {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"reason": "Error", "exitCode": 125}}}]},
            "Error: exit code 125",
        ),
    ],
)
def test_a_pod_that_will_never_run_fails_at_once(status: dict[str, Any], words: str) -> None:
    """The node's own reason, not a time-out."""
    fake = cluster(pod(**status))
    with pytest.raises(HelperPodError, match=words):
        run(fake)
    assert fake.calls[-1] == DELETED


def test_a_pod_that_does_not_start_in_time_shows_its_last_event() -> None:
    """The wait is bounded, and the event says what it waited for."""
    taken_up = pod(startTime="2026-01-01T00:00:00Z")
    with pytest.raises(HelperPodError, match="FailedMount: no such folder; give it longer by --timeout") as raised:
        run(cluster(create=taken_up), seconds=0.01)
    assert "kubelet" not in raised.value.message


def test_a_pod_that_no_kubelet_takes_up_points_at_the_node() -> None:
    """The API server believes a node that has just died for most of a minute."""
    with pytest.raises(HelperPodError, match=r"node n has not even taken it up: is its kubelet alive"):
        run(cluster(), seconds=0.01)


def test_a_failed_deletion_names_what_stays() -> None:
    """The error says how to delete it by hand, and that it ends by itself."""
    fake = cluster(pod(**RUNNING), delete=forbidden("no"))
    with pytest.raises(HelperPodError, match="kubectl delete pod nsexec-a -n nsexec"):
        run(fake)


def test_a_failed_deletion_does_not_hide_the_first_error() -> None:
    """Both are told, the first one first."""
    fake = cluster(pod(**waiting("CreateContainerError")), delete=forbidden("no"))
    with pytest.raises(HelperPodError) as failed:
        run(fake)
    first, second = failed.value.message.splitlines()
    assert "CreateContainerError" in first
    assert "kubectl delete pod nsexec-a" in second


def test_a_signal_during_creation_waits_for_the_answer_and_deletes_the_pod() -> None:
    """SIGINT between the request and its answer cannot leave the pod behind."""
    interrupts = Interrupts()

    def create(_: Json | None) -> Json:
        os.kill(os.getpid(), signal.SIGINT)
        return pod()

    fake = cluster(pod(**RUNNING), create=create)
    with (
        interrupts.as_exceptions(),
        pytest.raises(SignalReceived),
        running(fake, spec(), Deadline.after(5), interrupts),
    ):
        pytest.fail("the pod was used")
    assert fake.calls == [f"POST {PODS}", DELETED]


def test_a_second_signal_does_not_cut_the_clean_up_short() -> None:
    """An impatient second Ctrl-C finds the deletion under way and is dropped."""
    interrupts = Interrupts()

    def delete(_: Json | None) -> Json:
        os.kill(os.getpid(), signal.SIGINT)
        return {}

    fake = cluster(pod(**RUNNING), delete=delete)
    with (
        interrupts.as_exceptions(),
        pytest.raises(SignalReceived),
        running(fake, spec(), Deadline.after(5), interrupts),
    ):
        os.kill(os.getpid(), signal.SIGINT)
    assert fake.calls[-1] == DELETED
