"""``--cleanup``: what it finds, what it deletes, and what it never touches."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.errors import ApiError
from kubectl_nsexec.helper.sharing import keeper
from kubectl_nsexec.model.request import CleanupRequest, ClusterOptions
from kubectl_nsexec.session.cleanup import clean
from kubectl_nsexec.session.left_behind import helper_of
from kubectl_nsexec.transport import shared_helper_pod
from kubectl_nsexec.ui.console import Console
from tests.unit.fakes import Answer, FakeCluster, Json, forbidden, not_found

if TYPE_CHECKING:
    from pathlib import Path

EVERYWHERE = "GET /api/v1/pods"
PROGRAMS = "GET /api/v1/configmaps"
POD, PROGRAM = "/api/v1/namespaces/nsexec/pods/nsexec-a-1", "/api/v1/namespaces/nsexec/configmaps/nsexec-p"


def pod(name: str = "nsexec-a-1", phase: str = "Succeeded", namespace: str = "nsexec", **changed: Any) -> Json:  # noqa: ANN401 - any field
    """A helper pod as the API server shows it; ``changed`` are fields of its metadata."""
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"nsexec.io/target": "ran/du-0/dpdk", "nsexec.io/user": "joe"},
            **changed,
        },
        "spec": {"nodeName": "n", "containers": [{"name": "nsexec"}]},
        "status": {"phase": phase},
    }


def wanted(**changed: Any) -> CleanupRequest:  # noqa: ANN401 - any field
    """A plain --cleanup but for what is ``changed``."""
    fields: dict[str, Any] = {
        "connection": ClusterOptions(),
        "helper_namespace": None,
        "force": False,
        "dry_run": False,
        "output": None,
        "quiet": False,
    }
    return CleanupRequest(**(fields | changed))


class Run:
    """One clean-up: its status, what it printed and said, what it asked for."""

    def __init__(self, folder: Path, answers: dict[str, Answer], request: CleanupRequest | None = None) -> None:
        nothing: dict[str, Answer] = {PROGRAMS: {"items": []}}
        self.cluster = FakeCluster({**nothing, **answers})
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            console = Console(0, out.fileno(), err.fileno())
            self.status = clean(self.cluster, request or wanted(), console)
        self.printed, self.said = (folder / "out").read_text(), (folder / "err").read_text()

    @property
    def deleted(self) -> list[str]:
        """The names of the pods whose deletion was asked for."""
        return [call.rpartition("/")[2] for call in self.cluster.calls if call.startswith("DELETE")]


def results(run: Run) -> list[str]:
    """What became of each object, of a run with -o json."""
    return [str(helper["result"]) for helper in json.loads(run.printed)["helpers"]]


def deletion(*names: str, answer: Answer | None = None) -> dict[str, Answer]:
    """The API server deletes these."""
    return {f"DELETE /api/v1/namespaces/nsexec/pods/{name}": answer or {} for name in names}


def test_what_is_over_is_deleted_and_what_is_in_use_is_named_and_left(tmp_path: Path) -> None:
    """Finished pods go, whatever ended them; running and starting ones are somebody's session."""
    pods = [
        pod("nsexec-done"),
        pod("nsexec-failed", "Failed"),
        pod("nsexec-busy", "Running"),
        pod("nsexec-new", "Pending"),
        pod("nsexec-going", "Running", deletionTimestamp="2026-01-01T00:00:00Z"),
        pod("nsexec-lost", "Unknown"),
    ]
    run = Run(tmp_path, {EVERYWHERE: {"items": pods}, **deletion("nsexec-done", "nsexec-failed")})
    assert run.status == 0
    assert run.deleted == ["nsexec-done", "nsexec-failed"]
    header, *rows = (line.split() for line in run.printed.splitlines())
    assert header == ["NAMESPACE", "KIND", "NAME", "NODE", "TARGET", "USER", "STATE", "AGE", "RESULT"]
    assert [(row[2], row[6], row[8]) for row in rows] == [
        ("nsexec-done", "finished", "deleted"),
        ("nsexec-failed", "finished", "deleted"),
        ("nsexec-busy", "running", "left"),
        ("nsexec-new", "starting", "left"),
        ("nsexec-going", "ending", "left"),
        ("nsexec-lost", "unknown", "left"),
    ]
    assert "4 in use" in run.said
    assert "--force" in run.said


