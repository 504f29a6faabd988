"""What starts a process in a container, and how often."""

from __future__ import annotations

import pytest

from kubectl_nsexec.check.ways import ways_into
from tests.unit.check.builders import CLASS, CRI_O, SYS_NICE, Json, container, facts, first, found, pod, probe

RT_KERNELS = ("5.14.0-570.el9.x86_64+rt", "4.18.0-305.rt7.72.el8.x86_64", "6.12.0-rt5", "6.1.0-44-rt-amd64")


def test_only_exec_starts_a_process() -> None:
    """A person's exec, and each probe and hook that is one; httpGet, tcpSocket, grpc and sleep are not."""
    made = container(
        startupProbe=probe("/bin/started"),
        livenessProbe={"httpGet": {"port": 80}},
        readinessProbe={"grpc": {"port": 81}},
        lifecycle={"postStart": probe("init", "--now"), "preStop": {"sleep": {"seconds": 5}}},
    )
    assert [(way.kind, way.program) for way in ways_into(made)] == [
        ("oc exec", ""),
        ("startupProbe", "/bin/started"),
        ("postStart", "init"),
    ]


def test_a_probe_has_the_api_servers_defaults() -> None:
    """Every 10 s, for 1 s."""
    plain, own = (
        list(ways_into({"livenessProbe": probe(**fields)}))[1]
        for fields in ({}, {"periodSeconds": 3, "timeoutSeconds": 2})
    )
    assert (plain.period_seconds, plain.timeout_seconds, plain.per_minute) == (10, 1, 6)
    assert (own.period_seconds, own.timeout_seconds, own.per_minute) == (3, 2, 20)


def test_startup_probes_and_hooks_do_not_go_on() -> None:
    """They count for nothing in the sums."""
    made = container(startupProbe=probe(), lifecycle={"preStop": probe()})
    assert [way.per_minute for way in ways_into(made)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("command", "sleeps"),
    [
        (("sleep", "5"), True),
        (("/bin/sleep", "30s"), True),
        (("/bin/sh", "-c", "sleep 15"), True),
        (("bash", "-c", " sleep 15; "), True),
        (("sh", "-c", "sleep 5 && nginx -s quit"), False),
        (("sh", "-c", "echo sleep 5"), False),
        (("nginx", "-s", "quit"), False),
        ((), False),
    ],
)
def test_a_hook_that_only_sleeps_is_known(command: tuple[str, ...], sleeps: bool) -> None:  # noqa: FBT001 - a table's column
    """Kubernetes has a hook for that which starts nothing (KEP-3960)."""
    made: Json = {"lifecycle": {"preStop": {"exec": {"command": list(command)}}}}
    assert list(ways_into(made))[1].only_sleeps is sleeps


@pytest.mark.parametrize("fields", [{"periodSeconds": 9}, {"periodSeconds": 1}])
def test_a_probe_more_often_than_every_ten_seconds_is_named(fields: Json) -> None:
    """Also in the shared pool: it forks on the node's reserved CPUs. Startup probes do not go on."""
    made = pod({"name": "a", "readinessProbe": probe(**fields), "startupProbe": probe(**fields)})
    assert found(first(made, way="readinessProbe")) == {"NSX007": ("info", "likely")}
    assert found(first(made, way="startupProbe")) == {}


@pytest.mark.parametrize("kernel", RT_KERNELS)
def test_a_real_time_kernel_is_known_by_its_name(kernel: str) -> None:
    """Of RHEL 8 and 9, Debian, and the project's own."""
    assert CRI_O._replace(kernel=kernel).real_time


@pytest.mark.parametrize("kernel", ["5.14.0-570.el9.x86_64", "6.12.0-artful", "6.1.0-44-cloud-amd64", ""])
def test_other_kernels_are_not(kernel: str) -> None:
    """Letters in the middle of a word say nothing."""
    assert not CRI_O._replace(kernel=kernel).real_time


@pytest.mark.parametrize(
    ("fields", "kernel", "annotations", "real_time"),
    [
        ({"securityContext": SYS_NICE}, "5.14+rt", {}, "likely"),
        ({"securityContext": {"capabilities": {"add": ["CAP_SYS_NICE"]}}}, "5.14+rt", {}, "likely"),
        ({"securityContext": {"privileged": True}}, "5.14", {"cpu-load-balancing.crio.io": "disable"}, "likely"),
        ({"securityContext": SYS_NICE}, "5.14", {"cpu-quota.crio.io/dpdk": "disable"}, "likely"),
        ({"securityContext": SYS_NICE}, "5.14", {"cpu-quota.crio.io/other": "disable"}, "possible"),
        ({"securityContext": SYS_NICE}, "5.14", {}, "possible"),
        ({}, "5.14+rt", {"irq-load-balancing.crio.io": "housekeeping"}, "possible"),
        ({}, "5.14+rt", {}, ""),
        ({}, "5.14", {"cpu-load-balancing.crio.io": "disable"}, ""),
    ],
)
def test_the_signs_of_real_time_threads(fields: Json, kernel: str, annotations: Json, real_time: str) -> None:
    """The right to have them, with a kernel or tuning made for them; annotations for the pod or one container."""
    made = pod(container(**fields), runtimeClassName="plain", annotations=annotations)
    assert first(made, facts(CRI_O._replace(kernel=kernel))).tenants.real_time == real_time


def test_huge_pages_and_the_class_are_signs_of_a_loop() -> None:
    """Both are of no use to much else."""
    limits = {"limits": {"cpu": "2", "memory": "1Gi", "hugepages-1Gi": "4Gi"}}
    row = first(pod(container(resources=limits, securityContext=SYS_NICE), runtimeClassName=CLASS))
    assert (row.tenants.real_time, row.tenants.why) == (
        "likely",
        ("capability SYS_NICE", f"runtime class {CLASS}", "huge pages"),
    )


@pytest.mark.parametrize(
    ("kernel", "harm"),
    [
        ("5.14.0-570.el9.x86_64+rt", "Linux 5.14: it may never run, or stalld runs it over the loop"),
        ("6.12.0-55.el10.x86_64+rt", "Linux 6.12: it waits, and takes up to 50 ms of each second from the loop"),
        ("", ""),
    ],
)
def test_the_kernel_says_what_becomes_of_the_command(kernel: str, harm: str) -> None:
    """Linux 6.12 brought the fair server; nothing is said where no loop is expected."""
    node = facts(CRI_O._replace(kernel=kernel))
    assert first(pod(container(securityContext=SYS_NICE)), node).tenants.harm == harm
    assert first(pod(container()), node).tenants.harm == ""
