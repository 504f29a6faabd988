"""Rights on the API server as values: what they are called, how one asks for them, and what grants them."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.kube.api import PERFORMANCE_GROUP
from kubectl_nsexec.model.resource_reference import POD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.resource_reference import Named

_SERVICE_ACCOUNT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
_NOT_IN_A_NAME = re.compile(r"[/%]")
"""What the name of a role may not contain (k8s.io/apimachinery, IsValidPathSegmentName)."""


class Right(NamedTuple):
    """One verb on one resource; the fields are those of a ResourceAttributes (authorization.k8s.io/v1)."""

    verb: str
    resource: str
    """With its subresource, e.g. ``pods/exec``."""
    namespace: str = ""
    """"": at the cluster scope."""
    name: str = ""
    """"": any object."""
    group: str = ""

    @property
    def qualified(self) -> str:
        """As kubectl takes it after ``--resource``: ``pods/exec``, ``deployments.apps``."""
        resource, slash, subresource = self.resource.partition("/")
        return (f"{resource}.{self.group}" if self.group else resource) + slash + subresource

    def review(self) -> Json:
        """The SelfSubjectAccessReview that asks whether one has it."""
        resource, _, subresource = self.resource.partition("/")
        attributes = {
            "verb": self.verb,
            "group": self.group,
            "resource": resource,
            "subresource": subresource,
            "namespace": self.namespace,
            "name": self.name,
        }
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
        }

    def refusal(self, user: str) -> str:
        """The API server's own words to ``user`` (k8s.io/apiserver, responsewriters/errors.go)."""
        kind = self.qualified.partition("/")[0] + (f' "{self.name}"' if self.name else "")
        where = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        what = f'cannot {self.verb} resource "{self.resource}" in API group "{self.group}" {where}'
        return f'{kind} is forbidden: User "{user}" {what}'


_STREAMS = ("pods/attach", "pods/exec")


def for_helper(namespace: str) -> tuple[Right, ...]:
    """What a run does in the helper's namespace.

    A WebSocket is opened by GET: since 1.35 the server asks for ``create`` beside ``get`` (KEP-4006); for a role that
    other clients use too, both are right on every server.
    """
    pods = [Right(verb, "pods", namespace) for verb in ("create", "watch", "delete")]
    streams = [Right(verb, stream, namespace) for stream in _STREAMS for verb in ("get", "create")]
    return (*pods, *streams, Right("get", "configmaps", namespace))


def for_new_namespace(namespace: str) -> tuple[Right, ...]:
    """What it takes besides where the helper's namespace is missing."""
    return Right("create", "namespaces"), Right("watch", "serviceaccounts", namespace)


def for_new_program(namespace: str) -> tuple[Right, ...]:
    """What it takes besides where no helper of this version was in the namespace before."""
    return (Right("create", "configmaps", namespace),)


def for_reading(namespace: str, named: Named, *, profiles: bool) -> tuple[Right, ...]:
    """What is read before anything is created; ``profiles``: the PerformanceProfiles too."""
    rights = [Right("get", named.kind.plural, namespace, named.name, named.kind.group)]
    if named.kind is not POD:
        rights += [Right(verb, "pods", namespace) for verb in ("list", "watch")]
    rights.append(Right("get", "nodes"))
    if profiles:
        rights.append(Right("list", "performanceprofiles", group=PERFORMANCE_GROUP))
    return tuple(rights)


def for_listing(namespace: str, owner: Named | None, *, profiles: bool) -> tuple[Right, ...]:
    """What is read before anything is created in many pods of ``namespace`` ("": of all), or in those of ``owner``."""
    rights = [Right("list", "pods", namespace), Right("get", "nodes")]
    if owner is not None:
        rights.append(Right("get", owner.kind.plural, namespace, owner.name, owner.kind.group))
    if profiles:
        rights.append(Right("list", "performanceprofiles", group=PERFORMANCE_GROUP))
    return tuple(rights)


def exec_into(namespace: str, pod: str = "") -> Right:
    """What ``oc exec`` takes: whoever may not do that is not let in by us either."""
    return Right("create", "pods/exec", namespace, pod)


def table(missing: Iterable[Right]) -> list[str]:
    """One line for the verbs on each resource, in columns."""
    rows = [
        (",".join(verbs), right.qualified, f"namespace {right.namespace}" if right.namespace else "the cluster")
        for right, verbs in _by_resource(missing)
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"{verbs:<{widths[0]}}  {resource:<{widths[1]}}  {where}" for verbs, resource, where in rows]


def grants(missing: Iterable[Right], user: str, program: str) -> list[str]:
    """The command lines by which an administrator grants exactly these, with ``program`` (kubectl or oc).

    ``kubectl create role`` gives each of its verbs on each of its resources: so a role for each set of verbs. Its name
    says what is in it, so that one that is there already is the right one.
    """
    shared: dict[tuple[str, tuple[str, ...]], list[Right]] = {}
    for right, verbs in _by_resource(missing):
        shared.setdefault((right.namespace, verbs), []).append(right)
    lines = []
    for (namespace, verbs), of_these in shared.items():
        resources = [right.qualified for right in of_these]
        role = "-".join(["nsexec", *verbs, *(re.sub(r"[/.]", "-", resource) for resource in resources)])
        binding = _NOT_IN_A_NAME.sub("-", f"{role}-{user}")
        kind, where = ("role", ["-n", namespace]) if namespace else ("clusterrole", [])
        made = [program, "create", kind, role, *where, f"--verb={','.join(verbs)}", f"--resource={','.join(resources)}"]
        bound = [program, "create", f"{kind}binding", binding, *where, f"--{kind}={role}", subject(user)]
        lines.append(f"{shlex.join(made)} && {shlex.join(bound)}")
    return lines


def subject(user: str) -> str:
    """The flag of ``kubectl create rolebinding`` that names ``user``, as the API server calls it."""
    account = _SERVICE_ACCOUNT.fullmatch(user)
    return f"--serviceaccount={account[1]}:{account[2]}" if account else f"--user={user}"


def _by_resource(rights: Iterable[Right]) -> list[tuple[Right, tuple[str, ...]]]:
    """``(a right on the resource, all verbs on it)``, in the order of the first."""
    found: dict[Right, list[str]] = {}
    for right in rights:
        verbs = found.setdefault(right._replace(verb="", name=""), [])
        if right.verb not in verbs:
            verbs.append(right.verb)
    return [(right, tuple(verbs)) for right, verbs in found.items()]
