"""Manifests that are not deployed yet."""

from __future__ import annotations

import json

import pytest
import yaml

from kubectl_nsexec.check import workloads
from kubectl_nsexec.check.owners import owner_of
from kubectl_nsexec.errors import UsageError
from tests.unit.check.builders import Json, container, first

SPEC: Json = {"containers": [container()]}
TEMPLATE: Json = {"metadata": {"annotations": {"a": "b"}}, "spec": SPEC}


def manifest(kind: str, **fields: object) -> Json:
    """One object."""
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, **fields}


WORKLOADS = [
    manifest("Pod", spec=SPEC),
    manifest("Deployment", spec={"template": TEMPLATE}),
    manifest("StatefulSet", spec={"template": TEMPLATE}),
    manifest("DaemonSet", spec={"template": TEMPLATE}),
    manifest("ReplicaSet", spec={"template": TEMPLATE}),
    manifest("ReplicationController", spec={"template": TEMPLATE}),
    manifest("Job", spec={"template": TEMPLATE}),
    manifest("CronJob", spec={"jobTemplate": {"spec": {"template": TEMPLATE}}}),
    manifest("PodTemplate", template=TEMPLATE),
    manifest("DeploymentConfig", spec={"template": TEMPLATE}),
]


def read(text: str, namespace: str | None = None) -> workloads.Manifest:
    """As if it stood in m.yaml."""
    return workloads.read(text, "m.yaml", namespace)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda each: each["kind"])
def test_every_kind_that_makes_pods_is_read(workload: Json) -> None:
    """Its pods have it for an owner, and the template's annotations."""
    ((pod, _),) = read(yaml.safe_dump(workload)).pods
    assert str(owner_of(pod)) == f"{workload['kind'].lower()}/x"
    assert pod["spec"] == SPEC
    assert workload["kind"] == "Pod" or pod["metadata"]["annotations"] == {"a": "b"}


@pytest.mark.parametrize("form", [yaml.safe_dump_all, lambda items: json.dumps(manifest("List", items=items))])
def test_several_documents_and_lists_are_read(form: object) -> None:
    """What makes no pods is counted and passed over."""
    assert callable(form)
    found = read(form([manifest("Service"), *WORKLOADS]))
    assert (len(found.pods), found.others) == (10, 1)


def test_the_line_is_where_the_document_begins() -> None:
    """For whoever shows it in a review; comments and empty documents count."""
    text = "# first\n---\n" + yaml.safe_dump(WORKLOADS[0]) + "---\n---\n# second\n" + yaml.safe_dump(WORKLOADS[1])
    lines = text.splitlines()
    assert [lines[planned.line - 1] for planned in read(text).pods] == ["apiVersion: v1", "apiVersion: v1"]
    assert read(text).pods[0].line == 3


def test_the_namespace_is_the_manifests_else_the_flags() -> None:
    """As kubectl apply has it."""
    own = {**WORKLOADS[0], "metadata": {"name": "y", "namespace": "own"}}
    found = read(yaml.safe_dump_all([WORKLOADS[0], own]), "flag")
    assert [pod["metadata"]["namespace"] for pod, _ in found.pods] == ["flag", "own"]


def test_claims_and_classes_of_the_same_file_are_known() -> None:
    """As they come in one file with what uses them."""
    template = {"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "dra.cpu"}}]}}}
    gpu = {"devices": {"requests": [{"name": "r", "deviceClassName": "gpu.example.com"}]}}
    claiming = manifest(
        "Pod",
        spec={
            "runtimeClassName": "mine",
            "containers": [{"name": "a", "resources": {"claims": [{"name": "c"}]}}],
            "resourceClaims": [{"name": "c", "resourceClaimTemplateName": "x"}],
        },
    )
    objects = [
        manifest("ResourceClaimTemplate", spec=template),
        manifest("ResourceClaim", spec=gpu),
        {**manifest("RuntimeClass"), "metadata": {"name": "mine"}, "handler": "runc"},
        claiming,
    ]
    found = read(yaml.safe_dump_all(objects))
    assert found.facts.handler("mine") == "runc"
    assert found.facts.claims_cpus("", "x", template=False) is False
    assert first(found.pods[0].pod, found.facts).landing.words == "any CPU of its claim"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "m.yaml is neither YAML nor JSON"),
        ("- 1", "holds something that is no object"),
        ("", "none of its objects makes pods"),
        ("kind: Service", "none of its objects makes pods; known are Pod, CronJob, PodTemplate"),
        ("kind: Pod", "m.yaml, line 1: a pod without spec.containers"),
        ("kind: Pod\nspec: {containers: [1]}", "a container is no object"),
        ("kind: Pod\nspec: {containers: [], initContainers: 1}", "a container is no object"),
        ("kind: Deployment\nspec: []", "a pod without spec.containers"),
        ("a: 2026-99-99", "neither YAML nor JSON"),
        ("!!python/object/apply:os.system ['true']", "neither YAML nor JSON"),
    ],
)
def test_what_is_no_manifest_is_refused_with_its_place(text: str, words: str) -> None:
    """Nothing is taken for clean because it could not be read."""
    with pytest.raises(UsageError) as refused:
        read(text)
    assert words in refused.value.message
