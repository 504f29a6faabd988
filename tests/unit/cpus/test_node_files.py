"""The node's own files about CPUs, in every form in which they are found."""

from __future__ import annotations

import pytest

from kubectl_nsexec.cpus.kubelet import KubeletCpus
from kubectl_nsexec.cpus.node_files import MAX_FILE_BYTES, Claim, read
from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.messages import NodeFile, NodeFiles

DROP_INS = "/etc/crio/crio.conf.d"
PINNING = "/etc/kubernetes/openshift-workload-pinning"
CONFIG = "/etc/kubernetes/kubelet.conf"
RUNTIMES = '[crio.runtime]\ninfra_ctr_cpuset = "2-3"\n\n[crio.runtime.runtimes.high-performance]\nx = {"a" = ""}\n'


def workload(cpus: str | None, name: str = "management") -> str:
    """A workload as the Node Tuning Operator writes it."""
    resources = '"cpushares" = 0' + ("" if cpus is None else f', "cpuset" = "{cpus}"')
    return f'\n[crio.runtime.workloads.{name}]\nactivation_annotation = "a/b"\nresources = {{ {resources} }}\n'


def crio(*files: tuple[str, str]) -> NodeFiles:
    """CRI-O's drop-ins, in the order in which the node sent them."""
    return NodeFiles(tuple(NodeFile("crio", f"{DROP_INS}/{name}", text.encode()) for name, text in files))


def pinning(text: str) -> NodeFiles:
    """The file that OpenShift's kubelet reads."""
    return NodeFiles((NodeFile("pinning", PINNING, text.encode()),))


def kubelet(*texts: str, flags: str = "kubelet") -> NodeFiles:
    """A kubelet that runs with these files."""
    files = [NodeFile("kubelet", f"{CONFIG}{at or ''}", text.encode()) for at, text in enumerate(texts)]
    return NodeFiles(tuple(files), flags.encode())


def config(reserved: str, policy: str = "static") -> str:
    """A kubelet's configuration as YAML."""
    return f"kind: KubeletConfiguration\ncpuManagerPolicy: {policy}\nreservedSystemCPUs: {reserved}\n"


def test_what_a_profile_leaves_on_a_node() -> None:
    """CRI-O's infra containers and OpenShift's own pods run on the reserved CPUs; each claim names file and field."""
    files = crio(
        ("99-workload-pinning.conf", workload("2-3")),
        ("01-workload-pinning-default.conf", workload("")),
        ("99-runtimes.conf", RUNTIMES),
    ).files
    found = read(NodeFiles((*files, *pinning('\n{\n "management": {"cpuset": "2-3"}\n}').files)))
    assert found.reserved == (
        Claim(CpuSet.of(2, 3), f"{DROP_INS}/99-runtimes.conf, infra_ctr_cpuset"),
        Claim(CpuSet.of(2, 3), f"{DROP_INS}/99-workload-pinning.conf, workloads.management"),
        Claim(CpuSet.of(2, 3), f"{PINNING}, management"),
    )
    assert (found.shared, found.kubelet, found.problems) == (None, None, ())


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([("10-a", RUNTIMES), ("20-b", '[crio.runtime]\ninfra_ctr_cpuset = "0-1"')], "0-1"),
        ([("20-b", '[crio.runtime]\ninfra_ctr_cpuset = "0-1"'), ("10-a", RUNTIMES)], "0-1"),
        ([("9-a", RUNTIMES), ("10-b", '[crio.runtime]\ninfra_ctr_cpuset = "0-1"')], "2-3"),
        ([("10-a", RUNTIMES), ("20-b", "[crio.runtime]\nlog_level = 'info'")], "2-3"),
        # An empty value means not partitioned, whatever came before it: it is no set of no CPUs.
        ([("10-a", RUNTIMES), ("20-b", '[crio.runtime]\ninfra_ctr_cpuset = ""')], None),
        ([("01-a", workload("")), ("99-b", workload("2-3"))], "2-3"),
        ([("01-a", workload("2-3")), ("99-b", workload(""))], None),
        # CRI-O takes a workload of a later file whole.
        ([("01-a", workload("2-3")), ("99-b", workload(None))], None),
        # Another workload is somebody's pods, on whatever CPUs.
        ([("01-a", workload("5", "batch"))], None),
        ([("01-a", "")], None),
        ([("01-a", "[crio]\n")], None),
    ],
)
def test_drop_ins_are_read_in_lexical_order_and_the_last_wins(
    files: list[tuple[str, str]], expected: str | None
) -> None:
    """Whatever the order in which they come (crio.conf.d(5))."""
    claims = read(crio(*files)).reserved
    assert [str(claim.cpus) for claim in claims] == ([] if expected is None else [expected])


def test_the_main_file_comes_before_the_drop_ins() -> None:
    """crio.conf has the least say."""
    main = NodeFile("crio", "/etc/crio/crio.conf", b'[crio.runtime]\ninfra_ctr_cpuset = "0"')
    assert read(NodeFiles((*crio(("00-a", RUNTIMES)).files, main))).reserved[0].cpus == CpuSet.of(2, 3)


