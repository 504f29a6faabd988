"""The rights are asked for at once, and all that is missing is named together with what grants it."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.errors import ApiError, CpuPolicyError
from kubectl_nsexec.helper import rbac
from kubectl_nsexec.helper.preflight import Preflight
from kubectl_nsexec.helper.rbac import Right
from tests.unit.fakes import Answer, FakeCluster, Json, forbidden, not_found

_ACCESS = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_WHO = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews"
_JOE: Json = {"status": {"userInfo": {"username": "joe"}}}
_NAMESPACE = "GET /api/v1/namespaces/nsexec"


def cluster(*missing: tuple[str, str], who: Answer | None = None, **more: Answer) -> FakeCluster:
    """One on which the user joe has every right but ``missing``: (verb, RESOURCE[/SUBRESOURCE])."""

    def review(body: Json | None) -> Json:
        assert body is not None
        asked = body["spec"]["resourceAttributes"]
        resource = "/".join(part for part in (asked["resource"], asked.get("subresource")) if part)
        return {"status": {"allowed": (asked["verb"], resource) not in missing}}

    return FakeCluster({_ACCESS: review, _WHO: who or _JOE, _NAMESPACE: {}, **more})


def asked(fake: FakeCluster) -> Preflight:
    """Which has asked for what a helper pod takes."""
    preflight = Preflight(fake, "nsexec")
    preflight.ask(*rbac.for_helper("nsexec"))
    return preflight


def refused(fake: FakeCluster) -> ApiError:
    """What it says when the rights are required."""
    with pytest.raises(ApiError) as raised:
        asked(fake).require()
    return raised.value


def test_who_has_all_rights_hears_nothing() -> None:
    """Each right is asked for once, and the user's name."""
    fake = cluster()
    preflight = asked(fake)
    preflight.require()
    assert preflight.user() == "joe"
    assert sorted(fake.calls) == sorted([_ACCESS] * len(rbac.for_helper("nsexec")) + [_WHO])


def test_all_that_is_missing_is_named_at_once() -> None:
    """The server's words for the first, then all, then the commands."""
    error = refused(cluster(("delete", "pods"), ("get", "pods/exec"), ("get", "pods/attach")))
    assert (error.status, error.exit_status) == (403, 1)
    assert (
        error.rendered()
        == """\
Error from server (Forbidden): \
pods is forbidden: User "joe" cannot delete resource "pods" in API group "" in the namespace "nsexec"
nothing was created, for want of these rights:
  delete  pods         namespace nsexec
  get     pods/attach  namespace nsexec
  get     pods/exec    namespace nsexec
which an administrator grants by (or for a team at once by deploy/ of this project)
  kubectl create role nsexec-delete-pods -n nsexec --verb=delete --resource=pods && \
kubectl create rolebinding nsexec-delete-pods-joe -n nsexec --role=nsexec-delete-pods --user=joe
  kubectl create role nsexec-get-pods-attach-pods-exec -n nsexec --verb=get --resource=pods/attach,pods/exec && \
kubectl create rolebinding nsexec-get-pods-attach-pods-exec-joe -n nsexec \
--role=nsexec-get-pods-attach-pods-exec --user=joe"""
    )


@pytest.mark.parametrize(
    ("right", "expected"),
    [(right, f"  {right.verb}  {right.resource}  namespace nsexec") for right in rbac.for_helper("nsexec")],
)
def test_each_missing_right_is_named_exactly(right: Right, expected: str) -> None:
    """One line, and only that."""
    lines = refused(cluster((right.verb, right.resource))).message.splitlines()
    assert lines[2:4] == [expected, lines[3]]
    assert lines[3].startswith("which an administrator grants")