@pytest.mark.parametrize(("output", "word"), [(None, "held"), ("json", '"result": "held"')])
def test_what_a_finalizer_holds_is_not_called_deleted(tmp_path: Path, output: str | None, word: str) -> None:
    """The pod ends, and its record stays; what ran in it needs its program no more."""
    held = pod(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["example.com/audit", "a/b"])
    program = {"metadata": {**pod("nsexec-p")["metadata"]}}
    answers: dict[str, Answer] = {
        EVERYWHERE: {"items": [pod()]},
        PROGRAMS: {"items": [program]},
        **deletion("nsexec-a-1", answer=held),
        "DELETE /api/v1/namespaces/nsexec/configmaps/nsexec-p": {"kind": "Status", "metadata": {}},
    }
    run = Run(tmp_path, answers, wanted(output=output))
    assert (run.status, run.deleted) == (0, ["nsexec-a-1", "nsexec-p"])
    assert word in run.printed
    assert run.said == 'Pod nsexec-a-1 in namespace nsexec is held by the finalizer "example.com/audit", "a/b"\n'


HELD: Json = {"finalizers": ["example.com/audit", "a/b"]}


@pytest.mark.parametrize("finalizers", [{}, HELD], ids=["free", "held"])
@pytest.mark.parametrize(("phase", "force"), [("Succeeded", False), ("Running", True)])
def test_a_dry_run_says_what_a_real_one_does(tmp_path: Path, phase: str, *, finalizers: Json, force: bool) -> None:
    """The same word of each object, and the same finalizers, in the conditional."""
    listed: dict[str, Answer] = {
        EVERYWHERE: {"items": [running("nsexec-a-1", "nsexec-p", phase, **finalizers)]},
        PROGRAMS: {"items": [program("nsexec-p", **finalizers)]},
    }
    gone: dict[str, Answer] = {f"DELETE {path}": {"metadata": finalizers} for path in (POD, PROGRAM)}
    real = Run(tmp_path, {**listed, **gone}, wanted(force=force, output="json"))
    dry = Run(tmp_path, listed, wanted(force=force, output="json", dry_run=True))
    assert [f"would be {word}" for word in results(real)] == results(dry)
    assert results(real) == ["held" if finalizers else "deleted"] * 2
    assert real.said.replace(" is held", " would be held") == dry.said
    assert dry.said.count('"example.com/audit", "a/b"') == (2 if finalizers else 0)


def test_only_the_pod_that_was_looked_at_is_deleted(tmp_path: Path) -> None:
    """By its uid, so that a new pod of the same name is not hit."""
    run = Run(tmp_path, {EVERYWHERE: {"items": [pod()]}, **deletion("nsexec-a-1")})
    (body,) = [body for body in run.cluster.bodies if body is not None]
    assert (body["preconditions"], body["gracePeriodSeconds"]) == ({"uid": "uid-nsexec-a-1"}, 0)


@pytest.mark.parametrize(
    "stranger",
    [pod("web-1"), {**pod(), "spec": {"containers": [{"name": "nsexec"}, {"name": "web"}]}}],
    ids=["another name", "another container"],
)
def test_a_stranger_with_our_label_is_not_ours(tmp_path: Path, stranger: Json) -> None:
    """Anybody can write a label; not even --force deletes by that alone."""
    run = Run(tmp_path, {EVERYWHERE: {"items": [stranger]}}, wanted(force=True))
    assert (run.status, run.deleted, run.printed, run.said) == (0, [], "", "nothing to clean up\n")


