"""The fields of what scripts read, as tables: of each JSON schema in docs/reference a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubectl_nsexec.model.cpuset import CpuSet
from kubectl_nsexec.model.proof import CrossCheck, LookedAt, PlainExec, Proof
from kubectl_nsexec.ui.output import in_form, proof_document
from tools.markdown import code, marked, table

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parents[1] / "docs/reference"
PROOF, CHECK, FLEET = "proof.schema.json", "check.schema.json", "fleet.schema.json"
EXAMPLE = Proof(
    namespace="ran",
    pod="du-0",
    container="dpdk",
    node="worker-3",
    reserved=CpuSet.parse("0-1"),
    source='PerformanceProfile "performance-worker-rt", spec.cpu.reserved',
    by="profile",
    target_mask=CpuSet.of(2),
    exclusive=CpuSet.of(2),
    cmd_mask=CpuSet.parse("0-1"),
    pin="folder",
    cgroup="v2",
    pid=905,
    reason="Apart",
    verdict="apart from the target's CPUs",
    cross_checks=(CrossCheck("/etc/kubernetes/kubelet.yaml, reservedSystemCPUs", CpuSet.parse("0-1"), agrees=True),),
    looked_at=(LookedAt("/sys/devices/system/cpu/isolated", CpuSet.parse("2-3")),),
    plain_exec=PlainExec(
        "AnyExclusiveCPU",
        CpuSet.of(2),
        ('SCHED_FIFO 1 "lcore-worker-2"',),
        safe=False,
        message='would land on CPU 2 (its only exclusive): SCHED_FIFO 1 "lcore-worker-2" lives there',
    ),
)
Schema = dict[str, Any]


def schema(name: str) -> Schema:
    """The schema in docs/reference/NAME."""
    content: Schema = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return content


def proof() -> Iterator[str]:
    """The lines of the page: every field of a proof, and an example."""
    yield "For scripts that have to know on which CPUs a command ran, and by whose word.\n"
    yield from fields(PROOF)
    yield "[How to use it](../how-to/verify-in-scripts.md). `-o yaml` prints the same.\n"
    yield "## Example\n"
    yield f"```json\n{in_form(proof_document(EXAMPLE), 'json')}\n```\n"


def check() -> Iterator[str]:
    """The lines of the page: every field of a check's report."""
    yield "For scripts that read what `--check` found.\n"
    yield from fields(CHECK)
    yield "[Check](check.md) says what each finding means, [how to](../how-to/check-in-a-pipeline.md) where to use it."


def fleet() -> Iterator[str]:
    """The lines of the page: every field of the two kinds of lines."""
    yield "For scripts that run one command in many pods.\n"
    yield from fields(FLEET)
    yield "[Output of many pods](fleet-output.md#json) has an example, and the other ways to show it."


def fields(name: str) -> Iterator[str]:
    """What the schema NAME says of itself, and a table of the fields of each object in it that has a name."""
    root = schema(name)
    yield f"{marked(root['description'])} The schema itself is [{name}]({name}) (JSON Schema 2020-12).\n"
    if "properties" in root:
        yield from table(("field", "type", "meaning"), list(_rows(root, root, "")))
    for title, part in root.get("$defs", {}).items():
        if "properties" in part:
            yield f"## {_title(title, part)}\n"
            if "description" in part:
                yield f"{marked(part['description'])}\n"
            yield from table(("field", "type", "meaning"), list(_rows(part, root, "")))
        else:
            yield f"{_CALLED[title]}: {part['description']}\n"


_CALLED = {"cpus": "A CPU set"}
"""What a part of a schema is called that is no object."""


def _title(name: str, part: Schema) -> str:
    """The kind that scripts see, where it has one."""
    return code(str(part["properties"].get("kind", {}).get("const", name)))


def _rows(node: Schema, root: Schema, path: str) -> Iterator[tuple[str, str, str]]:
    """(path, type, meaning) of each field below ``node``."""
    for name, field in node.get("properties", {}).items():
        where = f"{path}{name}"
        yield code(where), _type(field, root), _meaning(field)
        yield from _rows(field, root, f"{where}.")
        yield from _rows(field.get("items", {}), root, f"{where}[].")


def _meaning(field: Schema) -> str:
    words = [marked(field.get("description", ""))]
    if "const" in field:
        words.append(f"Always {code(field['const'])}.")
    if "enum" in field:
        words.append(f"One of {', '.join(code(str(each)) if each != '' else 'empty' for each in field['enum'])}.")
    return " ".join(filter(None, words))


def _type(field: Schema, root: Schema) -> str:
    if "$ref" in field:
        return _reference(field, root)
    if "$ref" in field.get("items", {}):
        return f"array of {_reference(field['items'], root)}"
    known = [field["const"]] if "const" in field else field.get("enum", [])
    kinds = field.get("type", "integer" if known and all(isinstance(each, int) for each in known) else "string")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _reference(field: Schema, root: Schema) -> str:
    name = field["$ref"].rpartition("/")[2]
    part = root["$defs"][name]
    if name in _CALLED:
        return _CALLED[name].removeprefix("A ")
    title = _title(name, part)
    return f"[{title}](#{title.strip('`').lower()})"
