"""On the host node: who may run ``oc nsexec``, who is told what is missing, and what is left to see of a run."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from kubectl_nsexec.helper import rbac
from kubectl_nsexec.model.resource_reference import parse
from testbed import binaries, pki
from testbed.paths import API_SERVER, KUBECONFIG
from tests.live.pods import pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.helper.rbac import Right
    from tests.live.harness import Finished, Pods, Program
    from tests.live.pods import Pod

pytestmark = [pytest.mark.host_node, pytest.mark.usefixtures("nothing_left")]

Json = dict[str, Any]

_DEPLOY: Final = Path(__file__).parents[2] / "deploy"
_GROUP: Final = "nsexec-users"
_TABLE: Final = "nothing was created, for want of these rights:"
_GRANTED_BY: Final = "which an administrator grants by"
_RIGHTS: Final = (
    *rbac.for_helper("HELPERS"),
    *rbac.for_reading("TARGET", parse("t"), profiles=True),
    rbac.exec_into("TARGET", "t"),
)
"""All that a run takes; the namespaces get their names later."""
_HAS_ALL: Final = "live-has-all"
_PROFILES_RIGHT: Final = next(right for right in _RIGHTS if right.resource == "performanceprofiles")


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """One pod for all of them, in the shared pool, so that none waits for a free CPU."""
    return shared_pods.start(pod("rights", node=host_node))


@pytest.fixture(scope="module")
def deployed(kubectl: Program, helpers: str, target: Pod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The helper namespace as deploy/ makes it, under a name of the module's own, and the target's namespace bound."""
    folder = tmp_path_factory.mktemp("overlay")
    overlay = {"resources": [os.path.relpath(_DEPLOY, folder.resolve())], "namespace": helpers}
    (folder / "kustomization.yaml").write_text(json.dumps(overlay))
    kubectl.ok("apply", "-k", str(folder))
    kubectl.ok("apply", "-n", target.namespace, "-k", str(_DEPLOY / "target"))
    kubectl.ok("wait", "-n", helpers, "--for=create", "serviceaccount/default", "--timeout=300s")
    try:
        yield helpers
    finally:
        kubectl.ok("delete", "-n", target.namespace, "-k", str(_DEPLOY / "target"))
        kubectl.ok("delete", "-k", str(folder), "--timeout=300s")


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of a user of the team, by a client certificate."""
    pki.certificate("live-team", "live-team", _GROUP)
    return pki.kubeconfig(tmp_path_factory.mktemp("member") / "kubeconfig", "live-team", API_SERVER)


@pytest.fixture(scope="module")
def lacking(kubectl: Program, deployed: str, target: Pod) -> Iterator[dict[Right, str]]:
    """A user for each right, who has all but that one."""
    named = {right: _placed(right, deployed, target) for right in _RIGHTS}
    users = {right: f"live-lacks-{number}" for number, right in enumerate(_RIGHTS)}
    made = [
        document
        for number, (right, placed) in enumerate(named.items())
        for document in _granting(f"live-right-{number}", placed, [users[other] for other in users if other != right])
    ]
    # Wanted only where it is not known that there is one: all of them may make it.
    (to_make,) = rbac.for_new_program("HELPERS")
    made += _granting("live-right-program", _placed(to_make, deployed, target), list(users.values()))
    content = json.dumps({"apiVersion": "v1", "kind": "List", "items": made}).encode()
    kubectl.ok("apply", "-f", "-", stdin=content)
    try:
        yield users
    finally:
        kubectl.ok("delete", "-f", "-", stdin=content)


def test_a_member_of_the_team_is_let_in(nsexec: Program, target: Pod, deployed: str, member: Path) -> None:
    """With what deploy/ grants and nothing else; no notice is given."""
    assert deployed
    done = _run(nsexec, target, "--kubeconfig", str(member), "--", "id", "-u")
    assert (done.status, done.stdout, done.stderr) == (0, b"0\n", "")


def test_a_member_is_recorded_on_the_pod(
    nsexec: Program, kubectl: Program, target: Pod, deployed: str, member: Path
) -> None:
    """An Event names user, container, CPUs, node and helper, and no word of the command."""
    _run(nsexec, target, "--kubeconfig", str(member), "--", "echo", "hunter2")
    last = _events(kubectl, target)[-1]
    assert last["message"].startswith("live-team runs a command in container main on CPUs 0 of node node-a")
    assert f"{deployed}/nsexec-" in last["message"]
    assert last["involvedObject"]["uid"] == target.uid
    assert "hunter2" not in json.dumps(last)
    assert "echo" not in json.dumps(last)


def test_arguments_are_recorded_when_asked_for(nsexec: Program, kubectl: Program, target: Pod) -> None:
    """In the Event and on the helper pod, which also says who, where and when."""
    with nsexec.start(
        target.name,
        "-n",
        target.namespace,
        "--record-args",
        "--user=7",
        "-i",
        "--",
        "sh",
        "-c",
        "echo on; cat",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        listed = json.loads(kubectl.ok("get", "pods", "-n", nsexec.environment["NSEXEC_NAMESPACE"], "-o", "json"))
        process.stdin.close()
        assert process.wait(60) == 0
    (helper,) = listed["items"]
    said = helper["metadata"]["annotations"]
    assert said["nsexec.io/target"] == f"{target.namespace}/{target.name}/main"
    assert said["nsexec.io/user"] == "admin"
    assert said["nsexec.io/privileges"] == "--user 7"
    assert json.loads(said["nsexec.io/command"]) == ["sh", "-c", "echo on; cat"]
    assert said["nsexec.io/started"].startswith("20")
    assert (
        'runs ["sh", "-c", "echo on; cat"] in container main with --user 7' in _events(kubectl, target)[-1]["message"]
    )


def test_who_may_not_create_events_goes_on(
    nsexec: Program, target: Pod, lacking: dict[Right, str], member: Path
) -> None:
    """Without a word, but for -v."""
    del lacking
    # --as goes on top of the administrator: a user with every right of _RIGHTS, among which events are not.
    nobody_lacks = ("--as=live-has-all",)
    quiet = _run(nsexec, target, *nobody_lacks, "--", "true")
    assert (quiet.status, quiet.stderr) == (0, "")
    told = _run(nsexec, target, *nobody_lacks, "-v=1", "--", "true")
    assert told.status == 0
    assert told.stderr.startswith("no Event says that the command ran: events is forbidden")
    assert member


@pytest.mark.parametrize("right", _RIGHTS, ids=lambda right: f"{right.verb} {right.qualified} {right.namespace}")
def test_each_missing_right_is_named_alone(
    nsexec: Program, kubectl: Program, target: Pod, deployed: str, lacking: dict[Right, str], right: Right
) -> None:
    """In the server's words, before anything is created, with the command that grants it."""
    # Without profiles the node's own word would do, where it has one.
    insisting = ["--cpu-source=profile"] if right is _PROFILES_RIGHT else []
    done = _run(nsexec, target, f"--as={lacking[right]}", *insisting, "--", "true")
    placed = _placed(right, deployed, target)
    assert (done.status, done.stdout) == (125 if right is _PROFILES_RIGHT else 1, b"")
    assert placed.refusal(lacking[right]).partition(": ")[2] in done.stderr
    assert _between(done.stderr, _TABLE, _GRANTED_BY) == [f"  {line}" for line in rbac.table([placed])]
    assert _after(done.words, _GRANTED_BY) == [f"  {line}" for line in rbac.grants([placed], lacking[right], "oc")]
    started = kubectl.ok("get", "events", "-n", deployed, "-o", "jsonpath={.items[*].message}")
    assert lacking[right] not in started


