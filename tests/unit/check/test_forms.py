"""What is printed, for people and for scripts; the forms for scripts are frozen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import yaml

from kubectl_nsexec.check import rules, sarif, show
from kubectl_nsexec.check.report import Report
from kubectl_nsexec.cpus.survey import BY_FOLDER
from kubectl_nsexec.model.request import CheckRequest, ClusterOptions
from kubectl_nsexec.ui.console import harmless
from tests.unit.check import test_on_node as nodes
from tests.unit.check.builders import CLASS, CRI_O, SYS_NICE, Json, container, facts, pod, probe
from tests.unit.check.sarif_schema import SARIF
from tests.unit.check.test_on_node import thread

SCHEMA: Final = json.loads((Path(__file__).parents[3] / "docs/reference/check.schema.json").read_text())
UNKNOWN: Final = CRI_O._replace(kernel="5.14.0+rt", why_unknown="node n1 could not be read: forbidden")
LOOP: Final = container(
    securityContext=SYS_NICE,
    livenessProbe=probe("/bin/check", periodSeconds=5, timeoutSeconds=2),
    lifecycle={"preStop": probe("sleep", "5")},
)


def report(*, known: bool = True) -> Report:
    """With a finding of each severity, one that is suppressed, a clean row, and a node with too many probes."""
    made = Report(facts(UNKNOWN._replace(why_unknown="", version=(1, 33, 0)) if known else UNKNOWN))
    made.add(pod(LOOP, {"name": "log"}, runtimeClassName=CLASS, status={"qosClass": "Guaranteed"}), 7)
    quiet = {"nsexec.io/ignore-NSX002": 'no <loop> there: "slow & steady"'}
    made.add(pod(container(), name="quiet", runtimeClassName="plain", annotations=quiet))
    made.add(pod({"name": "web", "readinessProbe": probe()}, name="web", node=""))
    for number in range(10):
        made.add(pod({"name": "a", "readinessProbe": probe()}, name=f"web-{number}"))
    return made


def shown(made: Report, output: str | None, filename: str | None = None, fail_on: str = "danger") -> str:
    """What -o shows of it."""
    asked = CheckRequest(ClusterOptions(), output=output, filename=filename, fail_on=fail_on)
    return show.report(made, asked)


def parsed(text: str) -> ET.Element:
    """The document's root; what is not well-formed fails."""
    return ET.fromstring(text.encode())  # noqa: S314 - our own


def fields(schema: Json, document: Any, path: str = "") -> set[str]:  # noqa: ANN401 - any JSON
    """Paths that only one of the two has."""
    schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if isinstance(document, list):
        return {name for each in document for name in fields(schema["items"], each, f"{path}[]")}
    if not isinstance(document, dict) or "properties" not in schema:
        return set()
    odd = {f"{path}.{name}" for name in set(schema["properties"]) ^ set(document)}
    both = set(schema["properties"]) & set(document)
    return odd.union(*(fields(schema["properties"][name], document[name], f"{path}.{name}") for name in both))


def on_node() -> Report:
    """Of a container that its node has shown, with all there is to show."""
    starving = thread("runc:[2:INIT]", "SCHED_OTHER", "2-3", starving=True, tid=99)
    return nodes.report(nodes.Nodes(nodes.seen(thread(), starving, on="2", by=BY_FOLDER)))


def test_what_nodes_say_is_in_json_as_the_schema_has_it() -> None:
    """Every field, with a value."""
    document = json.loads(shown(on_node(), "json"))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert fields(SCHEMA, document) == set()
    assert document["containers"][0]["stuck"]
    assert document["nodes"][0]["seen"]


@pytest.mark.parametrize("known", [True, False])
def test_json_and_yaml_are_what_the_schema_says_no_less_and_no_more(known: bool) -> None:  # noqa: FBT001 - both cases
    """A field that is added, renamed or dropped is one in docs/reference/check.schema.json too."""
    made = report(known=known)
    document = json.loads(shown(made, "json"))
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert fields(SCHEMA, document) == set()
    assert yaml.safe_load(shown(made, "yaml")) == document
    assert document["exitStatus"] == made.exit_status("danger")


