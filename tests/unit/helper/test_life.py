"""The helper pod: what it asks of the node, and that it is gone on every way out."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.errors import ApiError, HelperPodError
from kubectl_nsexec.helper.config_map import HelperProgram, config_map
from kubectl_nsexec.helper.life import HelperImageError, running
from kubectl_nsexec.helper.manifest import HelperSpec, entrance, manifest, namespace_manifest, new_folder
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.ui.interrupts import Interrupts, SignalReceived
from tests.unit.fakes import Answer, FakeCluster, Json, forbidden, not_found

if TYPE_CHECKING:
    from collections.abc import Iterator

PODS = "/api/v1/namespaces/nsexec/pods"
ACCOUNTS = "/api/v1/namespaces/nsexec/serviceaccounts"
EVENTS = "/api/v1/namespaces/nsexec/events"
ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


PROGRAM = HelperProgram("amd64", b"\x7fELF", "AGENT")
PROGRAMS = "/api/v1/namespaces/nsexec/configmaps"


def spec(**changed: Any) -> HelperSpec:  # noqa: ANN401 - any field
    """A helper for node n."""
    fields: dict[str, Any] = {
        "name": "nsexec-a",
        "namespace": "nsexec",
        "node": "n",
        "architecture": "amd64",
        "image": "registry.example/du:1",
        "program": PROGRAM,
        "command": ("hold", "nonce"),
        "node_tools": True,
        "annotations": {},
        "folder": "/nsexec-r",
    }
    return HelperSpec(**(fields | changed))


def pod(qos: str = "BestEffort", **status: Any) -> Json:  # noqa: ANN401 - any field
    """The pod as the API server shows it."""
    return {
        "metadata": {"name": "nsexec-a", "namespace": "nsexec", "resourceVersion": "7", "uid": "u-7"},
        "spec": {"nodeName": "n"},
        "status": {"qosClass": qos, **status},
    }


RUNNING: dict[str, Any] = {"containerStatuses": [{"state": {"running": {}}}]}


def waiting(reason: str) -> dict[str, Any]:
    """A container that does not start."""
    return {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": "why"}}}]}


def ended(terminated: Json) -> dict[str, Any]:
    """A container that has ended."""
    return {"phase": "Failed", "containerStatuses": [{"state": {"terminated": terminated}}]}


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
            f"GET {PROGRAMS}/*": config_map(PROGRAM, "nsexec"),
            f"GET {EVENTS}": {"items": [{"reason": "FailedMount", "message": "no such folder"}]},
        },
        {PODS: [{"type": "MODIFIED", "object": seen} for seen in watched], ACCOUNTS: [{}]},
    )


def run(fake: FakeCluster, seconds: float = 5) -> Json:
    """Enters and leaves the helper's context."""
    with running(fake, spec(), Deadline.after(seconds), Interrupts()) as shown:
        return shown


DELETED = f"DELETE {PODS}/nsexec-a"