def test_force_deletes_what_is_in_use_too(tmp_path: Path) -> None:
    """The way to be rid of a helper on a node that no longer answers."""
    run = Run(
        tmp_path,
        {EVERYWHERE: {"items": [pod("nsexec-busy", "Running")]}, **deletion("nsexec-busy")},
        wanted(force=True),
    )
    assert run.deleted == ["nsexec-busy"]
    assert "deleted" in run.printed
    assert run.said == ""


def test_a_dry_run_only_lists(tmp_path: Path) -> None:
    """What would go and what would stay."""
    run = Run(tmp_path, {EVERYWHERE: {"items": [pod(), pod("nsexec-busy", "Running")]}}, wanted(dry_run=True))
    assert run.cluster.calls == [EVERYWHERE, PROGRAMS]
    assert "would be deleted" in run.printed
    assert "left" in run.printed


def test_without_the_right_to_list_all_pods_the_helper_namespace_is_looked_at(tmp_path: Path) -> None:
    """A team that has a Role in that namespace can clean up there, and is told that it saw no more."""
    own = "GET /api/v1/namespaces/nsexec/pods"
    programs = "GET /api/v1/namespaces/nsexec/configmaps"
    answers: dict[str, Answer] = {PROGRAMS: forbidden("no"), programs: {"items": []}}
    answers |= {EVERYWHERE: forbidden("no"), own: {"items": [pod()]}, **deletion("nsexec-a-1")}
    run = Run(tmp_path, answers)
    assert run.deleted == ["nsexec-a-1"]
    assert 'only the namespace "nsexec"' in run.said


def test_a_named_namespace_is_the_only_one(tmp_path: Path) -> None:
    """--helper-namespace bounds what is touched."""
    own = "GET /api/v1/namespaces/team/pods"
    programs = "GET /api/v1/namespaces/team/configmaps"
    run = Run(tmp_path, {own: {"items": []}, programs: {"items": []}}, wanted(helper_namespace="team"))
    assert run.cluster.calls == [own, programs]
    assert run.said == "nothing to clean up\n"


def test_who_may_list_nothing_gets_the_servers_answer(tmp_path: Path) -> None:
    """A clean-up that saw nothing must not look like one that found nothing."""
    answers: dict[str, Answer] = {EVERYWHERE: forbidden("no"), "GET /api/v1/namespaces/nsexec/pods": forbidden("nor")}
    with pytest.raises(ApiError, match="nor"):
        Run(tmp_path, answers)


@pytest.mark.parametrize("answer", [not_found("pod"), ApiError("uid differs", reason="Conflict", status=409)])
def test_a_pod_that_somebody_else_deleted_is_fine(tmp_path: Path, answer: ApiError) -> None:
    """Two people clean up at once."""
    run = Run(tmp_path, {EVERYWHERE: {"items": [pod()]}, **deletion("nsexec-a-1", answer=answer)})
    assert (run.status, run.said) == (0, "")


def test_a_refused_deletion_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Exit status 1, the server's words, and every other pod is deleted."""
    run = Run(
        tmp_path,
        {
            EVERYWHERE: {"items": [pod("nsexec-1"), pod("nsexec-2")]},
            **deletion("nsexec-1", answer=forbidden("cannot delete")),
            **deletion("nsexec-2"),
        },
    )
    assert run.status == 1
    assert run.said == "Error from server (Forbidden): cannot delete (Pod nsexec-1 in namespace nsexec) [forbidden]\n"
    assert [line.split()[-1] for line in run.printed.splitlines()] == ["RESULT", "failed", "deleted"]


def test_json_has_names_that_stay(tmp_path: Path) -> None:
    """What scripts read is frozen here."""
    run = Run(tmp_path, {EVERYWHERE: {"items": [pod()]}}, wanted(output="json", dry_run=True))
    document = json.loads(run.printed)
    assert document["helpers"][0].pop("ageSeconds") > 0
    assert document == {
        "version": 1,
        "helpers": [
            {
                "kind": "Pod",
                "namespace": "nsexec",
                "name": "nsexec-a-1",
                "node": "n",
                "target": "ran/du-0/dpdk",
                "user": "joe",
                "state": "finished",
                "result": "would be deleted",
            }
        ],
    }


