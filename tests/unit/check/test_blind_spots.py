"""What certsuite does not see, each with its right row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.check.builders import (
    CLASS,
    CONTAINERD,
    CRI_O,
    PROFILE,
    SYS_NICE,
    Json,
    container,
    facts,
    first,
    found,
    pod,
    probe,
    rows_of,
)

if TYPE_CHECKING:
    from kubectl_nsexec.check.facts import NodeFacts

REAL_TIME = CRI_O._replace(kernel="5.14.0-570.12.1.el9_6.x86_64+rt", version=(1, 33, 5))


def test_a_fractional_sidecar_does_not_hide_the_pinned_container() -> None:
    """The pod is Guaranteed all the same, and the kubelet gives the other container its CPUs."""
    log = container("log", "500m")
    rows = rows_of(pod(container(securityContext=SYS_NICE), log, runtimeClassName=CLASS), facts(REAL_TIME))
    assert [(row.container, row.landing.words, row.severity) for row in rows] == [
        ("dpdk", "any of its exclusive CPUs", "danger"),
        ("log", "shared pool", ""),
    ]


def test_a_real_time_container_of_a_guaranteed_pod_may_have_no_exec_probe() -> None:
    """Certsuite asks that of containers that are not Guaranteed."""
    made = pod(container(securityContext=SYS_NICE, livenessProbe=probe()), runtimeClassName=CLASS)
    row = first(made, facts(REAL_TIME), "livenessProbe")
    assert found(row) == {"NSX001": ("danger", "likely"), "NSX005": ("latency", "likely")}


def test_hooks_are_looked_at() -> None:
    """They start a process as a probe does, once."""
    hooks = {"postStart": probe("/bin/setup"), "preStop": probe("sleep", "5")}
    made = pod(container(lifecycle=hooks), runtimeClassName=CLASS)
    rows = [first(made, facts(CONTAINERD), way) for way in ("postStart", "preStop")]
    assert [found(row) for row in rows] == [{"NSX002": ("info", "possible"), "NSX006": ("info", "possible")}] * 2
    assert [row.findings[0].remedy for row in rows] == ["httpGet or sleep", "lifecycle.preStop.sleep"]


def test_hooks_beside_real_time_threads_are_dangerous() -> None:
    """Once is enough to hang a node."""
    made = pod(container(securityContext=SYS_NICE, lifecycle={"preStop": probe()}), runtimeClassName=CLASS)
    assert first(made, facts(REAL_TIME), "preStop").severity == "danger"


def test_native_sidecars_are_looked_at() -> None:
    """With their probes, and their CPUs."""
    proxy = container("proxy", "1", restartPolicy="Always", readinessProbe=probe(), securityContext=SYS_NICE)
    rows = rows_of(pod(container(), initContainers=[proxy], runtimeClassName=CLASS), facts(REAL_TIME))
    of_proxy = [row for row in rows if row.container == "proxy"]
    assert [(row.container_kind, row.way.kind, row.severity) for row in of_proxy] == [
        ("sidecar", "oc exec", "danger"),
        ("sidecar", "readinessProbe", "danger"),
    ]


def test_one_exclusive_cpu_is_the_first_and_the_loops() -> None:
    """CRI-O's affinity has nothing else to choose; with two it is tolerable as a rule."""
    node = CRI_O._replace(kernel="5.14.0+rt")
    one = pod(container(cpu="1", securityContext=SYS_NICE), runtimeClassName=CLASS)
    two = pod(container(cpu="2", securityContext=SYS_NICE), runtimeClassName=CLASS)
    assert found(first(one, facts(node))) == {"NSX001": ("danger", "likely")}
    assert found(first(two, facts(node))) == {"NSX003": ("latency", "likely")}


def test_an_affinity_that_slips_is_no_protection() -> None:
    """Shared CPUs or not."""
    node = CRI_O._replace(version=(1, 34, 2), kernel="5.14.0+rt")
    shared: Json = {"annotations": {"cpu-shared.crio.io/dpdk": "enable"}}
    for fields in ({}, shared):
        row = first(pod(container(securityContext=SYS_NICE), runtimeClassName=CLASS, **fields), facts(node))
        assert found(row) == {"NSX001": ("danger", "possible"), "NSX004": ("latency", "possible")}
        assert row.findings[1].remedy == "CRI-O 1.34.4 or 1.35"


def test_where_plain_exec_is_safe_nothing_is_found() -> None:
    """On a shared CPU, in the shared pool, behind a kernel of its own: a probe every 10 s is no finding either."""
    ready: Json = {"readinessProbe": probe(periodSeconds=10)}
    pods = [
        pod(container(**ready), runtimeClassName=CLASS, annotations={"cpu-shared.crio.io/dpdk": "enable"}),
        pod(container(cpu="500m", **ready)),
        pod({"name": "a", **ready}),
        pod(container(securityContext=SYS_NICE, **ready), runtimeClassName="vm"),
    ]
    assert [row.findings for made in pods for row in rows_of(made)] == [()] * 8


def test_a_pinned_container_without_signs_of_real_time_is_a_matter_of_latency() -> None:
    """A busy ordinary thread loses what the command takes."""
    made = pod(container(livenessProbe=probe(), startupProbe=probe()), runtimeClassName="plain")
    assert found(first(made)) == {"NSX002": ("latency", "likely")}
    assert found(first(made, way="startupProbe")) == {"NSX002": ("info", "likely")}
    assert found(first(made, way="livenessProbe")) == {"NSX002": ("latency", "likely"), "NSX005": ("latency", "likely")}


NO_SHARED = PROFILE._replace(shared=type(PROFILE.shared)())


@pytest.mark.parametrize(
    ("node", "fields", "better"),
    [
        (CRI_O, {}, "shared CPUs"),
        (CRI_O._replace(profile=NO_SHARED), {}, ""),
        (CRI_O._replace(version=(1, 33, 5)), {}, "CRI-O 1.34.4 or 1.35 and shared CPUs"),
        (CRI_O._replace(version=(1, 34, 1)), {}, "CRI-O 1.34.4 or 1.35 and shared CPUs"),
        (CRI_O._replace(version=(1, 33, 5), profile=NO_SHARED), {}, "CRI-O 1.34.4 or 1.35"),
        (CRI_O, {"runtimeClassName": "plain"}, "the profile's runtime class and shared CPUs"),
        (
            CRI_O._replace(profile=NO_SHARED._replace(no_exec_affinity=True)),
            {},
            "exec_cpu_affinity (profile ran opts out)",
        ),
        (CRI_O._replace(profile=None), {}, ""),
        (CONTAINERD, {}, ""),
    ],
)
def test_the_remedies_name_what_the_cluster_offers(node: NodeFacts, fields: Json, better: str) -> None:
    """Another probe, or what is missing for a landing off the loop; for people always oc nsexec."""
    made = pod(container(livenessProbe=probe()), **{"runtimeClassName": CLASS, **fields})
    assert first(made, facts(node)).findings[0].remedy == "oc nsexec"
    remedy = first(made, facts(node), "livenessProbe").findings[0].remedy
    assert remedy == "; or ".join(filter(None, ["httpGet, tcpSocket or grpc", better]))


def test_the_affinity_alone_does_not_help_a_single_cpu() -> None:
    """The first is the only one: shared CPUs would."""
    made = pod(container(cpu="1", livenessProbe=probe()), runtimeClassName=CLASS)
    old = CRI_O._replace(version=(1, 33, 5), profile=NO_SHARED)
    assert first(made, facts(old), "livenessProbe").findings[0].remedy == "httpGet, tcpSocket or grpc"