def test_nothing_of_the_image_runs_in_the_pod() -> None:
    """The shim is the first process, from a ConfigMap; all that is mounted is below the run's own path."""
    made = manifest(spec())["spec"]
    container = made["containers"][0]
    assert container["image"] == "registry.example/du:1"
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["command"] == [
        *("/nsexec-r/program/shim", "init", "/nsexec-r", "node", "$(NSEXEC_POD_UID)"),
        *("hold", "nonce"),
    ]
    assert {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]} == {
        "node": "/nsexec-r/node",
        "program": "/nsexec-r/program",
        "run": "/nsexec-r/run",
    }
    volumes = {volume.pop("name"): volume for volume in made["volumes"]}
    assert volumes == {
        "node": {"hostPath": {"path": "/", "type": "Directory"}},
        "program": {
            "configMap": {
                "name": PROGRAM.name,
                "defaultMode": 0o555,
                "items": [
                    {"key": "shim", "path": "shim"},
                    {"key": "shim", "path": "env"},
                    {"key": "agent.sh", "path": "agent.sh"},
                ],
            }
        },
        "run": {"emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
    }
    assert container["securityContext"] == {
        "privileged": True,
        "runAsUser": 0,
        "runAsGroup": 0,
        "runAsNonRoot": False,
    }


def test_a_webhook_that_puts_env_before_an_exec_finds_no_program_of_the_image() -> None:
    """Its PATH has one folder, random for each pod, where that name is the shim's."""
    container = manifest(spec())["spec"]["containers"][0]
    assert [variable for variable in container["env"] if "value" in variable] == [
        {"name": "PATH", "value": "/nsexec-r/program"},
        # Whatever the image says of these, it is not the API server's or the operator's word.
        {"name": "KUBERNETES_EXEC_AUDIT_ID", "value": ""},
        {"name": "SPO_EXEC_REQUEST_UID", "value": ""},
    ]


def test_the_pod_tolerates_everything_and_is_gone_at_once() -> None:
    """No account token, no resources, no grace."""
    made = manifest(spec())["spec"]
    container = made["containers"][0]
    assert made["tolerations"] == [{"operator": "Exists"}]
    assert made["automountServiceAccountToken"] is False
    assert made["terminationGracePeriodSeconds"] == 0
    assert (container["stdin"], container["stdinOnce"]) == (True, True)
    assert "resources" not in container


def test_no_image_can_know_where_the_mounts_will_be() -> None:
    """A runtime mounts the volumes that an image declares, also below a mount of the pod's."""
    folders = {new_folder() for _ in range(100)}
    assert len(folders) == 100
    assert all(len(folder) > len("/nsexec-") + 10 and folder.count("/") == 1 for folder in folders)


def test_an_image_of_ones_own_brings_its_own_tools() -> None:
    """With --image the shim leaves that image's root as it is."""
    assert manifest(spec(node_tools=False))["spec"]["containers"][0]["command"][3] == "image"


def test_an_exec_begins_as_the_main_process_does() -> None:
    """By the pod's own shim and folder, and with its UID, which the kubelet puts into the main process's words only."""
    made = manifest(spec())
    made["metadata"]["uid"] = "u-7"
    assert entrance(made) == ["/nsexec-r/program/shim", "init", "/nsexec-r", "node", "u-7"]


def test_a_helper_of_another_version_is_not_entered() -> None:
    """Its words are not ours."""
    made = manifest(spec())
    made["spec"]["containers"][0]["command"] = ["/usr/bin/sh", "-c", "x"]
    with pytest.raises(HelperPodError, match='"nsexec-a" is of another version'):
        entrance(made)


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
@pytest.mark.parametrize(("folder", "deleted"), [(spec().folder, True), ("/nsexec-other", False), (None, False)])
def test_of_a_kept_helper_whose_creation_is_uncertain_only_ones_own_is_deleted(
    error: ApiError, folder: str | None, *, deleted: bool
) -> None:
    """Another client of the same user may have made it meanwhile; its command tells them apart, its uid is hit."""
    shown = {**pod(**RUNNING), "spec": {**manifest(spec(folder=folder or ""))["spec"], "nodeName": "n"}}
    shown["metadata"]["uid"] = "u1"
    fake = cluster(*([shown] if folder else []), create=error)
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


@pytest.mark.parametrize(
    "status",
    [
        *map(waiting, ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"]),
        waiting("CreateContainerError"),
        ended({"reason": "StartError", "exitCode": 128, "message": "why"}),
    ],
)
def test_an_unusable_image_is_told_apart(status: dict[str, Any]) -> None:
    """Another image may do, also where this one declares what the runtime cannot mount: a failure with its own name."""
    fake = cluster(pod(**status))
    with pytest.raises(HelperImageError, match="why"):
        run(fake)
    assert fake.calls[-1] == DELETED


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (waiting("CreateContainerError"), "CreateContainerError: why"),
        ({"phase": "Failed", "reason": "NodeAffinity", "message": "does not fit"}, "NodeAffinity: does not fit"),
        ({"phase": "Failed", "reason": "OutOfpods"}, "OutOfpods"),
        (ended({"reason": "Error", "exitCode": 125}), "Error: exit code 125"),
        (ended({"reason": "StartError", "exitCode": 128, "message": "no such file"}), "exit code 128: no such file"),
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


def test_a_program_that_was_deleted_while_the_pod_starts_is_made_again() -> None:
    """By somebody's --cleanup, between our look and the pod: the kubelet tries to mount it until it is there."""
    asked: Iterator[Json | ApiError] = iter([not_found("configmap"), config_map(PROGRAM, "nsexec")])
    watched: list[list[Json]] = [[], [{"type": "MODIFIED", "object": pod(**RUNNING)}]]

    def look(_: Json | None) -> Json:
        answer = next(asked)
        if isinstance(answer, ApiError):
            raise answer
        return answer

    fake = cluster()
    fake.answer(f"GET {PROGRAMS}/*", look)
    fake.answer(f"POST {PROGRAMS}", {})
    fake.watch_in_turn(PODS, watched)
    run(fake)
    assert fake.calls == [
        f"POST {PODS}",
        f"WATCH {PODS}",
        f"GET {PROGRAMS}/{PROGRAM.name}",
        f"POST {PROGRAMS}",
        f"WATCH {PODS}",
        DELETED,
    ]
    assert config_map(PROGRAM, "nsexec") in fake.bodies


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