@pytest.mark.parametrize(
    ("answer", "missing", "ending"),
    [
        (not_found('namespaces "nsexec"'), rbac.for_helper("nsexec")[:1], "allowed=management"),
        (forbidden("no"), rbac.for_helper("nsexec"), "  # unless it is there"),
    ],
)
def test_a_namespace_that_may_be_missing_is_made_first(
    answer: ApiError, missing: tuple[Right, ...], ending: str
) -> None:
    """No role can be made in one that is not there; who may not look, and has no right in it, is told both."""
    pairs = [(right.verb, right.resource) for right in missing]
    error = refused(cluster(*pairs, **{_NAMESPACE: answer}))
    command = next(line for line in error.message.splitlines() if "create namespace nsexec" in line)
    assert command.endswith(ending)
    assert "pod-security.kubernetes.io/enforce=privileged" in command
    assert "openshift.io/node-selector= " in command


def test_a_namespace_in_which_one_has_rights_is_there() -> None:
    """Also for one who may not look."""
    error = refused(cluster(("delete", "pods"), **{_NAMESPACE: forbidden("no")}))
    assert "create namespace" not in error.message


def test_who_may_not_make_the_namespace_needs_no_right_to_do_so() -> None:
    """The administrator makes it instead, so nobody is told to hand out the right to create namespaces."""
    preflight = Preflight(cluster(("create", "namespaces"), **{_NAMESPACE: not_found("it")}), "nsexec", "oc")
    preflight.ask(*rbac.for_new_namespace("nsexec"))
    with pytest.raises(ApiError) as raised:
        preflight.require()
    assert "  create  namespaces  the cluster" in raised.value.message
    assert "oc create namespace nsexec && oc label namespace nsexec" in raised.value.message
    assert "clusterrole" not in raised.value.message


def test_a_server_that_does_not_tell_who_one_is_leaves_the_name_open() -> None:
    """Before Kubernetes 1.28 there is no SelfSubjectReview of v1."""
    error = refused(cluster(("delete", "pods"), who=not_found("the server could not find the requested resource")))
    assert 'User "USER" cannot delete' in error.message
    assert "--user=USER" in error.message


def test_rights_that_cannot_be_asked_for_are_not_taken_for_granted() -> None:
    """A cluster without system:basic-user: the server's words, no run."""
    fake = FakeCluster({_ACCESS: forbidden("selfsubjectaccessreviews is forbidden"), _WHO: _JOE})
    assert refused(fake).message == "selfsubjectaccessreviews is forbidden"


@pytest.mark.parametrize("kind", [ApiError, CpuPolicyError])
def test_a_403_of_a_request_is_followed_by_all_that_is_missing(kind: type[Any]) -> None:
    """Also where it is only the cause of the error."""
    error: Any = forbidden("nodes is forbidden")
    if kind is CpuPolicyError:
        outer = CpuPolicyError("doubt")
        outer.__cause__ = error
        error = outer
    asked(cluster(("get", "nodes"), ("delete", "pods"))).explain(error, [Right("get", "nodes")])
    assert "  delete  pods   namespace nsexec\n  get     nodes  the cluster\n" in error.message


@pytest.mark.parametrize(
    ("error", "missing"),
    [(not_found("pods"), [("delete", "pods")]), (forbidden("quota exceeded"), [])],
)
def test_other_errors_stay_as_they_are(error: ApiError, missing: list[tuple[str, str]]) -> None:
    """What is no 403, and a 403 that is not about rights."""
    words = error.message
    asked(cluster(*missing)).explain(error, [])
    assert error.message == words


@pytest.mark.parametrize(
    ("refusal", "grant"),
    [
        (
            "unable to validate against any security context constraint: [privileged: not usable by user]",
            "kubectl create rolebinding nsexec-scc -n nsexec --clusterrole=system:openshift:scc:privileged --user=joe",
        ),
        (
            'violates PodSecurity "baseline:latest": host namespaces',
            (
                "kubectl label namespace nsexec --overwrite app.kubernetes.io/managed-by=kubectl-nsexec "
                "pod-security.kubernetes.io/enforce=privileged"
            ),
        ),
    ],
)
def test_an_admission_plugin_that_refuses_the_pod_is_answered(refusal: str, grant: str) -> None:
    """They answer 403 too, but no role helps."""
    error = forbidden(f'pods "nsexec-a" is forbidden: {refusal}')
    Preflight(cluster(), "nsexec").explain_admission(error)
    assert f"\n  {grant}" in error.message
