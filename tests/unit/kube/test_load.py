"""What becomes of a kubeconfig and flags; nothing is connected to."""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.kube import KubernetesCluster, load
from kubectl_nsexec.kube.answers import unreachable
from kubectl_nsexec.kube.memory_file import memory_file
from kubectl_nsexec.kube.trace import Trace
from kubectl_nsexec.model.request import ClusterOptions


def loaded(
    folder: Path,
    user: dict[str, Any],
    cluster: dict[str, Any] | None = None,
    *,
    token: str | None = None,
    request_timeout_seconds: float | None = None,
) -> KubernetesCluster:
    """The cluster of a kubeconfig with one user and one cluster, under the flags."""
    path = folder / "kubeconfig"
    stanza = {"server": "https://api.example:6443", **(cluster or {})}
    content = {
        "clusters": [{"name": "k", "cluster": stanza}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "ran"}}],
        "current-context": "c",
    }
    path.write_text(json.dumps(content))
    flags = ClusterOptions(kubeconfig=str(path), token=token, request_timeout_seconds=request_timeout_seconds)
    return load(flags, print)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxies are not the test's."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def authorization(cluster: KubernetesCluster) -> str | None:
    """The header of that name."""
    return dict(cluster._headers()).get("Authorization")


def test_a_token_of_the_kubeconfig_and_of_the_flag(tmp_path: Path) -> None:
    """The flag wins; white space round a token is no part of it."""
    assert authorization(loaded(tmp_path, {"token": "t\n"})) == "Bearer t"
    assert authorization(loaded(tmp_path, {"tokenFile": "/nowhere"}, token="f")) == "Bearer f"
    assert authorization(loaded(tmp_path, {})) is None


def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    """Its content is renewed by others while a session lasts; a moment without the file does no harm."""
    (tmp_path / "token").write_text("one\n")
    cluster = loaded(tmp_path, {"tokenFile": "token"})
    assert authorization(cluster) == "Bearer one"
    (tmp_path / "token").write_text("two\n")
    assert authorization(cluster) == "Bearer two"
    (tmp_path / "token").unlink()
    assert authorization(cluster) == "Bearer two"


def test_a_name_and_password(tmp_path: Path) -> None:
    """HTTP's basic authentication."""
    header = authorization(loaded(tmp_path, {"username": "joe", "password": "pw"}))
    assert header == "Basic " + base64.b64encode(b"joe:pw").decode()


def test_an_expired_token_of_a_plugin_is_asked_for_again(tmp_path: Path) -> None:
    """The helper pod has to be deleted after a session of hours, too."""
    plugin = tmp_path / "plugin"
    status = '{"token": "t\'$n\'", "expirationTimestamp": "2020-01-01T00:00:00Z"}'
    version = "client.authentication.k8s.io/v1"
    plugin.write_text(
        f"#!/bin/sh\nn=$(cat {tmp_path}/n 2>/dev/null); n=$((n + 1)); echo $n >{tmp_path}/n\n"
        f"""echo '{{"apiVersion": "{version}", "kind": "ExecCredential", "status": {status}}}'\n"""
    )
    plugin.chmod(0o700)
    cluster = loaded(tmp_path, {"exec": {"apiVersion": version, "command": "./plugin", "interactiveMode": "Never"}})
    assert [authorization(cluster), authorization(cluster)] == ["Bearer t2", "Bearer t3"]


def test_inline_keys_never_reach_a_disk(tmp_path: Path) -> None:
    """They are files of this process's memory, so that nothing has to be cleaned up, whatever ends us."""
    data = base64.b64encode(b"PEM").decode()
    user = {"client-certificate-data": data, "client-key-data": data}
    cluster = loaded(tmp_path, user, {"server": "http://api.example"})
    configuration = cluster.configuration
    assert str(configuration.cert_file).startswith("/proc/self/fd/")
    assert configuration.key_file is not None
    assert Path(configuration.key_file).read_bytes() == b"PEM"
    assert memory_file(b"again") != memory_file(b"again")


@pytest.mark.parametrize(
    ("server", "variables", "proxy_url", "expected"),
    [
        ("https://api.example", {}, None, None),
        ("https://api.example", {"HTTPS_PROXY": "http://p:1"}, None, "http://p:1"),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": "http://p:1"}, None, None),
        ("https://localhost", {"HTTPS_PROXY": "http://p:1"}, None, None),
        ("https://127.0.0.1", {}, "http://p:2", "http://p:2"),
        ("https://api.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "api.example"}, "http://p:2", "http://p:2"),
    ],
)
def test_which_proxy_is_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: str,
    variables: dict[str, str],
    proxy_url: str | None,
    expected: str | None,
) -> None:
    """As Go does it: loopback never by the environment's, proxy-url whatever NO_PROXY says."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    cluster = loaded(tmp_path, {}, {"server": server, **({"proxy-url": proxy_url} if proxy_url else {})})
    assert cluster.configuration.proxy == (expected or "")
    pools = cluster._client._api.rest_client.pool_manager
    assert (str(pools.proxy) if expected else getattr(pools, "proxy", None)) == expected


def test_no_proxy_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the environment's proxy."""
    monkeypatch.setenv("HTTPS_PROXY", "http://p:1")
    monkeypatch.setenv("NO_PROXY", ".example")
    assert loaded(tmp_path, {}).configuration.proxy == ""


