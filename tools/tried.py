"""The matrix of what was tried where: docs/reference/tried.md, of tools/tried_claims.py and the marks of the tests."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from testbed import binaries, small_vm
from tools.markdown import code, table
from tools.tried_claims import CLAIMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tools.tried_claims import Claim

TESTS: Final = Path(__file__).resolve().parents[1] / "tests"
HOST, RT, NEWER, ALONE = "host node", "real-time, Debian 12", "real-time, Debian 13", "no cluster"
CRIO: Final = "real-time, CRI-O"
"""Which is no column: it is not installed where the tests run."""
NODES: Final = {
    "host_node": {HOST},
    "rt_node": {RT, NEWER},
    "both_nodes": {HOST, RT},
    "selinux": {NEWER},
    "crio": {CRIO},
}
"""By mark."""
NEITHER: Final = "no"
RUNTIME: Final = binaries.RUNTIME.title.replace(" and ", ", ")
WHERE: Final = (
    (HOST, "amd64", "the machine's own (6.18)", f"{RUNTIME}, the machine's cgroups (v1)", "`make test-host`"),
    (
        RT,
        "amd64, emulated",
        "Debian 12's PREEMPT_RT (6.1)",
        f"{RUNTIME}, cgroup v2, systemd, AppArmor",
        "`make test-rt`",
    ),
    (
        NEWER,
        "amd64, emulated",
        "Debian 13's PREEMPT_RT (6.12)",
        f"{RUNTIME.partition(',')[0]}, Debian 13's crun, cgroup v2, systemd, SELinux",
        "`make test-rt-newer`",
    ),
    ("small machine", ", ".join(small_vm.KINDS), "Debian 12's (6.1)", "none", "`make test-machines`"),
    (
        ALONE,
        "amd64",
        "the machine's own",
        "none, or a fake of it",
        "`make test-unit test-program test-node test-dist test-install`",
    ),
)
"""In brackets what the machine has on which the project is developed."""
BY_HAND: Final = (
    (
        "CRI-O 1.37 with runc, cgroup v1",
        "29 November 2026",
        "the host node's suite; `RUNTIME=crio make test-host`, with `crio`, `pinns`, `conmon`, `skopeo` on PATH",
    ),
    (
        "CRI-O 1.37 with crun, cgroup v2, Linux 6.12, set up as OpenShift's (`infra_ctr_cpuset`, `exec_cpu_affinity`)",
        "30 November 2026",
        "the real-time node's suite; `RUNTIME=crio RT_DISTRO=trixie make test-rt`, with the same on PATH",
    ),
    (
        "oc-mirror v2 of August 2026, compiled from its sources (a logger of ours for one module), docker-registry 2.8",
        "29 November 2026",
        "the image to disk, into a registry, and out again by `oc`, as docs/how-to/disconnected-sites.md has it",
    ),
)
NOWHERE: Final = (
    (
        "An OpenShift cluster: its admission (SCC), its Node Tuning Operator, RHCOS",
        "profiles and files as it writes them",
    ),
    ("MicroShift and HyperShift", "their files on the test bed's node (`live/test_host_sources.py`)"),
    ("arm64, ppc64le and s390x nodes in a cluster", "the program that enters, on their kernels"),
    ("OpenShift's own SELinux policy", "Debian's, with the rules of it that we need (`live/test_rt_selinux.py`)"),
    ("A real radio or DPDK application", "loops at SCHED_FIFO that own a CPU"),
    ("Several real nodes at once, more than two", "a fake API server with a thousand (`python -m bench scale`)"),
    ("macOS and Windows as clients", "a Linux without what they lack"),
    ("A kernel in FIPS mode", "OpenSSL with a FIPS provider alone"),
    ("OIDC", "nothing: it is the Kubernetes client's"),
)


def lines() -> Iterator[str]:
    """The page."""
    yield "For whoever has to decide whether this is tried well enough for their nodes. Each row is a claim; a cell"
    yield f'says whether a test shows it there, "{NEITHER}" that none does, "in part" that some of its tests run there'
    yield "and others do not. Where a test runs is read from the marks in its file: this page says which tests there"
    yield "are, not when they ran last.\n"
    yield "## Where\n"
    yield from table(("place", "architecture", "kernel", "runtime", "by"), WHERE)
    yield f"Client and server are {binaries.KUBERNETES.title}. What is in brackets is so on the machine on which the"
    yield "project is developed. The real-time nodes isolate CPUs 2 and 3.\n"
    for title, claims in CLAIMS.items():
        yield f"## {title}\n"
        yield from table(("claim", HOST, RT, NEWER, "small machine", ALONE, "shown by"), map(_row, claims))
    yield "## By hand\n"
    yield from table(("what", "when", "how"), BY_HAND)
    yield "## Nowhere\n"
    yield from table(("what was not tried", "what stands in for it"), NOWHERE)
    yield "[Limits](../explanation/limits.md#what-was-not-tried) has more of that, with what was seen.\n"


def _row(claim: Claim) -> tuple[str, ...]:
    ran = [where for test in claim.tests for where in places(test)]
    found = set[str]().union(*ran)
    machines = ", ".join(kind for kind in small_vm.KINDS if kind in found) or NEITHER
    cells = {place: "yes" if place in found else NEITHER for place in (HOST, RT, NEWER, ALONE)}
    if NEWER in found and any(RT in where and NEWER not in where for where in ran):
        cells[NEWER] = "in part"
    files = dict.fromkeys(test.partition("::")[0] for test in claim.tests)
    return claim.words, cells[HOST], cells[RT], cells[NEWER], machines, cells[ALONE], ", ".join(map(code, files))


def places(test: str) -> list[set[str]]:
    """Where each test of ``FOLDER/FILE.py[::NAME]`` runs; a small machine by its architecture.

    Raises LookupError where there is no such test.
    """
    name, _, part = test.partition("::")
    module = _module(name)
    found = [each for each in _tests(module) if part in ("", each.name)]
    if not found:
        raise LookupError(test)
    folder = name.partition("/")[0]
    if folder == "machines":
        texts = {node.value for node in ast.walk(module) if isinstance(node, ast.Constant)}
        return [{kind for kind in small_vm.KINDS if kind in texts}]
    if folder != "live":
        return [{ALONE}]
    marks = _marks(node for node in module.body if not isinstance(node, ast.FunctionDef | ast.ClassDef))
    marks |= {"host_node", "rt_node"} if "BOTH" in _names(module) else set()
    return [_on_nodes(marks | _marks(each.decorator_list)) for each in found]


def _on_nodes(marks: set[str]) -> set[str]:
    nodes = set[str]().union(*(where for mark, where in NODES.items() if mark in marks))
    return nodes - ({NEWER} if "apparmor" in marks else set())


@cache
def _module(name: str) -> ast.Module:
    path = TESTS / name
    if not path.is_file():
        raise LookupError(name)
    return ast.parse(path.read_text(encoding="utf-8"))


def _tests(module: ast.Module) -> list[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes of tests."""
    return [
        node
        for node in module.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.startswith(("test_", "Test"))
    ]


def _marks(nodes: Iterable[ast.AST]) -> set[str]:
    """X of each ``pytest.mark.X``."""
    return {
        each.attr
        for node in nodes
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Attribute) and each.value.attr == "mark"
    }


def _names(module: ast.Module) -> set[str]:
    """Names and attributes that the module uses."""
    walked = list(ast.walk(module))
    return {node.id for node in walked if isinstance(node, ast.Name)} | {
        node.attr for node in walked if isinstance(node, ast.Attribute)
    }