def test_json_of_nothing_is_a_list_of_nothing(tmp_path: Path) -> None:
    """A script need not tell two kinds of answer apart."""
    run = Run(tmp_path, {EVERYWHERE: {"items": []}}, wanted(output="json"))
    assert json.loads(run.printed) == {"version": 1, "helpers": []}


def test_the_age_is_never_negative() -> None:
    """A client whose clock is slow."""
    assert helper_of(pod(), datetime(2025, 12, 31, tzinfo=timezone.utc)).age_seconds == 0


OWN = {"app.kubernetes.io/managed-by": "kubectl-nsexec", "nsexec.io/keeper": keeper("joe")}
WHO: dict[str, Answer] = {
    "POST /apis/authentication.k8s.io/v1/selfsubjectreviews": {"status": {"userInfo": {"username": "joe"}}}
}


@pytest.mark.parametrize(("idle", "result"), [(True, "deleted"), (False, "left")])
def test_a_helper_of_ones_own_that_is_kept_ends_when_it_is_idle(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    idle: bool,  # noqa: FBT001
    result: str,
) -> None:
    """It is the helper that knows: it is asked to end, and says no while somebody is in it."""
    asked: list[str] = []

    def end(_: object, helper: Json) -> bool:
        asked.append(f"{helper['metadata']['namespace']}/{helper['metadata']['name']}")
        return idle

    monkeypatch.setattr(shared_helper_pod, "end", end)
    pods = {"items": [pod("nsexec-keep-1", "Running", labels=OWN)]}
    run = Run(tmp_path, {EVERYWHERE: pods, **WHO, **deletion("nsexec-keep-1")})
    assert asked == ["nsexec/nsexec-keep-1"]
    assert run.printed.split()[-1] == result


REVIEW = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews"
UNKNOWN: list[Answer] = [
    forbidden("no"),
    not_found("the server could not find the requested resource"),
    ApiError("broken", status=500),
    ApiError("no answer"),
    {},
    {"status": None},
    {"status": {"userInfo": None}},
    {"status": {"userInfo": {"username": ""}}},
    {"status": {"userInfo": {"username": ["joe"]}}},
    {"status": {"userInfo": ["joe"]}},
    {"status": "Failure"},
]
"""Answers to who one is that say nothing."""


@pytest.mark.parametrize("answer", UNKNOWN)
def test_by_force_a_kept_helper_goes_whosever_it_is(tmp_path: Path, answer: Answer) -> None:
    """Nobody need know who one is."""
    pods = {"items": [pod("nsexec-keep-1", "Running", labels=OWN), pod()]}
    answers = {EVERYWHERE: pods, REVIEW: answer, **deletion("nsexec-keep-1", "nsexec-a-1")}
    run = Run(tmp_path, answers, wanted(force=True))
    assert (run.status, run.deleted, run.said) == (0, ["nsexec-keep-1", "nsexec-a-1"], "")


@pytest.mark.parametrize("answer", UNKNOWN)
def test_without_a_name_kept_helpers_are_left_and_the_rest_goes(tmp_path: Path, answer: Answer) -> None:
    """A server that does not tell who one is is no reason to leave what is over."""
    pods = {"items": [pod("nsexec-keep-1", "Running", labels=OWN), pod()]}
    run = Run(tmp_path, {EVERYWHERE: pods, REVIEW: answer, **deletion("nsexec-a-1")})
    assert (run.status, run.deleted) == (0, ["nsexec-a-1"])
    assert "this API server does not tell who you are" in run.said
    assert "--cleanup --force ends these" in run.said


def test_helpers_that_others_keep_are_left(tmp_path: Path) -> None:
    """They are not even asked."""
    pods = {"items": [pod("nsexec-keep-1", "Running", labels={**OWN, "nsexec.io/keeper": keeper("jane")})]}
    run = Run(tmp_path, {EVERYWHERE: pods, **WHO})
    assert [word in run.printed for word in ("kept", "left")] == [True, True]


