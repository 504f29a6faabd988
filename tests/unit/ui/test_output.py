"""What --verify prints, for people and for scripts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import jsonschema
import pytest
import yaml

from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.proof import CrossCheck, LookedAt, PlainExec, Proof
from kubectl_nsexec.ui.output import as_yaml, in_form, proof_document, proof_table

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/reference/proof.schema.json").read_text())

PROOF = Proof(
    namespace="ran",
    pod="du-0",
    container="dpdk",
    node="n1",
    reserved=CpuSet.parse("0-1"),
    source='PerformanceProfile "perf", spec.cpu.reserved',
    by="profile",
    target_mask=CpuSet.of(2),
    exclusive=CpuSet.parse("2-3"),
    cmd_mask=CpuSet.parse("0-1"),
    pin="folder",
    cgroup="v2",
    pid=4711,
    reason="Apart",
    verdict="apart from the target's CPUs",
)


def test_the_table_shows_everything_that_was_proved() -> None:
    """One line each, by name."""
    assert proof_table(PROOF, 100).splitlines() == [
        "TARGET          ran/du-0, container dpdk, node n1",
        "RESERVED CPUS   0-1",
        'SOURCE          PerformanceProfile "perf", spec.cpu.reserved',
        "TARGET'S MASK   2",
        "EXCLUSIVE CPUS  2-3",
        "CMD'S MASK      0-1 (process 4711 on the node)",
        "PIN             folder, cgroup v2",
        "VERDICT         apart from the target's CPUs",
    ]


FULL = PROOF._replace(
    cross_checks=(
        CrossCheck("/etc/crio/crio.conf.d/99-runtimes.conf, infra_ctr_cpuset", CpuSet.of(0, 1), agrees=True),
        CrossCheck("kubelet configz, cpuManagerPolicy none", CpuSet(), agrees=False),
    ),
    looked_at=(
        LookedAt("/sys/devices/system/cpu/isolated", CpuSet.parse("2-3")),
        LookedAt("/sys/devices/system/cpu/nohz_full", CpuSet(), found=False),
    ),
    siblings=(CpuSet.of(0), CpuSet.of(2)),
    granted=("root",),
    warnings=("one", "two"),
    plain_exec=PlainExec("AnyExclusiveCPU", CpuSet.of(2), ('SCHED_FIFO 1 "loop"',), safe=False, message="would starve"),
)
"""A proof with something in each field."""

FROZEN = {
    "apiVersion": "nsexec.io/v1",
    "kind": "Proof",
    "target": {"namespace": "ran", "pod": "du-0", "container": "dpdk", "node": "n1", "cpus": "2"},
    "reserved": {"cpus": "0-1", "by": "profile", "source": 'PerformanceProfile "perf", spec.cpu.reserved'},
    "crossChecks": [
        {"source": "/etc/crio/crio.conf.d/99-runtimes.conf, infra_ctr_cpuset", "cpus": "0-1", "agrees": True},
        {"source": "kubelet configz, cpuManagerPolicy none", "cpus": "", "agrees": False},
    ],
    "exclusive": {"cpus": "2-3"},
    "lookedAt": [
        {"source": "/sys/devices/system/cpu/isolated", "found": True, "cpus": "2-3"},
        {"source": "/sys/devices/system/cpu/nohz_full", "found": False, "cpus": ""},
    ],
    "siblings": {"cpus": "0", "of": "2"},
    "command": {"cpus": "0-1", "pid": 4711},
    "pin": {"kind": "folder", "cgroup": "v2"},
    "verdict": {"reason": "Apart", "message": "apart from the target's CPUs"},
    "granted": ["root"],
    "warnings": ["one", "two"],
    "plainExec": {
        "lands": {"on": "AnyExclusiveCPU", "cpus": "2"},
        "realTime": ['SCHED_FIFO 1 "loop"'],
        "safe": False,
        "message": "would starve",
    },
}


@pytest.mark.parametrize(("form", "reader"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_the_proof_for_scripts_is_frozen(form: str, reader: Callable[[str], object]) -> None:
    """Whoever reads nsexec.io/v1 finds these names, in this order; a change of one is another version."""
    text = in_form(proof_document(FULL), form)
    assert reader(text) == FROZEN
    assert list(cast("dict[str, object]", reader(text))) == list(FROZEN)
    assert not text.endswith("\n")


@pytest.mark.parametrize("proof", [PROOF, FULL, PROOF._replace(exclusive=CpuSet(), by="cpus", reason="SharedPool")])
def test_the_proof_is_what_its_schema_says(proof: Proof) -> None:
    """docs/reference/proof.schema.json is what scripts may rely on."""
    jsonschema.validate(proof_document(proof), SCHEMA)


def test_the_schema_knows_every_field() -> None:
    """A field that it does not name is one that nobody was told of; one that it asks for is there."""

    def same(document: object, schema: Any) -> None:  # noqa: ANN401 - a JSON schema
        if isinstance(document, dict):
            assert list(document) == list(schema["properties"]) == schema["required"]
            for key, value in document.items():
                same(value, schema["properties"][key])
        if isinstance(document, list) and document:
            same(document[0], schema["items"])

    same(proof_document(FULL), SCHEMA)


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "Other"},
        {"apiVersion": "nsexec.io/v2"},
        {"command": {"cpus": "0-", "pid": 1}},
        {"command": {"cpus": "0", "pid": 0}},
        {"reserved": {"cpus": "0", "by": "guess", "source": "x"}},
        {"warnings": None},
    ],
)
def test_the_schema_refuses_what_is_no_proof(broken: dict[str, object]) -> None:
    """Else it would prove nothing."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(proof_document(PROOF) | broken, SCHEMA)