def test_exec_into_the_target_is_refused_in_kubectls_words(
    nsexec: Program, kubectl: Program, target: Pod, lacking: dict[Right, str]
) -> None:
    """Whoever may not oc exec into a pod may not oc nsexec into it."""
    user = f"--as={lacking[_RIGHTS[-1]]}"
    ours = _run(nsexec, target, user, "--", "true").stderr.splitlines()[0]
    theirs = kubectl("exec", user, "-n", target.namespace, target.name, "--", "true").stderr.strip()
    assert ours.partition("(Forbidden): ")[2] == theirs.partition("unable to upgrade connection: ")[2]


def test_without_a_helper_pod_the_target_still_decides(
    nsexec: Program, kubectl: Program, target: Pod, lacking: dict[Right, str]
) -> None:
    """--via local takes no right in the helpers' namespace, but the same ones on the target, and leaves the Event."""
    assert _RIGHTS[0].resource == "pods"
    let_in = _run(nsexec, target, "--via=local", f"--as={lacking[_RIGHTS[0]]}", "--", "echo", "in")
    assert (let_in.status, let_in.stdout) == (0, b"in\n"), let_in.stderr
    refused = _run(nsexec, target, "--via=local", f"--as={lacking[_RIGHTS[-1]]}", "--", "echo", "in")
    assert (refused.status, refused.stdout) == (1, b"")
    assert 'cannot create resource "pods/exec"' in refused.stderr
    assert _run(nsexec, target, "--via=local", "--", "true").status == 0
    assert _events(kubectl, target)[-1]["message"].endswith("by a shell on the node")


