"""Manifests that are not deployed yet: from YAML or JSON to the pods that they would make."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.check.facts import KnownFacts, asks_cpu_driver
from kubectl_nsexec.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubectl_nsexec.check.facts import Facts, NodeFacts
    from kubectl_nsexec.model.http import Json

_TEMPLATE_IN_SPEC = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "DeploymentConfig"}
)
_KINDS = ("Pod", "CronJob", "PodTemplate", *sorted(_TEMPLATE_IN_SPEC))


class Planned(NamedTuple):
    """A pod as a manifest has it, with its maker for an owner; ``line`` is where its document begins, from 1."""

    pod: Json
    line: int


class Manifest(NamedTuple):
    """``claims``: what the file itself says about resource claims; ``others``: objects that make no pods."""

    pods: tuple[Planned, ...]
    facts: KnownFacts
    others: int


class Together(NamedTuple):
    """Facts of a file and of the cluster that it is meant for: the file's own count, for they are newer."""

    own: KnownFacts
    there: Facts

    def node(self, name: str) -> NodeFacts:
        """See facts.Facts."""
        return self.there.node(name)

    def handler(self, runtime_class: str) -> str | None:
        """See facts.Facts."""
        own = self.own.handler(runtime_class)
        return self.there.handler(runtime_class) if own is None else own

    def claims_cpus(self, namespace: str, claim: str, *, template: bool) -> bool | None:
        """See facts.Facts."""
        own = self.own.claims_cpus(namespace, claim, template=template)
        return self.there.claims_cpus(namespace, claim, template=template) if own is None else own


def read(text: str, source: str, namespace: str | None) -> Manifest:
    """What is in ``text``, one document or several; ``source`` is its name in messages.

    ``namespace`` is for what names none. Raises UsageError where it is no manifest, or none of its objects makes pods.
    """
    pods: list[Planned] = []
    handlers: dict[str, str] = {}
    claims: dict[tuple[str, bool], bool] = {}
    others = 0
    for item, line in _objects(text, source):
        kind, name = str(item.get("kind") or ""), str(_mapping(item.get("metadata")).get("name") or "")
        pod = _pod(item, kind, namespace)
        if pod is not None:
            pods.append(Planned(_checked(pod, source, line), line))
        elif kind == "RuntimeClass":
            handlers[name] = str(item.get("handler") or "")
        elif kind in ("ResourceClaim", "ResourceClaimTemplate"):
            spec = _mapping(item.get("spec"))
            template = kind == "ResourceClaimTemplate"
            claims[name, template] = asks_cpu_driver(_mapping(spec.get("spec")) if template else spec)
        others += pod is None
    if not pods:
        raise UsageError(f"{source}: none of its objects makes pods; known are {', '.join(_KINDS)} and lists of them")
    return Manifest(tuple(pods), KnownFacts({}, handlers, claims), others)


def _objects(text: str, source: str) -> Iterator[tuple[Json, int]]:
    import yaml  # noqa: PLC0415 - only for --filename

    loader = yaml.SafeLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                for item in _flat(loader.construct_document(node), source):
                    yield item, node.start_mark.line + 1
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{source} is neither YAML nor JSON: {' '.join(str(error).split())}") from error
    finally:
        loader.dispose()


def _flat(document: object, source: str) -> Iterator[Json]:
    if document is None:
        return
    if not isinstance(document, dict):
        raise UsageError(f"{source} holds something that is no object")
    items = document.get("items")
    if str(document.get("kind") or "").endswith("List") and isinstance(items, list):
        for part in items:
            yield from _flat(part, source)
    else:
        yield document


def _pod(item: Json, kind: str, namespace: str | None) -> Json | None:
    """The pod that ``item`` is or makes; None for what makes none."""
    metadata, spec = _mapping(item.get("metadata")), _mapping(item.get("spec"))
    here = str(metadata.get("namespace") or namespace or "")
    if kind == "Pod":
        return {**item, "metadata": {**metadata, "namespace": here}}
    if kind == "PodTemplate":
        template = _mapping(item.get("template"))
    elif kind == "CronJob":
        template = _mapping(_mapping(_mapping(spec.get("jobTemplate")).get("spec")).get("template"))
    elif kind in _TEMPLATE_IN_SPEC:
        template = _mapping(spec.get("template"))
    else:
        return None
    owner = {"kind": kind, "name": str(metadata.get("name") or metadata.get("generateName") or ""), "controller": True}
    made = {**_mapping(template.get("metadata")), "namespace": here, "ownerReferences": [owner]}
    return {"metadata": made, "spec": template.get("spec")}


def _checked(pod: Json, source: str, line: int) -> Json:
    """``pod``, which nobody has validated yet. Raises UsageError where it is not built as a pod is."""
    spec = pod.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("containers"), list):
        raise UsageError(f"{source}, line {line}: a pod without spec.containers")
    for listed in (spec["containers"], spec.get("initContainers") or []):
        if not isinstance(listed, list) or not all(isinstance(container, dict) for container in listed):
            raise UsageError(f"{source}, line {line}: a container is no object")
    return pod


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}