def test_a_proxy_that_is_none_is_named_without_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it stands."""
    with pytest.raises(UsageError, match="proxy-url p:x of the kubeconfig cannot be used") as error:
        loaded(tmp_path, {}, {"proxy-url": "http://me:secret@p:x"})
    assert "secret" not in error.value.message
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@p:x")
    with pytest.raises(UsageError, match="the proxy HTTPS_PROXY=p:x cannot be used") as error:
        loaded(tmp_path, {})
    assert "secret" not in error.value.message


def test_a_proxys_login_is_a_header_for_the_proxy(tmp_path: Path) -> None:
    """It is part of no address that could be shown."""
    configuration = loaded(tmp_path, {}, {"proxy-url": "http://me:p%40ss@p:1"}).configuration
    assert configuration.proxy == "http://p:1"
    assert configuration.proxy_headers == {"proxy-authorization": "Basic " + base64.b64encode(b"me:p@ss").decode()}


@pytest.mark.parametrize(
    ("server", "user", "expected"),
    [
        ("api:8080", {}, "http://api:8080"),
        ("api:6443", {"client-certificate-data": "eA==", "client-key-data": "eA=="}, "https://api:6443"),
        ("https://api/k8s/clusters/c/", {}, "https://api/k8s/clusters/c"),
    ],
)
def test_the_servers_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, user: dict[str, str], expected: str
) -> None:
    """Without a scheme it depends on the credentials, as in client-go; a path before the API's is kept."""
    monkeypatch.setattr("kubectl_nsexec.kube.tls.context", lambda _: None)  # they are none
    assert loaded(tmp_path, user, {"server": server}).server == expected


@pytest.mark.parametrize(
    ("flag", "given", "expected"),
    [(None, None, 30.0), (5.0, None, 5.0), (0.0, None, None), (None, 9.0, 9.0), (5.0, 9.0, 5.0), (0.0, 9.0, 9.0)],
)
def test_how_long_a_request_may_take(
    tmp_path: Path, flag: float | None, given: float | None, expected: float | None
) -> None:
    """--request-timeout replaces our default and shortens a step's own limit; 0 means no limit of ours."""
    assert loaded(tmp_path, {}, request_timeout_seconds=flag)._seconds(given) == expected


@pytest.mark.parametrize(
    "user",
    [{"client-certificate": "/nowhere"}, {"client-certificate-data": "x"}, {"auth-provider": {"name": "azure"}}],
)
def test_credentials_that_cannot_be_had_are_an_error(tmp_path: Path, user: dict[str, Any]) -> None:
    """Never a request without them."""
    with pytest.raises(UsageError):
        loaded(tmp_path, user)


@pytest.mark.parametrize(
    ("user", "cluster", "what"),
    [
        ({}, {"certificate-authority-data": "eA=="}, "certificate-authority"),
        ({"client-certificate-data": "eA==", "client-key-data": "eA=="}, {}, "client-certificate and client-key"),
    ],
)
def test_certificates_that_are_none_are_named(
    tmp_path: Path, user: dict[str, str], cluster: dict[str, str], what: str
) -> None:
    """Before anything is asked: it is the kubeconfig that is wrong, not the server that is away."""
    with pytest.raises(UsageError, match=f"the {what} of the kubeconfig cannot be used: "):
        loaded(tmp_path, user, cluster)


@pytest.mark.parametrize(
    ("flag", "variable", "words"),
    [
        (None, "", "~/.kube/config does not exist"),
        (None, "/nowhere/a:/nowhere/b", "/nowhere/a:/nowhere/b does not exist"),
        (None, "/dev/null", "/dev/null is empty"),
        ("/dev/null", "/nowhere/a", "/dev/null is empty"),
    ],
)
def test_a_kubeconfig_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str | None, variable: str, words: str
) -> None:
    """The one that counts, with the next step; that a context of it is missing as well says nobody."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", variable)
    with pytest.raises(UsageError) as refused:
        load(ClusterOptions(kubeconfig=flag, context="c"), print)
    assert refused.value.message.startswith(f"no API server is known: the kubeconfig {words}; log in")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (OSError("[Errno 5] of another's words"), "of another's words"),
        (TimeoutError("timed out"), "timed out"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_a_server_that_cannot_be_reached_is_told_without_python(error: Exception, words: str) -> None:
    """Nobody at a terminal has to know what an Errno is."""
    said = "the API server https://s could not be reached: {}; check the kubeconfig, VPN and proxy"
    assert unreachable("https://s", error).message == said.format(words)


@pytest.mark.parametrize(("level", "lines"), [(0, 0), (5, 0), (6, 1), (7, 1), (8, 2), (10, 2)])
def test_what_a_level_shows(level: int, lines: int) -> None:
    """Requests from 6 on, sizes from 8 on."""
    said: list[str] = []
    Trace(level, said.append).done("GET", "https://s/api", "200 OK", 0.0, None, 12)
    assert len(said) == lines
