"""The node's own word about its CPUs: what CRI-O, workload pinning and the running kubelet say there.

The host node is this machine. These tests write the node's own files, so they refuse to run where there are any.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from testbed import host_kubelet
from tests.live.pods import guaranteed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.harness import Finished, Pods, Program
    from tests.live.pods import Pod

    Put = Callable[[str, str], None]
    Run = Callable[..., Finished]

pytestmark = [pytest.mark.host_node, pytest.mark.alone, pytest.mark.usefixtures("nothing_left")]

DROP_IN = "/etc/crio/crio.conf.d/99-runtimes.conf"
PINNING = "/etc/kubernetes/openshift-workload-pinning"
PROFILE = f'PerformanceProfile "performance-{host_kubelet.ROLE}", spec.cpu.reserved'
RESERVED = host_kubelet.RESERVED
SCHEMA = Path(__file__).parents[2] / "docs/reference/proof.schema.json"


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod that owns a CPU."""
    return shared_pods.start(guaranteed("sources", node=host_node))


@pytest.fixture
def run(nsexec: Program, target: Pod) -> Run:
    """``oc nsexec`` into it: ``run("--verify")``."""

    def run(*words: str) -> Finished:
        return nsexec(target.name, "-n", target.namespace, *words)

    return run


@pytest.fixture
def put() -> Iterator[Put]:
    """Writes files of the node; afterwards exactly these are gone, and the folders made for them."""
    made: list[Path] = []
    for folder in ("/etc/crio", "/etc/kubernetes"):
        if Path(folder).exists():
            pytest.fail(f"{folder} is there already: this machine is a node of somebody's")

    def put(path: str, text: str) -> None:
        file = Path(path)
        missing = [folder for folder in reversed(file.parents) if not folder.exists()]
        for folder in missing:
            folder.mkdir()
            made.append(folder)
        if file not in made:
            made.append(file)
        file.write_text(text)

    try:
        yield put
    finally:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink()


@pytest.fixture(scope="module")
def without_profiles(kubectl: Program) -> Iterator[str]:
    """A user who may run this tool but not list PerformanceProfiles, nor ask the kubelet."""
    rules = (
        "--verb=get,list,create,delete,watch",
        "--resource=pods,pods/exec,pods/attach,nodes,namespaces,events,configmaps",
    )
    kubectl.ok("create", "clusterrole", "sources-few", *rules)
    kubectl.ok("create", "clusterrolebinding", "sources-few", "--clusterrole=sources-few", "--user=jane")
    yield "--as=jane"
    kubectl.ok("delete", "clusterrole,clusterrolebinding", "sources-few")


def infra(cpus: str) -> str:
    """The drop-in as the Node Tuning Operator writes it."""
    return f'[crio.runtime]\ninfra_ctr_cpuset = "{cpus}"\n'


def test_a_drop_in_that_contradicts_the_profile_stops_the_run(run: Run, put: Put) -> None:
    """The error names the profile and the file, with what each says, and the ways out; nothing was started."""
    put(DROP_IN, infra(host_kubelet.isolated()))
    done = run("--", "echo", "started")
    assert (done.status, done.stdout) == (125, b"")
    assert f"{PROFILE} ({RESERVED}), but {DROP_IN}, infra_ctr_cpuset says {host_kubelet.isolated()}" in done.stderr
    assert "--cpu-source profile, node or kubelet" in done.stderr
    forced = run("--cpu-source=profile", "--", "echo", "started")
    assert (forced.status, forced.text) == (0, "started\n"), forced.stderr
    assert f"warning: {PROFILE} says {RESERVED}, but {DROP_IN}" in forced.stderr


def test_a_node_that_agrees_is_part_of_the_proof(run: Run, put: Put) -> None:
    """The last drop-in wins, an empty value is no word, and the running kubelet's file is found by its process."""
    put("/etc/crio/crio.conf.d/01-default.conf", infra(host_kubelet.isolated()))
    put(DROP_IN, infra(RESERVED))
    put(PINNING, '{"management": {"cpuset": ""}}')
    done = run("--verify")
    assert done.status == 0, done.stderr
    assert f"CHECKED WITH    {DROP_IN}, infra_ctr_cpuset: {RESERVED}" in " ".join(done.text.split("\n                "))
    assert "host-kubelet.json, reservedSystemCPUs" in " ".join(done.text.split("\n                "))
    assert PINNING not in done.text


