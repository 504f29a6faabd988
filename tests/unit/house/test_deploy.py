"""The manifests for a team (deploy/) say what the program does and asks for, no less and little more."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from kubectl_nsexec.helper import rbac
from kubectl_nsexec.helper.manifest import namespace_manifest
from kubectl_nsexec.model import resource_reference
from kubectl_nsexec.model.request import DEFAULT_HELPER_NAMESPACE

Json = dict[str, Any]

_DEPLOY: Final = Path(__file__).parents[3] / "deploy"
_HELPER_FOR_PEOPLE: Final = {
    ("get", "pods"),
    ("list", "pods"),
    ("list", "events"),
    ("list", "configmaps"),
    ("delete", "configmaps"),
}
"""To see what is there, and the reason when a helper does not start."""


def _documents(name: str) -> list[Json]:
    return list(yaml.safe_load_all((_DEPLOY / name).read_text()))


def _named(name: str, kind: str, called: str) -> Json:
    return next(d for d in _documents(name) if (d["kind"], d["metadata"]["name"]) == (kind, called))


def _granted(role: Json) -> set[tuple[str, str]]:
    """(verb, resource.GROUP) pairs."""
    return {
        (verb, ".".join(part for part in (resource, group) if part))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def _pairs(wanted: tuple[rbac.Right, ...]) -> set[tuple[str, str]]:
    return {(right.verb, right.qualified) for right in wanted}


def test_the_namespace_is_the_one_that_a_run_would_create() -> None:
    """Field by field."""
    assert _documents("namespace.yaml") == [namespace_manifest(DEFAULT_HELPER_NAMESPACE)]


def test_the_role_in_the_helpers_namespace_is_what_the_preflight_asks_for() -> None:
    """And what people want for looking."""
    granted = _granted(_named("helper.yaml", "Role", "nsexec"))
    asked_for = (*rbac.for_helper(DEFAULT_HELPER_NAMESPACE), *rbac.for_new_program(DEFAULT_HELPER_NAMESPACE))
    assert granted == _pairs(asked_for) | _HELPER_FOR_PEOPLE


@pytest.mark.parametrize("kind", resource_reference.KINDS, ids=lambda kind: kind.name)
def test_the_cluster_roles_cover_every_way_to_name_a_pod(kind: resource_reference.Kind) -> None:
    """POD and each TYPE/NAME, with and without --cpus."""
    named = resource_reference.Named(kind, "du")
    granted = _granted(_named("cluster.yaml", "ClusterRole", "nsexec-read"))
    granted |= _granted(_named("cluster.yaml", "ClusterRole", "nsexec-target"))
    wanted = (*rbac.for_reading("ran", named, profiles=True), rbac.exec_into("ran", "du"))
    assert _pairs(wanted) <= granted


def test_nothing_may_be_written_outside_the_helpers_namespace_but_events() -> None:
    """And exec, which is what they are for. No nodes/proxy: it is root on every node."""
    written = {
        pair
        for role in _documents("cluster.yaml")
        if role["kind"] == "ClusterRole"
        for pair in _granted(role)
        if pair[0] not in ("get", "list", "watch")
    }
    assert written == {("create", "pods/exec"), ("create", "events")}


def test_every_binding_is_for_the_same_group() -> None:
    """So that one name has to be changed."""
    names = ("helper.yaml", "cluster.yaml", "target/role-binding.yaml")
    subjects = [d["subjects"] for name in names for d in _documents(name) if d["kind"].endswith("Binding")]
    assert len(subjects) == 4
    assert all([s["name"] for s in found] == ["nsexec-users"] for found in subjects)


@pytest.mark.parametrize("folder", ["", "check", "target"])
def test_kustomize_finds_every_manifest(folder: str) -> None:
    """No file is forgotten."""
    listed = set(_documents(f"{folder}/kustomization.yaml".lstrip("/"))[0]["resources"])
    assert listed == {path.name for path in (_DEPLOY / folder).glob("*.yaml")} - {"kustomization.yaml"}
