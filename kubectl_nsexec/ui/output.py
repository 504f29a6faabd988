"""Results as text, for people and for scripts. Data goes to stdout; who prints it is not decided here."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubectl_nsexec.model.proof import CrossCheck, LookedAt, PlainExec, Proof

_MIN_VALUE_WIDTH = 16


def counted(number: int, what: str) -> str:
    """``1 pod``, ``2 pods``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def proof_table(proof: Proof, width: int | None = None) -> str:
    """The proof as a two-column table without a trailing newline, wrapped to ``width`` columns.

    ``width`` None asks the terminal (80 when there is none).
    """
    from tabulate import tabulate  # noqa: PLC0415 - imported only when a table is printed: start-up time

    rows = _rows(proof)
    columns = width if width is not None else shutil.get_terminal_size().columns
    name_width = max(len(name) for name, _ in rows)
    value_width = max(columns - name_width - 2, _MIN_VALUE_WIDTH)
    wrapped = [(name, _wrap(value, value_width)) for name, value in rows]
    return tabulate(wrapped, tablefmt="plain", disable_numparse=True)


def proof_document(proof: Proof) -> dict[str, object]:
    """The proof, as docs/reference/proof.schema.json has it; CPU sets in the kernel's syntax, "" for none."""
    ours, theirs = proof.siblings or ("", "")
    return {
        "apiVersion": "nsexec.io/v1",
        "kind": "Proof",
        "target": {
            "namespace": proof.namespace,
            "pod": proof.pod,
            "container": proof.container,
            "node": proof.node,
            "cpus": str(proof.target_mask),
        },
        "reserved": {"cpus": str(proof.reserved), "by": proof.by, "source": proof.source},
        "crossChecks": [
            {"source": check.source, "cpus": str(check.cpus), "agrees": check.agrees} for check in proof.cross_checks
        ],
        "exclusive": {"cpus": str(proof.exclusive)},
        "lookedAt": [{"source": look.source, "found": look.found, "cpus": str(look.cpus)} for look in proof.looked_at],
        "siblings": {"cpus": str(ours), "of": str(theirs)},
        "command": {"cpus": str(proof.cmd_mask), "pid": proof.pid},
        "pin": {"kind": proof.pin, "cgroup": proof.cgroup},
        "verdict": {"reason": proof.reason, "message": proof.verdict},
        "granted": list(proof.granted),
        "warnings": list(proof.warnings),
        "plainExec": _plain_exec(proof.plain_exec),
    }


def _plain_exec(plain: PlainExec | None) -> dict[str, object] | None:
    if plain is None:
        return None
    return {
        "lands": {"on": plain.on, "cpus": str(plain.cpus)},
        "realTime": list(plain.real_time),
        "safe": plain.safe,
        "message": plain.message,
    }


def in_form(document: Mapping[str, object], form: str) -> str:
    """The document as ``json`` or ``yaml``, without the last newline."""
    return json.dumps(document, indent=2) if form == "json" else as_yaml(document)


def as_yaml(manifest: Mapping[str, object]) -> str:
    """A manifest as YAML for ``kubectl apply -f -``, without its last newline: scripts in it stay readable."""
    import yaml  # noqa: PLC0415 - imported only when YAML is printed: start-up time

    class Dumper(yaml.SafeDumper):
        """SafeDumper that keeps lines of text as lines."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    return str(yaml.dump(dict(manifest), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)).removesuffix(
        "\n"
    )


_LIST_VERSION = 1
_TARGET_COLUMNS = ("namespace", "pod", "container", "node", "cpus")
"""Of the lists in JSON and YAML; it changes when a name in them or its meaning does."""


def helper_list(helpers: Sequence[Mapping[str, str | int]], form: str | None) -> str:
    """What ``--cleanup`` found, as ``json``, ``yaml`` or (None) a table, without the last newline.

    All rows have the same names.
    """
    document = {"version": _LIST_VERSION, "helpers": list(helpers)}
    if form is not None:
        return in_form(document, form)
    shown = [{**helper, "age": age(int(helper["ageSeconds"]))} for helper in helpers]
    columns = ("namespace", "kind", "name", "node", "target", "user", "state", "age", "result")
    rows = [[str(row[column]) for column in columns] for row in shown]
    return table([column.upper() for column in columns], rows)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows below their columns' names as kubectl shows them, without the last newline."""
    from tabulate import tabulate  # noqa: PLC0415 - as above

    return tabulate(rows, columns, tablefmt="plain", disable_numparse=True)


def target_list(targets: Sequence[Mapping[str, str]], form: str | None) -> str:
    """The targets of a fleet, as ``json``, ``yaml`` or (None) a table, without the last newline.

    ``notRun``: why nothing would be started in it, and ``code``: of the error that this is; else "".
    docs/reference/fleet.schema.json is what scripts may rely on.
    """
    if form is not None:
        return in_form({"version": _LIST_VERSION, "targets": [dict(target) for target in targets]}, form)
    rows = [
        [
            *(target[column] for column in _TARGET_COLUMNS),
            f"not run: {target['notRun']} [{target['code']}]" if target["notRun"] else target["source"],
        ]
        for target in targets
    ]
    return table([column.upper() for column in (*_TARGET_COLUMNS, "source")], rows)


def age(seconds: int) -> str:
    """How long ago, in the largest unit of which there are two: ``90s``, ``5m``, ``36h``, ``3d``."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _rows(proof: Proof) -> list[tuple[str, str]]:
    rows = [
        ("TARGET", f"{proof.namespace}/{proof.pod}, container {proof.container}, node {proof.node}"),
        ("RESERVED CPUS", str(proof.reserved)),
        ("SOURCE", proof.source),
        *(("CHECKED WITH", _cross_check(check)) for check in proof.cross_checks),
        ("TARGET'S MASK", str(proof.target_mask)),
        ("EXCLUSIVE CPUS", str(proof.exclusive) or "none"),
        *(("LOOKED AT", _looked_at(look)) for look in proof.looked_at),
        ("CMD'S MASK", f"{proof.cmd_mask} (process {proof.pid} on the node)"),
        ("PIN", f"{proof.pin}, cgroup {proof.cgroup}"),
        ("VERDICT", proof.verdict),
        *([("PLAIN EXEC", proof.plain_exec.message)] if proof.plain_exec else []),
    ]
    rows += [("GRANTED", line) for line in proof.granted]
    return rows + [("WARNING", warning) for warning in proof.warnings]


def _cross_check(check: CrossCheck) -> str:
    words = f"{check.source}: {check.cpus}" if check.cpus else check.source
    return words if check.agrees else f"{words} (disagrees)"


def _looked_at(look: LookedAt) -> str:
    return f"{look.source}: {(str(look.cpus) or 'none') if look.found else 'not found'}"


def _wrap(text: str, width: int) -> str:
    """Breaks at spaces, and after the commas of long CPU lists."""
    if len(text) <= width:
        return text
    spaced = text.replace(",", ", ") if " " not in text else text
    return "\n".join(textwrap.wrap(spaced, width, break_long_words=True, break_on_hyphens=False))