def test_the_schema_requires_every_field_that_it_has() -> None:
    """Scripts need no look before."""

    def loose(schema: Any) -> int:  # noqa: ANN401 - any JSON
        if not isinstance(schema, dict):
            return 0
        own = set(schema.get("properties", {})) != set(schema.get("required", ())) and "properties" in schema
        return own + sum(loose(value) for value in schema.values())

    assert loose(SCHEMA) == 0


def test_a_row_tells_what_it_was_concluded_from() -> None:
    """Where it lands, beside whom, how often, and what to do."""
    row = next(each for each in json.loads(shown(report(), "json"))["rows"] if each["wayIn"]["kind"] == "livenessProbe")
    assert row["owner"] == {"kind": "Pod", "name": "du-0"}
    assert row["wayIn"] == {
        "kind": "livenessProbe",
        "program": "/bin/check",
        "periodSeconds": 5,
        "timeoutSeconds": 2,
        "commandsPerMinute": 12.0,
    }
    assert (row["lands"]["on"], row["lands"]["exclusiveCPUs"]) == ("AnyExclusiveCPU", 2)
    assert row["realTime"]["signs"] == ["capability SYS_NICE", "real-time kernel", f"runtime class {CLASS}"]
    assert [(each["id"], each["severity"]) for each in row["findings"]] == [
        ("NSX001", "danger"),
        ("NSX005", "latency"),
        ("NSX007", "info"),
    ]


def test_the_table_shows_what_is_found_and_wide_shows_all() -> None:
    """And the nodes with too many probes below it."""
    plain, wide = shown(report(), None), shown(report(), "wide")
    rows, nodes = (block.splitlines() for block in plain.split("\n\n"))
    assert rows[0].split()[:4] == ["NAMESPACE", "OWNER", "PODS", "CONTAINER"]
    assert [" ".join(line.split()[:6]) for line in rows[1:]] == [
        "ran pod/du-0 1 dpdk oc exec",
        "ran pod/du-0 1 dpdk livenessProbe any",
        "ran pod/du-0 1 dpdk preStop any",
        "ran pod/quiet 1 dpdk oc exec",
    ]
    assert "(NSX002)" in rows[4]
    assert nodes[1].split() == ["n1", "11", "72", "NSX008", "httpGet,", "tcpSocket", "or", "grpc"]
    assert len(wide.split("\n\n")[0].splitlines()) == 1 + len(report().replicas)
    assert "EVERY" in wide
    assert "5s" in wide


def test_what_could_not_be_looked_at_is_in_the_wide_table_and_the_summary() -> None:
    """With the reason."""
    made = report(known=False)
    assert "not looked at: node n1 could not be read: forbidden" in shown(made, "wide")
    assert "could not be looked at" in show.summary(made)


def test_the_summary_counts() -> None:
    """Pods, ways in, findings of each severity, and those that are suppressed."""
    assert show.summary(report()) == "13 pods, 27 ways in: 3 danger, 1 latency, 3 info, 1 suppressed"


