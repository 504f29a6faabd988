"""Rights: the question, the server's words, and the command line that grants exactly what is missing."""

from __future__ import annotations

import pytest

from kubectl_nsexec.helper import rbac
from kubectl_nsexec.helper.rbac import Right
from kubectl_nsexec.model.resource_reference import parse

_EXEC = Right("create", "pods/exec", "ran", "du-0")
_PROFILES = Right("list", "performanceprofiles", group="performance.openshift.io")


def test_a_review_asks_for_the_subresource_by_itself() -> None:
    """As authorization.k8s.io/v1 has its fields; empty ones are left out."""
    assert _EXEC.review()["spec"] == {
        "resourceAttributes": {
            "verb": "create",
            "resource": "pods",
            "subresource": "exec",
            "namespace": "ran",
            "name": "du-0",
        }
    }
    assert Right("get", "nodes").review()["spec"] == {"resourceAttributes": {"verb": "get", "resource": "nodes"}}


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (
            _EXEC,
            (
                'pods "du-0" is forbidden: User "joe" cannot create resource "pods/exec" in API group "" '
                'in the namespace "ran"'
            ),
        ),
        (
            Right("watch", "pods", "nsexec"),
            'pods is forbidden: User "joe" cannot watch resource "pods" in API group "" in the namespace "nsexec"',
        ),
        (
            _PROFILES,
            (
                'performanceprofiles.performance.openshift.io is forbidden: User "joe" cannot list resource '
                '"performanceprofiles" in API group "performance.openshift.io" at the cluster scope'
            ),
        ),
    ],
)
def test_a_refusal_has_the_servers_words(right: Right, words: str) -> None:
    """So that what is said does not depend on who found out."""
    assert right.refusal("joe") == words


def test_the_table_has_a_line_for_the_verbs_on_each_resource() -> None:
    """A name within is left out: a role is not for one pod."""
    same_of_any = _EXEC._replace(name="")
    assert rbac.table([*rbac.for_helper("nsexec"), _EXEC, same_of_any, Right("get", "nodes")]) == [
        "create,watch,delete  pods         namespace nsexec",
        "get,create           pods/attach  namespace nsexec",
        "get,create           pods/exec    namespace nsexec",
        "get                  configmaps   namespace nsexec",
        "create               pods/exec    namespace ran",
        "get                  nodes        the cluster",
    ]


def test_resources_with_the_same_verbs_share_a_role() -> None:
    """No role gives more than what is missing."""
    assert rbac.grants([*rbac.for_helper("nsexec"), _PROFILES], "joe", "oc") == [
        (
            "oc create role nsexec-create-watch-delete-pods -n nsexec --verb=create,watch,delete --resource=pods"
            " && oc create rolebinding nsexec-create-watch-delete-pods-joe -n nsexec"
            " --role=nsexec-create-watch-delete-pods --user=joe"
        ),
        (
            "oc create role nsexec-get-create-pods-attach-pods-exec -n nsexec --verb=get,create"
            " --resource=pods/attach,pods/exec"
            " && oc create rolebinding nsexec-get-create-pods-attach-pods-exec-joe -n nsexec"
            " --role=nsexec-get-create-pods-attach-pods-exec --user=joe"
        ),
        (
            "oc create role nsexec-get-configmaps -n nsexec --verb=get --resource=configmaps"
            " && oc create rolebinding nsexec-get-configmaps-joe -n nsexec --role=nsexec-get-configmaps --user=joe"
        ),
        (
            "oc create clusterrole nsexec-list-performanceprofiles-performance-openshift-io --verb=list"
            " --resource=performanceprofiles.performance.openshift.io"
            " && oc create clusterrolebinding nsexec-list-performanceprofiles-performance-openshift-io-joe"
            " --clusterrole=nsexec-list-performanceprofiles-performance-openshift-io --user=joe"
        ),
    ]


@pytest.mark.parametrize(
    ("user", "flag", "in_name"),
    [
        ("system:serviceaccount:ran:bot", "--serviceaccount=ran:bot", "system:serviceaccount:ran:bot"),
        ("joe@example.com", "--user=joe@example.com", "joe@example.com"),
        ("CN=Joe; rm -rf /", "'--user=CN=Joe; rm -rf /'", "'nsexec-get-nodes-CN=Joe; rm -rf -'"),
    ],
)
def test_every_kind_of_user_can_be_granted(user: str, flag: str, in_name: str) -> None:
    """Service accounts have a flag of their own, a slash is not allowed in a name, and the shell sees one word."""
    (line,) = rbac.grants([Right("get", "nodes")], user, "kubectl")
    assert line.endswith(flag)
    assert in_name in line


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("du-0", [Right("get", "pods", "ran", "du-0"), Right("get", "nodes"), _PROFILES]),
        (
            "deploy/du",
            [
                Right("get", "deployments", "ran", "du", "apps"),
                Right("list", "pods", "ran"),
                Right("watch", "pods", "ran"),
                Right("get", "nodes"),
                _PROFILES,
            ],
        ),
    ],
)
def test_what_is_read_depends_on_how_the_pod_is_named(word: str, expected: list[Right]) -> None:
    """TYPE/NAME takes more; --cpus saves the profiles."""
    assert list(rbac.for_reading("ran", parse(word), profiles=True)) == expected
    assert list(rbac.for_reading("ran", parse(word), profiles=False)) == expected[:-1]