def test_the_proof_for_scripts(run: Run, put: Put, target: Pod) -> None:
    """-o json and -o yaml say the same; beside a command it is on stderr, for stdout is the command's."""
    put(DROP_IN, infra(RESERVED))
    done = run("--verify", "-o", "json")
    assert (done.status, done.stderr) == (0, "")
    proof = json.loads(done.text)
    jsonschema.validate(proof, json.loads(SCHEMA.read_text()))
    assert proof["target"]["pod"] == target.name
    assert proof["reserved"] == {"cpus": RESERVED, "by": "profile", "source": PROFILE}
    assert {"source": f"{DROP_IN}, infra_ctr_cpuset", "cpus": RESERVED, "agrees": True} in proof["crossChecks"]
    assert proof["exclusive"]["cpus"] == proof["target"]["cpus"]
    assert (proof["command"]["cpus"], proof["verdict"]["reason"]) == (RESERVED, "Apart")
    beside = run("--verify", "-oyaml", "-q", "--", "echo", "fine")
    assert (beside.status, beside.text) == (0, "fine\n")
    again = yaml.safe_load(beside.stderr)
    assert again | {"command": None} == proof | {"command": None}


def test_a_file_that_is_damaged_stops_the_run(run: Run, put: Put) -> None:
    """CRI-O itself would not start with it."""
    put(DROP_IN, "infra_ctr_cpuset = \n")
    done = run("--", "true")
    assert done.status == 125
    assert f"{DROP_IN} on the node cannot be understood" in done.stderr


@pytest.mark.parametrize(
    ("path", "text", "source"),
    [
        (DROP_IN, infra(RESERVED), f"{DROP_IN}, infra_ctr_cpuset"),
        (PINNING, f'{{"management": {{"cpuset": "{RESERVED}"}}}}', f"{PINNING}, management"),
    ],
)
def test_without_rights_the_node_says_which_cpus(
    run: Run, put: Put, without_profiles: str, path: str, text: str, source: str
) -> None:
    """The helper asks for its CPUs from the shared pool; the command never sees another CPU than theirs."""
    put(path, text)
    done = run(without_profiles, "--verify")
    assert done.status == 0, done.stderr
    lines = done.text.splitlines()
    assert f"RESERVED CPUS   {RESERVED}" in lines
    assert f"SOURCE          {source}" in lines
    assert any(line.startswith("CHECKED WITH") for line in lines)
    assert not any(line.startswith("WARNING") for line in lines)
    shown = run(without_profiles, "--", "grep", "Cpus_allowed_list", "/proc/self/status")
    assert shown.text.split() == ["Cpus_allowed_list:", RESERVED]


def test_without_rights_and_without_the_nodes_word_nothing_runs(run: Run, without_profiles: str) -> None:
    """The kubelet's set alone might include the CPUs of OVS: the helper asks, is told nothing, and is gone."""
    done = run(without_profiles, "--", "echo", "started")
    assert (done.status, done.stdout) == (125, b"")
    assert "may include the CPUs of OVS" in done.stderr
    assert "get leave to list performanceprofiles" in done.stderr


def test_files_that_disagree_stop_the_run(run: Run, put: Put, without_profiles: str) -> None:
    """Both files are named."""
    put(DROP_IN, infra(RESERVED))
    put(PINNING, f'{{"management": {{"cpuset": "{host_kubelet.isolated()}"}}}}')
    done = run(without_profiles, "--", "true")
    assert done.status == 125
    assert f"{DROP_IN}, infra_ctr_cpuset ({RESERVED}), but {PINNING}, management" in done.stderr


def test_cpus_that_the_kubelet_gave_away_veto_the_nodes_word(run: Run, put: Put) -> None:
    """Forced or not: the target's own CPU is nobody else's."""
    put(DROP_IN, infra(host_kubelet.isolated()))
    done = run("--cpu-source=node", "--", "echo", "started")
    assert (done.status, done.stdout) == (125, b"")
    assert host_kubelet.isolated() in done.stderr


def test_the_kubelets_word_can_be_asked_for(run: Run) -> None:
    """--cpu-source kubelet: its set without what the profile gives to OVS and to sharing."""
    done = run("--cpu-source=kubelet", "--verify")
    assert done.status == 0, done.stderr
    assert f"RESERVED CPUS   {RESERVED}\n" in done.text
    assert "reservedSystemCPUs" in done.text
