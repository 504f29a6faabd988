"""A pod without a kubeconfig: its own cluster, by its service account, as kubectl finds it."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.errors import ApiError, UsageError
from kubectl_nsexec.kube import in_cluster, load
from kubectl_nsexec.model.request import ClusterOptions
from tests.conformance.authorities import Authorities
from tests.conformance.recorder import PATH, Recorder, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kubectl_nsexec.kube import KubernetesCluster

_OURS = re.compile("KUBE.*|POD_NAMESPACE|(HTTPS?|NO|ALL)_PROXY", re.IGNORECASE)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recorder, Path]]:
    """The API server, and the authority that vouches for it."""
    folder = tmp_path_factory.mktemp("authorities")
    authorities = Authorities(folder)
    with ExitStack() as stack:
        yield Recorder(authorities, stack), authorities.path("root.crt")


@pytest.fixture
def account(recorder: tuple[Recorder, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a service account, in a pod of that API server's."""
    for name in filter(_OURS.fullmatch, list(os.environ)):
        monkeypatch.delenv(name)
    server, root = recorder
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "token").write_text("one")
    (folder / "namespace").write_text("audits")
    (folder / "ca.crt").write_bytes(root.read_bytes())
    monkeypatch.setattr(in_cluster, "_ACCOUNT", folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.ports["good"]))
    server.taken()
    return folder


def asked(recorder: tuple[Recorder, Path], cluster: KubernetesCluster) -> Seen:
    """How the server saw one request, which it answers by 404."""
    with pytest.raises(ApiError) as error:
        cluster.request("GET", PATH)
    assert error.value.status == 404, error.value
    (seen,) = recorder[0].taken()
    return seen


@pytest.mark.usefixtures("account")
def test_the_accounts_token_and_authority_are_used(recorder: tuple[Recorder, Path]) -> None:
    """At the address that the kubelet gives to every container; the namespace is the account's."""
    cluster = load(ClusterOptions(), print)
    host = f"127.0.0.1:{recorder[0].ports['good']}"
    assert asked(recorder, cluster).headers == (("authorization", "Bearer one"), ("host", host))
    assert cluster.namespace == "audits"


def test_the_token_is_read_again(recorder: tuple[Recorder, Path], account: Path) -> None:
    """The kubelet renews it while we run; a moment without the file does no harm."""
    cluster = load(ClusterOptions(), print)
    told = []
    for change in (
        lambda: (account / "token").write_text("two\n"),
        (account / "token").unlink,
        lambda: (account / "token").write_text("three"),
    ):
        change()
        told.append(dict(asked(recorder, cluster).headers)["authorization"])
    assert told == ["Bearer two", "Bearer two", "Bearer three"]


@pytest.mark.usefixtures("account")
def test_flags_and_the_pods_own_variable_go_first(
    recorder: tuple[Recorder, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """--token, --as; POD_NAMESPACE of the downward API before the account's namespace."""
    monkeypatch.setenv("POD_NAMESPACE", "mine")
    cluster = load(ClusterOptions(token="t", as_user="joe"), print)
    headers = dict(asked(recorder, cluster).headers)
    assert (headers["authorization"], headers["impersonate-user"], cluster.namespace) == ("Bearer t", "joe", "mine")


def test_a_server_of_another_authority_is_not_believed(account: Path, recorder: tuple[Recorder, Path]) -> None:
    """Whoever stands at that address: it gets no token."""
    (account / "ca.crt").write_bytes(recorder[1].with_name("other.crt").read_bytes())
    with pytest.raises(ApiError, match="certificate verify failed"):
        load(ClusterOptions(), print).request("GET", PATH)
    assert recorder[0].taken() == []


@pytest.mark.parametrize("content", ["", "{}", "apiVersion: v1\nkind: Config\n"])
@pytest.mark.usefixtures("account")
def test_an_empty_kubeconfig_is_none(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As to kubectl; one that names a cluster is used, wherever we are."""
    (tmp_path / "config").write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert load(ClusterOptions(), print).namespace == "audits"
    (tmp_path / "config").write_text(
        "{clusters: [{name: k, cluster: {server: 'https://elsewhere'}}],"
        " contexts: [{name: c, context: {cluster: k}}], current-context: c}"
    )
    assert load(ClusterOptions(), print).server == "https://elsewhere"


def test_a_pod_without_a_token_has_no_cluster(account: Path) -> None:
    """automountServiceAccountToken: false."""
    (account / "token").unlink()
    with pytest.raises(UsageError, match="no API server is known"):
        load(ClusterOptions(), print)


@pytest.mark.usefixtures("account")
def test_an_address_of_ipv6_is_put_into_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a URL wants it."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    assert load(ClusterOptions(), print).server == "https://[fd00::1]:443"