def test_cpus_that_containers_share_are_no_claim() -> None:
    """CRI-O's shared_cpuset, for mixed CPUs."""
    found = read(crio(("99-a", RUNTIMES.replace("\n\n", '\nshared_cpuset = "4"\n', 1))))
    assert found.shared == Claim(CpuSet.of(4), f"{DROP_INS}/99-a, shared_cpuset")
    assert [claim.cpus for claim in found.reserved] == [CpuSet.of(2, 3)]


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (crio(("9", "infra_ctr_cpuset = ")), f"{DROP_INS}/9 on the node cannot be understood"),
        (crio(("9", "[crio.runtime]\ninfra_ctr_cpuset = 2")), "infra_ctr_cpuset on the node is int, not a CPU list"),
        (crio(("9", '[crio.runtime]\ninfra_ctr_cpuset = "2-"')), '"2-" is not a CPU list'),
        (crio(("9", "crio = 1")), f"{DROP_INS}/9, crio on the node is int"),
        (crio(("9", "[crio.runtime.workloads]\nmanagement = 1")), "management on the node is int"),
        (pinning("{"), f"{PINNING} on the node cannot be understood"),
        (pinning("[]"), f"{PINNING} on the node is list"),
        (pinning('{"management": "2-3"}'), f"{PINNING}, management on the node is str"),
        (pinning("[" * 60000), f"{PINNING} on the node cannot be understood"),
        (NodeFiles((NodeFile("pinning", PINNING, None),)), f"{PINNING} on the node cannot be read"),
        (NodeFiles((NodeFile("pinning", PINNING, b" " * (MAX_FILE_BYTES + 1)),)), "is longer than 65536 bytes"),
        (NodeFiles((NodeFile("crio", "/x", b"\xff"),)), "/x on the node cannot be understood"),
        (kubelet("a: [", flags=""), f"{CONFIG} on the node cannot be understood"),
        (kubelet(config("0-")), f"{CONFIG}: reservedSystemCPUs cannot be read"),
        (kubelet(config("0", "clever")), 'cpuManagerPolicy is "clever"'),
        (kubelet(flags="kubelet\0--config=/x/y"), "the kubelet's configuration, /x/y on the node, was not found"),
    ],
)
def test_what_is_not_understood_is_told(sources: NodeFiles, words: str) -> None:
    """Half a file is no word at all: a sentence that names it, and no claim of it."""
    found = read(sources)
    assert len(found.problems) == 1
    assert words in found.problems[0]
    assert (found.reserved, found.kubelet) == ((), None)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (kubelet(config("2-3")), KubeletCpus("static", CpuSet.of(2, 3), CONFIG)),
        (kubelet(config("0")), KubeletCpus("static", CpuSet.of(0), CONFIG)),
        (kubelet(config("0,6,7")), KubeletCpus("static", CpuSet.of(0, 6, 7), CONFIG)),
        (kubelet(config("010")), KubeletCpus("static", CpuSet.of(10), CONFIG)),
        (kubelet(config("''", "none")), KubeletCpus("none", None, CONFIG)),
        (kubelet("kind: KubeletConfiguration"), KubeletCpus("none", None, CONFIG)),
        (
            kubelet('{"cpuManagerPolicy":"static","reservedSystemCPUs":"1"}'),
            KubeletCpus("static", CpuSet.of(1), CONFIG),
        ),
        (kubelet(), None),
        # Drop-ins override the file, and flags override both.
        (kubelet(config("2-3"), "reservedSystemCPUs: '4'"), KubeletCpus("static", CpuSet.of(4), f"{CONFIG}1")),
        (
            kubelet(config("2-3"), flags=f"kubelet\0--config={CONFIG}\0--reserved-cpus=5\0"),
            KubeletCpus("static", CpuSet.of(5), "the kubelet's command line"),
        ),
        (
            kubelet(config("2-3"), flags=f"kubelet\0--config\0{CONFIG}\0--reserved-cpus\x005\0--reserved-cpus\x006\0"),
            KubeletCpus("static", CpuSet.of(6), "the kubelet's command line"),
        ),
        (
            kubelet(flags="kubelet\0--cpu-manager-policy=static\0--reserved-cpus=0-1\0"),
            KubeletCpus("static", CpuSet.of(0, 1), "the kubelet's command line"),
        ),
        # Nobody knows which file a kubelet reads that cannot be told: they have to agree.
        (kubelet(config("2-3"), config("2,3"), flags=""), KubeletCpus("static", CpuSet.of(2, 3), CONFIG)),
    ],
)
def test_the_kubelets_configuration(sources: NodeFiles, expected: KubeletCpus | None) -> None:
    """YAML or JSON; a scalar is the text that it is, whatever YAML would make of it."""
    found = read(sources)
    assert (found.kubelet, found.problems) == (expected, ())


def test_two_files_of_an_unknown_kubelet_that_disagree() -> None:
    """One of them is left over: neither is believed."""
    found = read(kubelet(config("2-3"), config("0-1"), flags=""))
    assert found.kubelet is None
    assert f"{CONFIG} and {CONFIG}1 on the node say different things" in found.problems[0]
