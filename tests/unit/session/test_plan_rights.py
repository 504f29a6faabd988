"""A plan is made only for one who has every right that the run takes; the target's is among them."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec import node
from kubectl_nsexec.cpus.policy import Undecided
from kubectl_nsexec.cpus.profiles import ProfilesApiMissing, ProfilesForbidden, ProfilesResult
from kubectl_nsexec.errors import ApiError, NsexecError
from kubectl_nsexec.helper.config_map import HelperProgram, config_map
from kubectl_nsexec.model.cpu_choice import BY_NODE, BY_PROFILE, CpuChoice
from kubectl_nsexec.model.request import Request
from kubectl_nsexec.session import plan
from tests.unit.fakes import Answer, FakeCluster, Json, forbidden, not_found

_POD = "GET /api/v1/namespaces/default/pods/du-0"
_NODE = "GET /api/v1/nodes/n"
_PROFILES = "GET /apis/performance.openshift.io/v2/performanceprofiles"
_PROGRAM = "GET /api/v1/namespaces/nsexec/configmaps/*"
_DISCOVERY = "GET /apis/performance.openshift.io"

_ANSWERS: dict[str, Answer] = {
    _POD: {
        "metadata": {"name": "du-0", "namespace": "default", "uid": "u-1"},
        "spec": {"nodeName": "n", "containers": [{"name": "main", "image": "i"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": "main", "state": {"running": {}}, "containerID": "cri-o://c"}],
        },
    },
    _NODE: {
        "metadata": {"name": "n", "labels": {"pool": "rt"}},
        "status": {"nodeInfo": {"architecture": "amd64"}, "conditions": [{"type": "Ready", "status": "True"}]},
    },
    _PROFILES: {
        "items": [
            {
                "metadata": {"name": "rt"},
                "spec": {"nodeSelector": {"pool": "rt"}, "cpu": {"reserved": "0-1", "isolated": "2-3"}},
            }
        ]
    },
    "GET /api/v1/nodes/n/proxy/configz": forbidden("no"),
    "POST /apis/authentication.k8s.io/v1/selfsubjectreviews": {"status": {"userInfo": {"username": "joe"}}},
    "GET /api/v1/namespaces/nsexec": {},
    _PROGRAM: config_map(HelperProgram("amd64", node.shim("amd64"), node.agent_script()), "nsexec"),
}


def cluster(*missing: tuple[str, str, str], **more: Answer) -> FakeCluster:
    """One on which joe has every right but ``missing``: (verb, RESOURCE[/SUBRESOURCE], namespace)."""

    def review(body: Json | None) -> Json:
        assert body is not None
        asked: dict[str, Any] = body["spec"]["resourceAttributes"]
        resource = "/".join(part for part in (asked["resource"], asked.get("subresource")) if part)
        return {"status": {"allowed": (asked["verb"], resource, asked.get("namespace", "")) not in missing}}

    reviews = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    return FakeCluster({**_ANSWERS, reviews: review, **more})


def refused(fake: FakeCluster, **request: Any) -> NsexecError:  # noqa: ANN401 - any field
    """The error of planning a run."""
    with pytest.raises(NsexecError) as raised:
        plan.make(Request(pod="du-0", command=(b"id",), **request), fake)
    return raised.value


def test_the_helper_says_for_whom_it_is() -> None:
    """The user's name as the API server has it."""
    made = plan.make(Request(pod="du-0", command=(b"id",)), cluster())
    assert made.helper.annotations["nsexec.io/user"] == "joe"
    assert made.audit == made.helper.annotations


def test_who_may_not_exec_into_the_target_is_refused() -> None:
    """In the words that kubectl exec would have shown, though the helper's namespace would let them."""
    error = refused(cluster(("create", "pods/exec", "default")))
    assert error.rendered().splitlines()[0] == (
        'Error from server (Forbidden): pods "du-0" is forbidden: User "joe" cannot create resource "pods/exec" '
        'in API group "" in the namespace "default"'
    )


@pytest.mark.parametrize(("there", "refuses"), [(True, False), (False, True)])
def test_the_right_to_make_the_program_is_wanted_only_where_it_is_missing(there: bool, refuses: bool) -> None:  # noqa: FBT001
    """An administrator may have made it, and grants no more than to read it."""
    more: dict[str, Answer] = {} if there else {_PROGRAM: not_found("configmap")}
    fake = cluster(("create", "configmaps", "nsexec"), **more)
    if not refuses:
        assert plan.make(Request(pod="du-0", command=(b"id",)), fake).program_is_there
        return
    assert "\n  create  configmaps  namespace nsexec\n" in refused(fake).message


def test_a_program_that_may_not_be_read_is_told_with_all_the_rest() -> None:
    """Not as the server's 403 alone; nor is the next thing that would be missing found out only then."""
    lacks = [(verb, "configmaps", "nsexec") for verb in ("create", "get")]
    fake = cluster(*lacks, ("delete", "pods", "nsexec"), **{_PROGRAM: forbidden("no")})
    assert refused(fake).message.splitlines()[1:4] == [
        "nothing was created, for want of these rights:",
        "  create,get  configmaps  namespace nsexec",
        "  delete      pods        namespace nsexec",
    ]


