"""TYPE/NAME and manifests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.model.resource_reference import KINDS, from_manifest, manifest_text, parse

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("word", "kind", "text"),
    [
        ("du-0", "Pod", "du-0"),
        ("po/du-0", "Pod", "du-0"),
        ("deploy/web", "Deployment", "deployments.apps/web"),
        ("Deployment/web", "Deployment", "deployments.apps/web"),
        ("deployments.apps/web", "Deployment", "deployments.apps/web"),
        ("deployment.v1.apps/web", "Deployment", "deployments.apps/web"),
        ("sts/db", "StatefulSet", "statefulsets.apps/db"),
        ("ds/agent", "DaemonSet", "daemonsets.apps/agent"),
        ("rs/web-1", "ReplicaSet", "replicasets.apps/web-1"),
        ("rc/old", "ReplicationController", "replicationcontrollers/old"),
        ("pods.v1/du-0", "Pod", "du-0"),
        ("job.batch/once", "Job", "jobs.batch/once"),
        ("svc/web", "Service", "services/web"),
        ("dc/web", "DeploymentConfig", "deploymentconfigs.apps.openshift.io/web"),
    ],
)
def test_an_object_is_named_as_kubectl_names_it(word: str, kind: str, text: str) -> None:
    """Singular, plural and short names, with or without group and version; the text names the same object again."""
    named = parse(word)
    assert (named.kind.name, str(named), parse(text)) == (kind, text, named)


@pytest.mark.parametrize("word", ["deploy.foo/x", "job.apps/x", "svc.core/x", "nodes/x", "/x", "deploy,rs/x"])
def test_what_leads_to_no_pod_is_refused(word: str) -> None:
    """Another group is another kind."""
    with pytest.raises(UsageError):
        parse(word)


def test_every_kind_has_its_own_words() -> None:
    """No word may mean two kinds."""
    words = [word for kind in KINDS for word in kind.words]
    assert len(words) == len(set(words))
    assert {kind.root for kind in KINDS} == {"/api/v1", "/apis/apps/v1", "/apis/batch/v1", "/apis/apps.openshift.io/v1"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: du-0}\n", ("du-0", None)),
        ("---\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: n}\n", ("services/s", "n")),
        ('{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}}', ("jobs.batch/j", None)),
        (
            "apiVersion: v1\nkind: List\nitems: [{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d}}]",
            ("daemonsets.apps/d", None),
        ),
    ],
)
def test_a_manifest_names_one_object(text: str, expected: tuple[str, str | None]) -> None:
    """YAML or JSON, alone or as the only item of a List."""
    named, namespace = from_manifest(text, "f.yaml")
    assert (str(named), namespace) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no object"),
        ("a: [", "neither YAML nor JSON"),
        ("- 1", "no object"),
        ("kind: Pod", "no metadata.name"),
        ("metadata: {name: x}", "no kind"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}", "cannot attach to ConfigMap c"),
        ("apiVersion: apps/v1\nkind: Pod\nmetadata: {name: c}", "cannot attach to Pod c"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}",
            "cannot exec into multiple objects at a time",
        ),
    ],
)
def test_other_manifests_are_refused(text: str, words: str) -> None:
    """Each with what is wrong about it."""
    with pytest.raises(UsageError) as refused:
        from_manifest(text, "f.yaml")
    assert words in refused.value.message


def test_a_manifest_is_read_from_a_file_or_stdin(tmp_path: Path) -> None:
    """Stdin only where the command does not take it, and it stays open."""
    (tmp_path / "f").write_text("kind: Pod")
    with (tmp_path / "f").open("rb") as file:
        assert manifest_text("-", file.fileno(), stdin_taken=False) == "kind: Pod"
        assert os.fstat(file.fileno())
    assert manifest_text(str(tmp_path / "f"), 0, stdin_taken=True) == "kind: Pod"


@pytest.mark.parametrize("filename", ["-", "https://example.com/pod.yaml", "/nowhere/at/all"])
def test_a_manifest_that_cannot_be_had_is_refused(filename: str) -> None:
    """Stdin of the command, an address, and a file that is not there."""
    with pytest.raises(UsageError):
        manifest_text(filename, 0, stdin_taken=True)
