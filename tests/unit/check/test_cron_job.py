"""deploy/check: a check every night, with exactly the rights that the program's own requests take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from kubectl_nsexec import __version__
from kubectl_nsexec.check.lookups import _SINGLE_NODES
from kubectl_nsexec.helper import rbac
from kubectl_nsexec.helper.rbac import Right
from kubectl_nsexec.model.request import DEFAULT_HELPER_NAMESPACE
from tests.unit.check.builders import CLASS, container, pod
from tests.unit.check.cluster import ALL_PODS, paths, run

if TYPE_CHECKING:
    from tests.unit.fake_api import FakeApi

Json = dict[str, Any]

_DEPLOY: Final = Path(__file__).parents[3] / "deploy/check"
_NAME: Final = "nsexec-check"
_RESOURCE: Final = re.compile(r"/(?:api|apis/([^/]+))/[^/]+/(?:namespaces/[^/]+/)?([^/]+)(/[^/]+)?")


def _objects() -> dict[str, Json]:
    """``KIND/NAMESPACE/NAME`` → object, of all files."""
    documents = [d for file in ("namespace", "rights", "cron-job") for d in yaml.safe_load_all(_text(file))]
    return {"/".join((d["kind"], d["metadata"].get("namespace", ""), d["metadata"]["name"])): d for d in documents}


def _text(name: str) -> str:
    return (_DEPLOY / f"{name}.yaml").read_text()


@pytest.fixture
def objects() -> dict[str, Json]:
    """What is applied."""
    return _objects()


def _granted(role: Json) -> set[tuple[str, str]]:
    rights = [
        Right(verb, resource, group=group)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    return _pairs(rights)


def _pairs(rights: list[Right]) -> set[tuple[str, str]]:
    return {(right.verb, right.qualified) for right in rights}


def _right(path: str) -> Right:
    """What a GET of ``path`` takes."""
    found = _RESOURCE.fullmatch(path)
    assert found, path
    return Right("get" if found[3] else "list", found[2], group=found[1] or "")


def test_what_the_check_reads_is_what_it_may_read(
    cluster: FakeApi, capfd: pytest.CaptureFixture[str], objects: dict[str, Json]
) -> None:
    """Of pods of every kind on more nodes than are asked for by name: nothing is refused, and no right is left over."""
    by_claim = {"name": "a", "resources": {"claims": [{"name": "mine"}]}}
    claims = [{"name": "mine", **of} for of in ({"resourceClaimName": "c"}, {"resourceClaimTemplateName": "t"})]
    cluster.objects[ALL_PODS] = [
        *(pod(container(), name=f"du-{n}", node=f"n{n}", runtimeClassName=CLASS) for n in range(_SINGLE_NODES + 2)),
        *(pod(by_claim, name=f"claims-{n}", resourceClaims=[claim]) for n, claim in enumerate(claims)),
    ]
    run(capfd, "-A", "-o", "json")
    assert _pairs([_right(path) for path in paths(cluster)]) == _granted(objects[f"ClusterRole//{_NAME}"])


def test_what_a_helper_pod_takes_is_granted_in_its_namespace(objects: dict[str, Json]) -> None:
    """What the preflight of every run asks for; not to list or to exec into anything elsewhere."""
    helpers = DEFAULT_HELPER_NAMESPACE
    wanted = [*rbac.for_helper(helpers), *rbac.for_new_program(helpers)]
    assert _granted(objects[f"Role/{helpers}/{_NAME}"]) == _pairs(wanted)


def test_everything_is_bound_to_the_service_account_alone(objects: dict[str, Json]) -> None:
    """Whose token is given to the CronJob's pods and to none else."""
    bindings = {name: each for name, each in objects.items() if each["kind"].endswith("Binding")}
    account = {"kind": "ServiceAccount", "name": _NAME, "namespace": _NAME}
    assert [each["subjects"] for each in bindings.values()] == [[account]] * 3
    roles = {(each["roleRef"]["kind"], each["roleRef"]["name"]) for each in bindings.values()}
    scc = ("ClusterRole", "system:openshift:scc:privileged")
    assert roles == {("ClusterRole", _NAME), ("Role", _NAME), scc}
    assert all(
        f"/{DEFAULT_HELPER_NAMESPACE}/" in name for name, each in bindings.items() if each["kind"] == "RoleBinding"
    )
    assert objects[f"ServiceAccount/{_NAME}/{_NAME}"]["automountServiceAccountToken"] is False


def test_the_job_is_not_repeated_and_ends(objects: dict[str, Json]) -> None:
    """Findings (3) are a failure at once; one check at a time, and none for ever."""
    spec = objects[f"CronJob/{_NAME}/{_NAME}"]["spec"]
    job = spec["jobTemplate"]["spec"]
    assert (spec["concurrencyPolicy"], job["backoffLimit"]) == ("Forbid", 0)
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert job["activeDeadlineSeconds"] > job["template"]["spec"]["terminationGracePeriodSeconds"]
    assert spec["failedJobsHistoryLimit"] >= spec["successfulJobsHistoryLimit"] >= 1


def test_the_pod_may_do_nothing_on_its_node(objects: dict[str, Json]) -> None:
    """What the namespace's Pod Security level ``restricted`` asks for, and a root that is read only."""
    pod_spec = objects[f"CronJob/{_NAME}/{_NAME}"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (check,) = pod_spec["containers"]
    assert pod_spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert check["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert "volumes" not in pod_spec
    labels = objects[f"Namespace//{_NAME}"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert check["resources"].keys() == {"requests", "limits"}


def test_it_is_this_versions_image_and_checks_every_pod(objects: dict[str, Json]) -> None:
    """By the name that ``make dist`` gives it; the entry point is the image's."""
    pod_spec = objects[f"CronJob/{_NAME}/{_NAME}"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (check,) = pod_spec["containers"]
    assert check["image"] == f"localhost/kubectl-nsexec:{__version__}"
    assert check["args"] == ["--check", "--on-node", "-A", "-o", "json", "-q"]
    assert "command" not in check
    assert (pod_spec["serviceAccountName"], pod_spec["automountServiceAccountToken"]) == (_NAME, True)