def test_junit_has_a_suite_a_node_and_a_case_a_container_and_way_in() -> None:
    """Failures are those that --fail-on counts; a suppressed case is skipped, with its reason."""
    suites = parsed(shown(report(), "junit"))
    by_name = {suite.get("name"): suite for suite in suites}
    assert set(by_name) == {"n1", "not scheduled"}
    cases = {(case.get("classname"), case.get("name")): case for case in by_name["n1"]}
    assert len(cases) == len(by_name["n1"])
    failed = [name for name, case in cases.items() if case.find("failure") is not None]
    assert failed == [("ran.pod/du-0", f"dpdk {way}") for way in ("oc exec", "livenessProbe", "preStop")]
    skipped = cases["ran.pod/quiet", "dpdk oc exec"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == 'NSX002 suppressed: no <loop> there: "slow & steady"'
    told = cases["ran.pod/du-0", "dpdk livenessProbe"].findtext("system-out") or ""
    assert told.startswith("NSX005 exec-probe-with-cpu-pinning: latency")
    assert (suites.get("failures"), by_name["n1"].get("skipped")) == ("3", "1")
    assert cases["node", "exec probes in all"].find("failure") is None


def test_junit_fails_for_more_with_another_threshold_and_skips_what_was_not_looked_at() -> None:
    """any: informational findings too, and the node's sum."""
    strict = parsed(shown(report(), "junit", fail_on="any"))
    assert strict.get("failures") == "4"
    unknown = Report(facts(UNKNOWN._replace(kernel="")))
    unknown.add(pod(container(), runtimeClassName="plain"))
    (case,) = parsed(shown(unknown, "junit")).iter("testcase")
    skipped = case.find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "not looked at: node n1 could not be read: forbidden"


HOSTILE = "a\nb\x1b[2J\x00\u202e<&\"'\ufffe"


@pytest.mark.parametrize("output", [None, "wide", "json", "yaml", "junit", "sarif"])
def test_names_and_reasons_are_harmless_and_well_formed(output: str | None) -> None:
    """An API server lets annotations hold anything, a manifest everything."""
    made = Report(facts())
    bad = pod(container(HOSTILE, livenessProbe=probe(HOSTILE)), name=HOSTILE, node=HOSTILE)
    bad["metadata"]["annotations"] = {f"nsexec.io/ignore-{rule.id}": HOSTILE for rule in rules.RULES}
    made.add(bad)
    text = harmless(shown(made, output, HOSTILE))  # as Console.print has it
    if output == "junit":
        parsed(text)
    elif output == "yaml":
        yaml.safe_load(text)
    elif output is not None and output != "wide":
        json.loads(text)
    elif output is None:
        assert len(text.splitlines()) == 1 + 2  # no name makes a row
    assert all(character.isprintable() or character in "\n\t" for character in text)


def objects(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Every object of a document."""
    if isinstance(node, dict):
        yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from objects(each)


@pytest.mark.parametrize("filename", [None, "m.yaml", "-", "/tmp/a b.yaml"])
def test_sarif_is_of_version_2_1_0(filename: str | None) -> None:
    """Of a cluster, of a manifest, of stdin."""
    for known in (True, False):
        document = json.loads(shown(report(known=known), "sarif", filename))
        jsonschema.validate(document, SARIF, cls=jsonschema.Draft202012Validator)


def test_sarif_points_at_the_line_and_names_the_rule() -> None:
    """A result each finding, those that are suppressed with their reason; rules by their place in the table."""
    (run,) = json.loads(shown(report(), "sarif", "dir/a b.yaml"))["runs"]
    driver, results = run["tool"]["driver"], run["results"]
    assert [rule["id"] for rule in driver["rules"]] == [rule.id for rule in rules.RULES]
    assert all(driver["rules"][each["ruleIndex"]]["id"] == each["ruleId"] for each in results)
    first = results[0]
    assert (first["ruleId"], first["level"]) == ("NSX001", "error")
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "dir/a%20b.yaml"},
        "region": {"startLine": 7},
    }
    suppressed = [each["suppressions"] for each in results if "suppressions" in each]
    assert suppressed == [[{"kind": "inSource", "justification": 'no <loop> there: "slow & steady"'}]]
    assert len({json.dumps(each["partialFingerprints"]) for each in results}) == len(results)


def test_sarif_of_a_cluster_has_no_files() -> None:
    """Only names; and what was not looked at is a notification."""
    document = sarif.document(report(known=False), None)
    assert not any("physicalLocation" in each for each in objects(document))
    assert any(each.get("text", "").startswith("not looked at") for each in objects(document))