def test_a_service_account_without_any_right_is_let_in_by_the_commands_that_it_is_told(
    nsexec: Program, kubectl: Program, target: Pod, tmp_path: Path
) -> None:
    """All is named at once, the missing namespace too; an administrator pastes it, and that is enough."""
    kubectl.ok("create", "serviceaccount", "bot", "-n", target.namespace)
    token = kubectl.ok("create", "token", "bot", "-n", target.namespace).strip()
    kubeconfig = _with_token(tmp_path / "kubeconfig", token)
    helpers = f"{nsexec.environment['NSEXEC_NAMESPACE']}-new"
    bot = dataclasses.replace(nsexec, environment={"NSEXEC_NAMESPACE": helpers, "KUBECONFIG": str(kubeconfig)})
    refused = bot(target.name, "-n", target.namespace, "--", "true")
    assert (refused.status, refused.stdout) == (1, b"")
    assert refused.stderr.startswith(f'Error from server (Forbidden): pods "{target.name}" is forbidden')
    script = "\n".join(_after(refused.words, _GRANTED_BY))
    assert f"--serviceaccount={target.namespace}:bot" in script
    try:
        _as_administrator(script)
        kubectl.ok("wait", "-n", helpers, "--for=create", "serviceaccount/default", "--timeout=300s")
        done = bot(target.name, "-n", target.namespace, "--", "true")
        assert (done.status, done.stderr.splitlines()) == (0, [])
    finally:
        _taken_back(kubectl, script)
        kubectl.ok("delete", "namespace", helpers, "--ignore-not-found", "--timeout=300s")
        kubectl.ok("delete", "serviceaccount", "bot", "-n", target.namespace)


def test_a_namespace_that_lets_no_privileged_pod_in_is_opened_by_the_command_that_is_told(
    nsexec: Program, kubectl: Program, target: Pod
) -> None:
    """Pod Security refuses the helper: nothing is created, and the labels that are missing are named."""
    closed = f"{nsexec.environment['NSEXEC_NAMESPACE']}-closed"
    kubectl.ok("create", "namespace", closed)
    try:
        kubectl.ok("label", "namespace", closed, "pod-security.kubernetes.io/enforce=baseline")
        kubectl.ok("wait", "-n", closed, "--for=create", "serviceaccount/default", "--timeout=300s")
        refused = _run(nsexec, target, "--helper-namespace", closed, "--", "true")
        assert (refused.status, refused.stdout) == (1, b"")
        assert 'violates PodSecurity "baseline:latest"' in refused.stderr
        _as_administrator("\n".join(_after(refused.words, "the helper's namespace has to allow privileged pods, by")))
        done = _run(nsexec, target, "--helper-namespace", closed, "--", "true")
        assert (done.status, done.stderr) == (0, "")
    finally:
        kubectl.ok("delete", "namespace", closed, "--timeout=300s")


