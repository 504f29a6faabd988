"""What -o json prints of many pods, for scripts."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubectl_nsexec.fleet.show import ShowOptions, objects, presenter
from kubectl_nsexec.ui.console import Console
from kubectl_nsexec.ui.output import proof_document, target_list
from tests.unit.fleet.show.screen import STARTED, Screen, ended, not_started, pods
from tools import schema_pages

if TYPE_CHECKING:
    from kubectl_nsexec.fleet.result import Result

REFERENCE = Path(__file__).parents[4] / "docs/reference"
SCHEMA = json.loads((REFERENCE / "fleet.schema.json").read_text())
PLACE = pods(1)[0]
RAN = ended(PLACE)._replace(proof=proof_document(schema_pages.EXAMPLE))
LISTED = {**PLACE._asdict(), "notRun": "the pod has no container side", "code": "target"}
FROZEN = {
    "apiVersion": "nsexec.io/v1",
    "kind": "FleetResult",
    "namespace": "ran",
    "pod": "du-0",
    "container": "main",
    "node": "worker-0",
    "cpus": "0-1",
    "source": 'PerformanceProfile "rt", spec.cpu.reserved',
    "outcome": "ok",
    "status": 0,
    "cause": "",
    "code": "",
    "started": STARTED,
    "seconds": 1.5,
    "encoding": "utf-8",
    "stdout": "6.1.0 é\x1b[2J\0\n",
    "stderr": "",
    "proof": RAN.proof,
}
SUMMARY = {
    "apiVersion": "nsexec.io/v1",
    "kind": "FleetSummary",
    "targets": 6,
    "nodes": 2,
    "ok": 2,
    "failed": 1,
    "timedOut": 1,
    "endUnknown": 1,
    "notStarted": 1,
}


def shown(screen: Screen, result: Result, out: bytes = b"", err: bytes = b"", **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """The object of a target that printed this."""
    before = len(screen.out)
    with presenter(ShowOptions(mode="json", **options), [result.place], screen.console) as presented:
        presented.stdout(result.place, out)
        presented.stderr(result.place, err)
        presented.ended(result)
    line = screen.out[before:]
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    document = json.loads(line)
    jsonschema.validate(document, SCHEMA)
    assert isinstance(document, dict)
    return document


def test_the_object_of_a_target_is_frozen(screen: Screen) -> None:
    """Whoever reads nsexec.io/v1 finds these names, in this order; no output of a command moves a cursor."""
    document = shown(screen, RAN, "6.1.0 é\x1b[2J\0\n".encode())
    assert document == FROZEN
    assert list(document) == list(FROZEN)
    assert screen.out.strip().isascii()
    assert screen.out.strip().decode().isprintable()
    jsonschema.validate(document["proof"], json.loads((REFERENCE / "proof.schema.json").read_text()))


def test_the_last_object_sums_up(screen: Screen) -> None:
    """How many ended how."""
    zero, one, two, three, four, five = pods(6)
    results = [ended(zero), ended(one), ended(two, 2), ended(three, 137, "x", timed_out=True)]
    results += [ended(four, None, "lost"), not_started(five)]
    with presenter(ShowOptions(mode="json"), pods(6), screen.console) as presented:
        presented.finish(results)
    document = json.loads(screen.out)
    assert (document, list(document)) == (SUMMARY, list(SUMMARY))
    jsonschema.validate(document, SCHEMA)


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (ended(PLACE), "ok"),
        (ended(PLACE, 255), "failed"),
        (ended(PLACE, None, "ended by --max-duration", timed_out=True), "timedOut"),
        (ended(PLACE, None, "connection lost"), "endUnknown"),
        (not_started(PLACE), "notStarted"),
    ],
)
def test_every_end_has_its_object(screen: Screen, result: Result, outcome: str) -> None:
    """With the cause, and null where there is no status."""
    document = shown(screen, result)
    found = (document["outcome"], document["status"], document["cause"], document["proof"])
    assert found == (outcome, result.status, result.cause, result.proof)


@pytest.mark.parametrize(
    ("out", "err", "options"),
    [
        (b"\xff\0", b"text", {}),
        (b"text", b"\xc3", {}),
        (b"\xed\xa0\x80", b"", {}),  # half of a pair of UTF-16, which UTF-8 has not
        (b"text", b"", {"base64": True}),
    ],
)
def test_what_is_no_text_is_base64(screen: Screen, out: bytes, err: bytes, options: dict[str, Any]) -> None:
    """Both then, so that nothing is lost; what is text too where that is asked for."""
    document = shown(screen, RAN, out, err, **options)
    assert document["encoding"] == "base64"
    assert [base64.b64decode(document[name], validate=True) for name in ("stdout", "stderr")] == [out, err]


@given(st.text(max_size=50), st.integers(1, 100_000), st.booleans())
@settings(max_examples=30, deadline=None, suppress_health_check=[*HealthCheck])
def test_nothing_is_lost_however_large(screen: Screen, text: str, times: int, as_base64: bool) -> None:  # noqa: FBT001
    """What is written in pieces is one string."""
    out = (text * times)[:300_000].encode()
    document = shown(screen, RAN, out, b"x", base64=as_base64)
    found = base64.b64decode(document["stdout"], validate=True) if as_base64 else document["stdout"].encode()
    assert found == out


def test_an_object_is_written_in_pieces(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is much larger than a block, whatever the command printed: memory is bounded."""
    sizes: list[int] = []
    write = Console.write_stdout

    def counted(console: Console, data: bytes | bytearray | memoryview) -> None:
        sizes.append(len(data))
        write(console, data)

    monkeypatch.setattr(Console, "write_stdout", counted)
    shown(screen, RAN, b"x" * 3_000_000)
    assert max(sizes) < 100_000
    assert sum(sizes) > 3_000_000


def test_the_schema_knows_every_field() -> None:
    """A field that it does not name is one that nobody was told of; one that it asks for is there."""
    listed: dict[str, Any] = json.loads(target_list([LISTED], "json"))
    for document, name in ((FROZEN, "result"), (SUMMARY, "summary"), (listed, "dryRun")):
        definition = SCHEMA["$defs"][name]
        assert list(document) == list(definition["properties"]) == definition["required"]
    target = SCHEMA["$defs"]["dryRun"]["properties"]["targets"]["items"]
    assert list(LISTED) == list(target["properties"]) == target["required"]
    jsonschema.validate(listed, SCHEMA)


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "Proof"},
        {"apiVersion": "nsexec.io/v2"},
        {"status": "0"},
        {"status": 256},
        {"cpus": "0-"},
        {"outcome": "fine"},
        {"encoding": "latin-1"},
        {"stdout": None},
        {"proof": ""},
    ],
)
def test_the_schema_refuses_what_is_no_result(broken: dict[str, object]) -> None:
    """Else it would prove nothing."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(FROZEN | broken, SCHEMA)


def test_the_pages_example_is_one() -> None:
    """docs/reference/fleet-output.md is written by hand; the fields have a page that comes of the schema."""
    page = (REFERENCE / "fleet-output.md").read_text(encoding="utf-8")
    examples = [json.loads(line) for line in page.splitlines() if line.startswith('{"apiVersion"')]
    assert {example["kind"] for example in examples} == {"FleetResult", "FleetSummary"}
    for example in examples:
        jsonschema.validate(example, SCHEMA)
    assert objects.API_VERSION in page