def test_a_dry_run_does_not_ask_a_kept_helper_to_end(tmp_path: Path) -> None:
    """It says what would be tried."""
    pods = {"items": [pod("nsexec-keep-1", "Running", labels=OWN)]}
    assert "would be deleted if idle" in Run(tmp_path, {EVERYWHERE: pods, **WHO}, wanted(dry_run=True)).printed


def test_of_a_kept_helper_it_says_which_finalizer_would_hold_it(tmp_path: Path) -> None:
    """As of any other."""
    pods = {"items": [pod("nsexec-keep-1", "Running", labels=OWN, **HELD)]}
    run = Run(tmp_path, {EVERYWHERE: pods, **WHO}, wanted(dry_run=True, output="json"))
    assert results(run) == ["would be held if idle"]
    assert 'would be held by the finalizer "example.com/audit", "a/b"\n' in run.said


def program(name: str, namespace: str = "nsexec", **changed: Any) -> Json:  # noqa: ANN401 - as of a pod
    """The ConfigMap of a helper's program, as far as it is asked for."""
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": {**metadata, **changed}}


def running(name: str, program_name: str, phase: str, **changed: Any) -> Json:  # noqa: ANN401 - as of a pod
    """A helper that needs that program."""
    made = pod(name, phase, **changed)
    made["spec"]["volumes"] = [{"name": "program", "configMap": {"name": program_name}}]
    return made


def test_a_program_goes_when_no_helper_needs_it_any_more(tmp_path: Path) -> None:
    """Also one of another version; one that a helper has mounted, or will mount, stays, and a stranger's as well."""
    pods = [
        running("nsexec-done", "nsexec-amd64-old", "Succeeded"),
        running("nsexec-new", "nsexec-amd64-new", "Pending"),
    ]
    programs = [program("nsexec-amd64-old"), program("nsexec-amd64-new"), program("kube-root-ca.crt")]
    removed: dict[str, Answer] = {"DELETE /api/v1/namespaces/nsexec/configmaps/nsexec-amd64-old": {}}
    answers: dict[str, Answer] = {EVERYWHERE: {"items": pods}, PROGRAMS: {"items": programs}, **removed}
    run = Run(tmp_path, {**answers, **deletion("nsexec-done")})
    assert run.deleted == ["nsexec-done", "nsexec-amd64-old"]
    assert run.printed.splitlines()[-1].split() == [
        "nsexec",
        "ConfigMap",
        "nsexec-amd64-old",
        "unused",
        *run.printed.split()[-2:],
    ]


def test_one_of_the_same_name_in_another_namespace_is_another_program(tmp_path: Path) -> None:
    """Each namespace has its own."""
    answers: dict[str, Answer] = {
        EVERYWHERE: {"items": [running("nsexec-busy", "nsexec-amd64-a", "Running")]},
        PROGRAMS: {"items": [program("nsexec-amd64-a"), program("nsexec-amd64-a", "team")]},
        "DELETE /api/v1/namespaces/team/configmaps/nsexec-amd64-a": {},
    }
    assert Run(tmp_path, answers).cluster.calls[-1] == "DELETE /api/v1/namespaces/team/configmaps/nsexec-amd64-a"


def test_who_may_not_list_programs_cleans_up_the_pods(tmp_path: Path) -> None:
    """And is told what was not looked for."""
    answers: dict[str, Answer] = {
        EVERYWHERE: {"items": [pod()]},
        PROGRAMS: forbidden("no"),
        "GET /api/v1/namespaces/nsexec/configmaps": forbidden("nor"),
    }
    run = Run(tmp_path, {**answers, **deletion("nsexec-a-1")})
    assert (run.status, run.deleted) == (0, ["nsexec-a-1"])
    assert "you may not list ConfigMaps" in run.said
