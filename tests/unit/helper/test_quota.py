"""A namespace's quotas, limits and policies: where the helper runs with them, and what is said where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.errors import ApiError, HelperPodError
from kubectl_nsexec.helper import quota
from kubectl_nsexec.helper.manifest import manifest
from tests.unit.fakes import Answer, FakeCluster, Json, forbidden
from tests.unit.helper.test_life import DELETED, PODS, RUNNING, cluster, pod, run, spec

if TYPE_CHECKING:
    from collections.abc import Iterator

RANGES = "GET /api/v1/namespaces/nsexec/limitranges"
LIMIT_RANGER = {"kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu, memory limit for container nsexec"}
REQUESTS = {"requests": {"cpu": "10m", "memory": "32Mi"}}


def refused(words: str) -> ApiError:
    """The API server's 403."""
    return forbidden(f'pods "nsexec-a" is forbidden: {words}')


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ("failed quota: q: must specify requests.cpu for: nsexec", True),
        ("failed quota: q: must specify requests.cpu for: nsexec; requests.memory for: nsexec", True),
        ("failed quota: q: must specify cpu for: nsexec; memory for: nsexec", True),
        ("failed quota: q: must specify cpu,memory", True),
        ("failed quota: q: must specify limits.cpu for: nsexec", False),
        ("failed quota: q: must specify limits.cpu for: nsexec; requests.cpu for: nsexec", False),
        ("failed quota: q: must specify limits.memory for: nsexec", False),
        ("failed quota: q: must specify requests.cpu,limits.cpu", False),
        ("failed quota: q: must specify requests.ephemeral-storage for: nsexec", False),
        ("failed quota: q: must specify ", False),
        ("exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1", False),
        ("cannot create", False),
    ],
)
def test_what_a_quota_wants_is_given_where_it_is_harmless(words: str, *, runs: bool) -> None:
    """Requests are; limits are not."""
    made = quota.with_requests(manifest(spec()), refused(words))
    assert (made is not None) is runs
    if made:
        assert made["spec"]["containers"][0]["resources"] == REQUESTS
        assert "resources" not in manifest(spec())["spec"]["containers"][0]


def test_where_a_quota_wants_requests_the_helper_runs_with_some() -> None:
    """It becomes Burstable, which is given no CPUs of its own."""
    answers: Iterator[Json | ApiError] = iter(
        [refused("failed quota: q: must specify requests.cpu for: nsexec"), pod(qos="Burstable")]
    )

    def create(_: Json | None) -> Json:
        answer = next(answers)
        if isinstance(answer, ApiError):
            raise answer
        return answer

    fake = cluster(pod(**RUNNING), create=create)
    run(fake)
    assert fake.calls == [f"POST {PODS}", f"POST {PODS}", f"WATCH {PODS}", DELETED]
    first, second, *_ = fake.bodies
    assert first
    assert second
    assert "resources" not in first["spec"]["containers"][0]
    assert second["spec"]["containers"][0]["resources"] == REQUESTS


def test_a_quota_that_refuses_the_requests_too_is_told_once() -> None:
    """It is not asked for ever."""
    fake = cluster(create=refused("failed quota: q: must specify requests.cpu for: nsexec"))
    with pytest.raises(ApiError) as raised:
        run(fake)
    assert 'ResourceQuota "q"' in raised.value.message
    assert fake.calls == [f"POST {PODS}"] * 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "failed quota: compute: must specify limits.cpu for: nsexec; limits.memory for: nsexec",
            'ResourceQuota "compute" of namespace "nsexec" wants what a helper pod must not have',
        ),
        (
            "exceeded quota: pods-1, requested: pods=1, used: pods=1, limited: pods=1",
            'ResourceQuota "pods-1" of namespace "nsexec" leaves no room for a helper pod: --cleanup removes',
        ),
        (
            "minimum memory usage per Container is 16Mi.  No request is specified",
            'a LimitRange of namespace "nsexec" wants limits',
        ),
        ("maximum cpu usage per Pod is 1.  No limit is specified", "a LimitRange of namespace"),
        ("cpu max limit to request ratio per Container is 2, but no limit is specified", "a LimitRange of namespace"),
        (
            'admission webhook "validate.kyverno.svc-fail" denied the request: privileged is not allowed',
            'a policy of the cluster refuses the helper pod in namespace "nsexec"',
        ),
        ("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", "a policy of the cluster refuses"),
    ],
)
def test_a_policy_that_refuses_the_helper_is_named_with_the_ways_round_it(words: str, told: str) -> None:
    """After the server's own words."""
    fake = cluster(create=refused(words))
    with pytest.raises(ApiError) as raised:
        run(fake)
    first, second = raised.value.message.split("\n")
    assert first.endswith(words)
    assert told in second
    assert "--helper-namespace" in second
    assert "--via ssh" in second
    assert fake.calls == [f"POST {PODS}"]