def test_another_program_of_that_name_is_refused_before_anything_is_created() -> None:
    """By name, and what to do."""
    error = refused(cluster(**{_PROGRAM: config_map(HelperProgram("amd64", b"evil", "evil"), "nsexec")}))
    assert "has other content, so nothing of it is run" in error.message


def test_a_dry_run_takes_no_rights() -> None:
    """It creates nothing, and shows to an administrator what others would need."""
    plan.make(Request(pod="du-0", command=(b"id",), dry_run=True), cluster(("create", "pods/exec", "default")))


def test_a_node_that_may_not_be_read_is_told_with_all_the_rest() -> None:
    """The server's own words for what it refused, then everything."""
    fake = cluster(
        ("get", "nodes", ""), ("create", "pods/exec", "default"), **{_NODE: forbidden('nodes "n" is forbidden: no')}
    )
    assert refused(fake).rendered().splitlines()[:4] == [
        'Error from server (Forbidden): nodes "n" is forbidden: no',
        "nothing was created, for want of these rights:",
        "  create  pods/exec  namespace default",
        "  get     nodes      the cluster",
    ]


_NO_PROFILES = ("list", "performanceprofiles", "")


def test_profiles_that_may_not_be_listed_leave_it_to_the_node() -> None:
    """Its own files may say which CPUs are reserved: the helper starts without, and asks."""
    answers: dict[str, Answer] = {_PROFILES: forbidden("no"), _DISCOVERY: {"kind": "APIGroup"}}
    fake = cluster(_NO_PROFILES, **answers)
    made = plan.make(Request(pod="du-0", command=(b"id",)), fake)
    assert "ask" in made.helper.command


@pytest.mark.parametrize(
    ("discovery", "believed"),
    [
        ({"kind": "APIGroup"}, ProfilesForbidden("no")),
        (not_found("performance.openshift.io"), ProfilesApiMissing()),
        (forbidden("not even that"), ProfilesForbidden("no")),
    ],
)
def test_a_refusal_is_believed_only_of_an_api_that_there_is(discovery: Answer, believed: ProfilesResult) -> None:
    """RBAC answers 403 for kinds that do not exist: plain Kubernetes has no profile that could be hidden."""
    fake = cluster(_NO_PROFILES, **{_PROFILES: forbidden("no"), _DISCOVERY: discovery})
    policy = plan.make(Request(pod="du-0", command=(b"id",)), fake).policy
    assert isinstance(policy, Undecided)
    assert policy.profiles == believed


def test_a_server_that_answers_costs_no_question_more() -> None:
    """Discovery is asked after a refusal only."""
    fake = cluster()
    plan.make(Request(pod="du-0", command=(b"id",)), fake)
    assert _DISCOVERY not in fake.calls


def test_discovery_that_fails_is_the_servers_error() -> None:
    """What cannot be asked is not guessed."""
    broken = ApiError("etcd is away", status=500)
    fake = cluster(_NO_PROFILES, **{_PROFILES: forbidden("no"), _DISCOVERY: broken})
    assert refused(fake).message.startswith("etcd is away")


def test_profiles_that_are_insisted_on_are_told_with_all_the_rest() -> None:
    """The CPUs stay unknown, and the way out without the right is in the error, too."""
    answers: dict[str, Answer] = {_PROFILES: forbidden("profiles: no"), _DISCOVERY: {"kind": "APIGroup"}}
    fake = cluster(_NO_PROFILES, **answers)
    message = refused(fake, cpus=CpuChoice(source=BY_PROFILE)).message
    assert "name the CPUs with --cpus LIST" in message
    assert "\n  list  performanceprofiles.performance.openshift.io  the cluster\n" in message


def test_profiles_that_are_not_asked_for_take_no_right() -> None:
    """--cpu-source node and --cpus need none; the fake refuses every call that is not foreseen."""
    no_profiles: dict[str, Answer] = {key: value for key, value in _ANSWERS.items() if key != _PROFILES}
    for choice in (CpuChoice(source=BY_NODE), CpuChoice("0")):
        fake = cluster(_NO_PROFILES)
        fake._answers = {**no_profiles, **{key: fake._answers[key] for key in fake._answers if "access" in key}}
        plan.make(Request(pod="du-0", command=(b"id",), cpus=choice), fake)


def test_a_pod_that_is_not_there_is_no_question_of_rights() -> None:
    """The server's answer, as kubectl shows it, and below it where that was: most often it is another namespace."""
    error = refused(cluster(("delete", "pods", "nsexec"), **{_POD: not_found('pods "du-0"')}))
    assert isinstance(error, ApiError)
    assert error.rendered().splitlines() == [
        'Error from server (NotFound): pods "du-0" not found',
        'it was looked for in the namespace "default"',
    ]