def test_programs_that_disturb_are_warned_about(nsexec: Program, target: Pod) -> None:
    """On stderr, by name also through a path; -q silences it."""
    told = _run(nsexec, target, "--", "/bin/pmap", "1")
    assert told.stderr.splitlines()[0].startswith("warning: pmap reads /proc/PID/maps and smaps under the memory lock")
    assert "warning" not in _run(nsexec, target, "-q", "--", "/bin/pmap", "1").stderr


def _run(nsexec: Program, target: Pod, *arguments: str) -> Finished:
    return nsexec(target.name, "-n", target.namespace, *arguments)


def _placed(right: Right, helpers: str, target: Pod) -> Right:
    """The right with the namespaces of this run, and the target's name where it is about it."""
    namespaces = {"HELPERS": helpers, "TARGET": target.namespace, "": ""}
    name = target.name if right.name else ""
    return right._replace(namespace=namespaces[right.namespace], name=name)


def _granting(name: str, right: Right, users: list[str]) -> list[Json]:
    """A role that gives ``right``, and its binding to ``users`` and to one who lacks nothing."""
    kind = "Role" if right.namespace else "ClusterRole"
    metadata = {"name": name} | ({"namespace": right.namespace} if right.namespace else {})
    api = "rbac.authorization.k8s.io"
    rule = {"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]}
    return [
        {"apiVersion": f"{api}/v1", "kind": kind, "metadata": metadata, "rules": [rule]},
        {
            "apiVersion": f"{api}/v1",
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": api, "kind": kind, "name": name},
            "subjects": [{"apiGroup": api, "kind": "User", "name": user} for user in (*users, _HAS_ALL)],
        },
    ]


def _events(kubectl: Program, target: Pod) -> list[Json]:
    """The Events of runs in the target, in the order of their creation."""
    selector = f"involvedObject.uid={target.uid},reason=NsexecStarted"
    listed = kubectl.ok("get", "events", "-n", target.namespace, "--field-selector", selector, "-o", "json")
    items: list[Json] = json.loads(listed)["items"]
    return sorted(items, key=lambda item: int(item["metadata"]["resourceVersion"]))


def _between(text: str, first: str, last: str) -> list[str]:
    lines = text.splitlines()
    begin = lines.index(first) + 1
    return lines[begin : next(i for i, line in enumerate(lines) if line.startswith(last))]


def _after(text: str, first: str) -> list[str]:
    lines = text.splitlines()
    return lines[next(i for i, line in enumerate(lines) if line.startswith(first)) + 1 :]


def _as_administrator(script: str) -> None:
    """Runs command lines of ``oc`` by kubectl, each of which must succeed."""
    path = f"{binaries.KUBERNETES.folder()}:{os.environ['PATH']}"
    environment = {**os.environ, "KUBECONFIG": str(KUBECONFIG), "PATH": path}
    subprocess.run(["sh", "-e", "-c", f'oc() {{ kubectl "$@"; }}\n{script}'], check=True, env=environment)


def _taken_back(kubectl: Program, script: str) -> None:
    """Deletes what the commands of a script have created, but for namespaces."""
    for command in re.findall(r"oc create (\w*role\w*) (\S+)(?: -n (\S+))?", script):
        kind, name, namespace = command
        where = ("-n", namespace) if namespace else ()
        kubectl.ok("delete", kind, name, *where, "--ignore-not-found")


def _with_token(path: Path, token: str) -> Path:
    """A kubeconfig of the cluster for the bearer of ``token``."""
    content = json.loads(KUBECONFIG.read_text())
    content["users"] = [{"name": content["users"][0]["name"], "user": {"token": token}}]
    path.write_text(json.dumps(content))
    return path