def test_numbers_stay_as_they_are() -> None:
    """A single CPU, or a list that looks like a number, is text; an empty set is said in a word."""
    table = proof_table(PROOF._replace(reserved=CpuSet.of(0), exclusive=CpuSet()), 100)
    assert "RESERVED CPUS   0\n" in table
    assert "EXCLUSIVE CPUS  none\n" in table


def test_what_was_compared_is_shown() -> None:
    """After the source, by whose word; a policy has no CPUs."""
    checks = (
        CrossCheck("/etc/crio/crio.conf.d/99, infra_ctr_cpuset", CpuSet.of(0, 1), agrees=True),
        CrossCheck("kubelet configz, cpuManagerPolicy none", CpuSet(), agrees=False),
    )
    assert proof_table(PROOF._replace(cross_checks=checks), 100).splitlines()[3:5] == [
        "CHECKED WITH    /etc/crio/crio.conf.d/99, infra_ctr_cpuset: 0-1",
        "CHECKED WITH    kubelet configz, cpuManagerPolicy none (disagrees)",
    ]


def test_where_it_was_looked_for_owners_is_shown() -> None:
    """After what the kubelet gave away; nothing found is not the same as nowhere to look."""
    looks = (*FULL.looked_at, LookedAt("cpusets of containers", CpuSet()))
    assert proof_table(PROOF._replace(looked_at=looks), 100).splitlines()[5:8] == [
        "LOOKED AT       /sys/devices/system/cpu/isolated: 2-3",
        "LOOKED AT       /sys/devices/system/cpu/nohz_full: not found",
        "LOOKED AT       cpusets of containers: none",
    ]


def test_what_plain_exec_would_have_done_is_shown() -> None:
    """After the verdict about ours."""
    lines = proof_table(PROOF._replace(plain_exec=FULL.plain_exec), 100).splitlines()
    assert lines[-1] == "PLAIN EXEC      would starve"


def test_what_was_granted_is_shown() -> None:
    """Between the verdict and the warnings."""
    lines = proof_table(PROOF._replace(granted=("root",), warnings=("one",)), 100).splitlines()
    assert lines[-2:] == ["GRANTED         root", "WARNING         one"]


def test_warnings_follow() -> None:
    """Each in a line of its own, after the verdict."""
    lines = proof_table(PROOF._replace(warnings=("one", "two")), 100).splitlines()
    assert lines[-2:] == ["WARNING         one", "WARNING         two"]


@pytest.mark.parametrize("width", [1, 32, 40, 80])
def test_a_narrow_terminal_wraps_the_values(width: int) -> None:
    """Columns stay in place and nothing is lost, down to a width where no table fits."""
    many = CpuSet.parse("0-255:1/2")
    table = proof_table(PROOF._replace(reserved=many), width)
    assert max(map(len, table.splitlines())) <= max(width, 32)
    assert str(many) in "".join(table.split()).replace("RESERVEDCPUS", "")


def test_a_manifest_is_yaml_that_people_can_read() -> None:
    """Keys keep their order, lines stay lines, and reading it back gives the same object."""
    manifest = {"kind": "Pod", "apiVersion": "v1", "spec": {"text": "#!/bin/sh\necho 'a: b'\n", "on": "no", "n": "1"}}
    text = as_yaml(manifest)
    assert text.startswith("kind: Pod\napiVersion: v1\nspec:\n  text: |\n    #!/bin/sh\n    echo 'a: b'\n")
    assert not text.endswith("\n")
    assert yaml.safe_load(text + "\n") == manifest


def test_the_libraries_are_loaded_only_when_needed() -> None:
    """Start-up time: importing the module loads neither tabulate nor yaml."""
    code = "import sys, kubectl_nsexec.ui.output; sys.exit(bool({'tabulate', 'yaml'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