def test_other_refusals_are_the_servers_words_alone() -> None:
    """Nobody guesses."""
    error = forbidden('pods is forbidden: User "u" cannot create')
    quota.explain(error, "nsexec")
    assert "\n" not in error.message


def admitted(quality: str | None, limits: Any = None, *, by_range: bool = True) -> Json:  # noqa: ANN401 - any JSON
    """The helper as the API server shows it, with limits from a LimitRange or somebody else."""
    shown = pod(quality or "")
    shown["metadata"]["annotations"] = LIMIT_RANGER if by_range else {}
    shown["spec"]["containers"] = [{"name": "nsexec", "resources": {"limits": limits}}]
    shown["status"]["qosClass"] = quality
    return shown


@pytest.mark.parametrize(
    ("quality", "limits", "good"),
    [
        ("BestEffort", None, True),
        ("Burstable", None, True),
        ("Burstable", {"memory": "64Mi"}, True),
        ("Burstable", {"cpu": "1", "memory": "64Mi"}, False),
        ("Burstable", {"cpu": "100m"}, False),
        ("Guaranteed", {"cpu": "1", "memory": "64Mi"}, False),
        ("Guaranteed", {"cpu": "100m", "memory": "64Mi"}, False),
        ("Guaranteed", None, False),
        (None, None, False),
        ("Best", None, False),
    ],
)
def test_a_helper_that_could_harm_a_workload_is_refused(
    quality: str | None, limits: Json | None, *, good: bool
) -> None:
    """A Guaranteed one may be given isolated CPUs; one at its CPU limit is stopped with the kernel's locks."""
    fake = FakeCluster({RANGES: {"items": []}})
    if good:
        quota.check_resources(fake, admitted(quality, limits))
        assert fake.calls == []
    else:
        with pytest.raises(HelperPodError, match=r'in namespace "nsexec" gives it resources: .*--via ssh'):
            quota.check_resources(fake, admitted(quality, limits))


def item(name: str, *kinds: str) -> Json:
    """A LimitRange."""
    return {"metadata": {"name": name}, "spec": {"limits": [{"type": kind} for kind in kinds]}}


@pytest.mark.parametrize(
    ("answer", "by_range", "who"),
    [
        ({"items": [item("all", "Container")]}, True, 'LimitRange "all" in'),
        (
            {"items": [item("a", "Pod"), item("b", "Container", "Pod"), item("c", "Container")]},
            True,
            'LimitRange "b" or "c" in',
        ),
        ({"items": None}, True, "a LimitRange in"),
        (forbidden("cannot list limitranges"), True, "a LimitRange in"),
        ({"items": []}, False, "a webhook or policy in"),
    ],
)
def test_who_gave_it_resources_is_named_where_that_can_be_read(answer: Answer, who: str, *, by_range: bool) -> None:
    """Who may not list LimitRanges is told that it was one."""
    with pytest.raises(HelperPodError, match=who):
        quota.check_resources(FakeCluster({RANGES: answer}), admitted("Guaranteed", by_range=by_range))
