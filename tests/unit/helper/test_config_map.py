"""What the helper pod runs, as a ConfigMap: named by what is in it, made once, and never run when it is another's."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.errors import ApiError, HelperPodError
from kubectl_nsexec.helper.config_map import HelperProgram, config_map, ensure, is_there, path, would_be_made
from kubectl_nsexec.helper.manifest import manifest, namespace_manifest
from tests.unit.fakes import Answer, FakeCluster, Json, forbidden, not_found
from tests.unit.helper.test_life import PROGRAM, spec

if TYPE_CHECKING:
    from collections.abc import Callable

MADE = config_map(PROGRAM, "nsexec")
GET = f"GET {path('nsexec', PROGRAM.name)}"
POST = f"POST {path('nsexec')}"
CONFLICT = ApiError("already exists", reason="AlreadyExists", status=409)


def changed(**fields: Any) -> Json:  # noqa: ANN401 - any field
    """The ConfigMap, but for some fields."""
    return {**MADE, **fields}


def test_the_config_map_holds_both_files_and_can_never_change() -> None:
    """The program as bytes, the agent as text that people can read."""
    assert MADE["immutable"] is True
    assert base64.b64decode(MADE["binaryData"]["shim"]) == PROGRAM.shim
    assert MADE["data"] == {"agent.sh": PROGRAM.agent}


@pytest.mark.parametrize(
    "other",
    [
        lambda: PROGRAM._replace(architecture="arm64"),
        lambda: PROGRAM._replace(shim=b"other"),
        lambda: PROGRAM._replace(agent="other"),
        lambda: HelperProgram("amd64", PROGRAM.shim + b"A", PROGRAM.agent[1:]),
    ],
    ids=["architecture", "shim", "agent", "another border between both"],
)
def test_programs_that_differ_have_different_names(other: Callable[[], HelperProgram]) -> None:
    """So two versions never meet in one object."""
    assert other().name != PROGRAM.name
    assert PROGRAM.name.startswith("nsexec-amd64-")


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (changed(binaryData={"shim": base64.b64encode(b"evil").decode()}), "has other content"),
        (changed(data={"agent.sh": "evil"}), "has other content"),
        (changed(data={**MADE["data"], "more": ""}), "has other content"),
        (changed(data=None), "has other content"),
        (changed(immutable=None), "is not immutable"),
        (changed(immutable=False), "is not immutable"),
    ],
    ids=["program", "agent", "more", "less", "not said", "mutable"],
)
def test_one_that_is_not_as_it_has_to_be_is_refused_by_name(found: Json, what: str) -> None:
    """Whoever may create ConfigMaps there must not become root on the nodes by its name."""
    with pytest.raises(HelperPodError, match=f'"{PROGRAM.name}".*{what}.*kubectl delete configmap {PROGRAM.name}'):
        is_there(FakeCluster({GET: found}), "nsexec", PROGRAM)


@pytest.mark.parametrize(("answer", "there"), [(MADE, True), (not_found("configmap"), False)])
def test_it_is_looked_for_by_name(answer: Answer, there: bool) -> None:  # noqa: FBT001
    """One question."""
    assert is_there(FakeCluster({GET: answer}), "nsexec", PROGRAM) is there


@pytest.mark.parametrize(
    ("answers", "calls"),
    [({POST: {}}, [POST]), ({POST: CONFLICT, GET: MADE}, [POST, GET])],
    ids=["missing", "another client was faster"],
)
def test_it_is_made_by_whoever_comes_first(answers: dict[str, Answer], calls: list[str]) -> None:
    """The other one uses it, once it has looked."""
    fake = FakeCluster(answers)
    ensure(fake, "nsexec", PROGRAM)
    assert fake.calls == calls
    assert fake.bodies[0] == MADE


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({POST: CONFLICT, GET: changed(data={})}, HelperPodError),
        ({POST: CONFLICT, GET: not_found("configmap")}, ApiError),
        ({POST: forbidden("no")}, ApiError),
    ],
    ids=["another's", "gone again", "forbidden"],
)
def test_what_cannot_be_made_is_an_error(answers: dict[str, Answer], error: type[Exception]) -> None:
    """Nothing is started."""
    with pytest.raises(error):
        ensure(FakeCluster(answers), "nsexec", PROGRAM)


@pytest.mark.parametrize(
    ("namespace", "program", "kinds"),
    [
        ({}, MADE, ["Pod"]),
        ({}, not_found("configmap"), ["ConfigMap", "Pod"]),
        (not_found("namespace"), not_found("configmap"), ["Namespace", "ConfigMap", "Pod"]),
        (forbidden("no"), MADE, ["Pod"]),
    ],
)
def test_a_dry_run_shows_all_that_would_be_made(namespace: Answer, program: Answer, kinds: list[str]) -> None:
    """In the order in which it would be, and nothing that is there."""
    fake = FakeCluster({"GET /api/v1/namespaces/nsexec": namespace, GET: program})
    made = would_be_made(fake, spec())
    assert [each["kind"] for each in made] == kinds
    everything = [namespace_manifest("nsexec"), MADE, manifest(spec())]
    assert all(each in everything for each in made)
