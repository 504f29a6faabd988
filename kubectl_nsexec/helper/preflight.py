"""Whether the user may do all that a run takes, asked side by side with what is read anyway.

A run that has its rights does not wait for this. One that lacks any is told of all at once, before anything is created.
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import ApiError, NsexecError
from kubectl_nsexec.helper import rbac
from kubectl_nsexec.helper.manifest import namespace_manifest
from kubectl_nsexec.model.background import Background
from kubectl_nsexec.model.http import FORBIDDEN, NOT_FOUND

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from kubectl_nsexec.helper.rbac import Right
    from kubectl_nsexec.kube import Cluster

_LANES = 2
"""Connections that questions asked together share. Each costs a TLS handshake, which is several times a question's own
cost on both sides; each question waits for a round trip of the ones before it."""
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_SOMEBODY = "USER"
"""Stands in a command line for a name that the server does not tell."""

_SCC_ROLE = "system:openshift:scc:privileged"
_SCC_REFUSES = "security context constraint"
_POD_SECURITY_REFUSES = "violates PodSecurity"
"""The words of the two admission plugins that may refuse a privileged pod (OpenShift, Kubernetes)."""
_MARKS = ("labels", "annotations")


class Preflight:
    """The rights of one run. What ``ask`` is given is asked at once, and waited for when the answer is wanted."""

    def __init__(self, cluster: Cluster, helper_namespace: str, program: str = "kubectl") -> None:
        """``program``: whose command lines are shown, ``kubectl`` or ``oc``."""
        self._cluster = cluster
        self._program = program
        self._helper_namespace = helper_namespace
        self._questions: list[tuple[Sequence[Right], Background[list[bool]]]] = []

    def ask(self, *wanted: Right) -> None:
        """Begins to ask for these; ``require`` wants them granted."""
        for first in range(min(_LANES, len(wanted))):
            lane = wanted[first::_LANES]
            self._questions.append((lane, Background(partial(_answers, self._cluster, lane))))

    def ask_who(self) -> None:
        """Begins to ask for the user's name."""
        _ = self._user

    @cached_property
    def _user(self) -> Background[str | None]:
        return Background(lambda: user_name(self._cluster))

    def user(self) -> str | None:
        """The user's name on the API server; None where the server does not tell (before Kubernetes 1.28)."""
        return self._user.result()

    def require(self) -> None:
        """Raises ApiError (403) in the server's words when any right is missing, and then names all that are."""
        if missing := self._missing():
            words = missing[0].refusal(self._name())
            raise ApiError(words + self._told(missing), reason="Forbidden", status=FORBIDDEN)

    def explain(self, error: NsexecError, others: Iterable[Right]) -> None:
        """Adds to an error that came of a 403 all that is missing, of ``others`` too; nothing when nothing is."""
        if not _is_forbidden(error):
            return
        with suppress(ApiError):  # then the server's own words have to do
            self.ask(*others)
            if missing := self._missing():
                error.message += self._told(missing)

    def explain_admission(self, error: ApiError) -> None:
        """Adds to the refusal of a privileged pod what would let it in, where it is known."""
        namespace, program = self._helper_namespace, self._program
        if _SCC_REFUSES in error.message:
            binding = [program, "create", "rolebinding", "nsexec-scc", "-n", namespace]
            grant = shlex.join([*binding, f"--clusterrole={_SCC_ROLE}", rbac.subject(self._name())])
            error.message += f"\nthe helper pod takes the SCC privileged, which an administrator grants by\n  {grant}"
        elif _POD_SECURITY_REFUSES in error.message:
            command = " && ".join(_marking(namespace, program))
            error.message += f"\nthe helper's namespace has to allow privileged pods, by\n  {command}"

    def _missing(self) -> list[Right]:
        pairs = [(lane, answers.result()) for lane, answers in self._questions]
        refused = {
            right for lane, answers in pairs for right, allowed in zip(lane, answers, strict=True) if not allowed
        }
        return sorted(refused, key=lambda right: (not right.namespace, right.namespace, right.resource, right.verb))

    def _name(self) -> str:
        return self.user() or _SOMEBODY

    def _told(self, missing: Collection[Right]) -> str:
        """Lines to follow an error: the rights, and what grants them."""
        commands = self._making_the_namespace(missing)
        made_anyway = rbac.for_new_namespace(self._helper_namespace) if commands else ()
        to_grant = [right for right in missing if right not in made_anyway]
        lines = [
            "nothing was created, for want of these rights:",
            *(f"  {line}" for line in rbac.table(missing)),
            "which an administrator grants by (or for a team at once by deploy/ of this project)",
            *(f"  {line}" for line in [*commands, *rbac.grants(to_grant, self._name(), self._program)]),
        ]
        return "".join(f"\n{line}" for line in lines)

    def _making_the_namespace(self, missing: Collection[Right]) -> list[str]:
        """What makes the helper's namespace, where it is missing, or may be: who has no right in it may not look."""
        name = self._helper_namespace
        in_it = rbac.for_helper(name)
        if not any(right in (*in_it, *rbac.for_new_namespace(name)) for right in missing):
            return []
        line = " && ".join([shlex.join([self._program, "create", "namespace", name]), *_marking(name, self._program)])
        try:
            self._cluster.request("GET", f"/api/v1/namespaces/{name}")
        except ApiError as error:
            if error.status == NOT_FOUND:
                return [line]
            return [f"{line}  # unless it is there"] if all(right in missing for right in in_it) else []
        return []


def _marking(namespace: str, program: str) -> list[str]:
    """The command lines that give a namespace what ``namespace_manifest`` has."""
    metadata = namespace_manifest(namespace)["metadata"]
    labels, annotations = ([f"{key}={value}" for key, value in metadata[kind].items()] for kind in _MARKS)
    overwrite = ["namespace", namespace, "--overwrite"]
    return [
        shlex.join([program, "label", *overwrite, *labels]),
        shlex.join([program, "annotate", *overwrite, *annotations]),
    ]


def _is_forbidden(error: BaseException | None) -> bool:
    """Whether it is a 403, or came of one."""
    return error is not None and (
        (isinstance(error, ApiError) and error.status == FORBIDDEN) or _is_forbidden(error.__cause__)
    )


def _answers(cluster: Cluster, wanted: Iterable[Right]) -> list[bool]:
    answers = [cluster.request("POST", _REVIEWS, body=right.review()) for right in wanted]
    return [bool((answer.get("status") or {}).get("allowed")) for answer in answers]


def user_name(cluster: Cluster) -> str | None:
    """Who we are to the API server; None where it does not tell, whatever it says instead."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    with suppress(ApiError, AttributeError):
        name = ((cluster.request("POST", _WHO, body=body).get("status") or {}).get("userInfo") or {}).get("username")
        return name if name and isinstance(name, str) else None
    return None
