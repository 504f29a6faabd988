"""The connection as kubectl has it: each way of naming a server and of proving who one is, against the real one."""

from __future__ import annotations

import dataclasses
import json
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from testbed import pki
from testbed.paths import API_PORT, API_SERVER
from tests.live.pods import pod
from tests.live.relays import connect_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.harness import Finished, Pods, Program
    from tests.live.pods import Pod

    Run = Callable[..., Finished]

pytestmark = pytest.mark.host_node

Json = dict[str, Any]

_BY_NAME = f"https://kubernetes:{API_PORT}"
"""A name of the server's certificate that only a proxy can resolve."""
_EXEC_VERSION = "client.authentication.k8s.io/v1"


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A best-effort pod."""
    return shared_pods.start(pod("flags", node=host_node))


@pytest.fixture(scope="module")
def token(kubectl: Program, namespace: str) -> Iterator[str]:
    """The token of a service account that may do everything."""
    kubectl.ok("create", "serviceaccount", "flags", "-n", namespace)
    subject = f"--serviceaccount={namespace}:flags"
    kubectl.ok("create", "clusterrolebinding", f"{namespace}-flags", "--clusterrole=cluster-admin", subject)
    yield kubectl.ok("create", "token", "flags", "-n", namespace).strip()
    kubectl.ok("delete", "clusterrolebinding", f"{namespace}-flags")


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    """A client certificate of an administrator, and its key."""
    certificate, key = pki.certificate("live-flags", "live-flags", "system:masters")
    return str(certificate), str(key)


@pytest.fixture
def run(nsexec: Program, target: Pod, tmp_path: Path) -> Run:
    """Runs ``echo fine`` in the target with these flags, with no kubeconfig but the one that they name."""

    def run(*flags: str, **environment: str) -> Finished:
        settings = {**nsexec.environment, "KUBECONFIG": "/nowhere", "HOME": str(tmp_path), **environment}
        program = dataclasses.replace(nsexec, environment=settings)
        return program(target.name, "-n", target.namespace, *flags, "--", "echo", "fine")

    return run


def written(path: Path, user: Json, cluster: Json | None = None) -> str:
    """Writes a kubeconfig with this user, and returns its path."""
    stanza = {"server": API_SERVER, "certificate-authority": str(pki.CA_CRT), **(cluster or {})}
    content = {
        "clusters": [{"name": "k", "cluster": stanza}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "current-context": "c",
    }
    path.write_text(json.dumps(content))
    return str(path)


def plugin(path: Path, status: Json, *, exit_code: int = 0) -> Json:
    """A user whose credentials a shell script prints."""
    credential = {"apiVersion": _EXEC_VERSION, "kind": "ExecCredential", "status": status}
    path.with_suffix(".json").write_text(json.dumps(credential))
    path.write_text(f"#!/bin/sh\necho asking >&2\ncat {path.with_suffix('.json')}\nexit {exit_code}\n")
    path.chmod(0o700)
    return {"exec": {"apiVersion": _EXEC_VERSION, "command": f"./{path.name}", "interactiveMode": "Never"}}


def fine(done: Finished) -> bool:
    """Whether the command ran."""
    assert (done.status, done.text) == (0, "fine\n"), done.stderr
    return True


def test_flags_alone_are_enough(run: Run, token: str, keys: tuple[str, str]) -> None:
    """Server, authority and credentials without any kubeconfig."""
    where = ("-s", API_SERVER, "--certificate-authority", str(pki.CA_CRT))
    assert fine(run(*where, "--client-certificate", keys[0], "--client-key", keys[1]))
    assert fine(run(*where, f"--token={token}"))


def test_tokens_of_a_kubeconfig(run: Run, token: str, tmp_path: Path) -> None:
    """Inside it, and in a file beside it."""
    assert fine(run("--kubeconfig", written(tmp_path / "a", {"token": token})))
    (tmp_path / "token").write_text(f"{token}\n")
    assert fine(run("--kubeconfig", written(tmp_path / "b", {"tokenFile": "token"})))


def test_exec_plugins(run: Run, token: str, keys: tuple[str, str], tmp_path: Path) -> None:
    """One that prints a token, and one that prints a certificate; their stderr is shown."""
    user = plugin(tmp_path / "by-token", {"token": token, "expirationTimestamp": "2020-01-01T00:00:00Z"})
    done = run("--kubeconfig", written(tmp_path / "a", user))
    assert fine(done)
    assert "asking" in done.stderr
    certificate, key = (Path(path).read_text() for path in keys)
    user = plugin(tmp_path / "by-key", {"clientCertificateData": certificate, "clientKeyData": key})
    assert fine(run("--kubeconfig", written(tmp_path / "b", user)))


def test_an_exec_plugin_that_fails_ends_the_run(run: Run, tmp_path: Path) -> None:
    """With kubectl's words, and nothing is asked of the server without credentials."""
    done = run("--kubeconfig", written(tmp_path / "a", plugin(tmp_path / "bad", {}, exit_code=3)), "-v=6")
    assert (done.status, done.stdout) == (1, b"")
    assert f"getting credentials: exec: executable {tmp_path}/bad failed with exit code 3" in done.stderr
    assert "GET" not in done.stderr


def test_kubeconfigs_of_several_files(run: Run, token: str, kubeconfig: Path, tmp_path: Path) -> None:
    """KUBECONFIG as a list, and flags that choose among what is in it."""
    mine = written(tmp_path / "mine", {"token": "wrong"})
    (tmp_path / "users").write_text(json.dumps({"users": [{"name": "v", "user": {"token": token}}]}))
    several = f"{mine}:{tmp_path / 'none'}:{tmp_path / 'users'}:{kubeconfig}"
    assert "Unauthorized" in run(KUBECONFIG=several).stderr
    assert fine(run("--user", "v", KUBECONFIG=several))
    assert fine(run("--context", "testbed", KUBECONFIG=several))
    assert fine(run("--cluster", "testbed", "--user", "admin", KUBECONFIG=several))


def test_whom_the_server_must_be(run: Run, kubeconfig: Path) -> None:
    """--tls-server-name and --insecure-skip-tls-verify, for requests and streams alike."""
    config = ("--kubeconfig", str(kubeconfig))
    assert fine(run(*config, "--tls-server-name", "kubernetes"))
    assert "certificate verify failed" in run(*config, "--tls-server-name", "other").stderr
    done = run(*config, "--insecure-skip-tls-verify=true", "--tls-server-name", "other")
    assert fine(done)
    assert "Warning" not in done.stderr


def test_impersonation(run: Run, kubectl: Program, kubeconfig: Path, helpers: str, tmp_path: Path) -> None:
    """Of requests and of streams: one who may do nothing but be joe, who may do all, gets through as joe alone."""
    config = ("--kubeconfig", str(kubeconfig))
    assert fine(run(*config, "--as", "joe", "--as-uid", "7", "--as-group", "a", "--as-group", "system:masters"))
    certificate, key = pki.certificate("live-nobody", "live-nobody", "live-nobodies")
    user = {"client-certificate": str(certificate), "client-key": str(key)}
    config = ("--kubeconfig", written(tmp_path / "nobody", user))
    names = (f"{helpers}-be-joe", f"{helpers}-joe")
    kubectl.ok("create", "clusterrole", names[0], "--verb=impersonate", "--resource=users", "--resource-name=joe")
    kubectl.ok("create", "clusterrolebinding", names[0], f"--clusterrole={names[0]}", "--user=live-nobody")
    kubectl.ok("create", "clusterrolebinding", names[1], "--clusterrole=cluster-admin", "--user=joe")
    try:
        assert fine(run(*config, "--as", "joe"))
        denied = run(*config)
    finally:
        kubectl.ok("delete", f"clusterrole/{names[0]}", *(f"clusterrolebinding/{name}" for name in names))
    assert denied.status == 1
    assert denied.stderr.startswith("Error from server (Forbidden): ")
    assert 'User "live-nobody" cannot get resource "pods"' in denied.stderr


def test_proxies(run: Run, token: str, tmp_path: Path) -> None:
    """Of the kubeconfig and of the environment: requests and both streams go through it, with the proxy's login."""
    with connect_proxy() as proxy:
        login = proxy.url.replace("http://", "http://me:pw@")
        config = written(tmp_path / "a", {"token": token}, {"server": _BY_NAME, "proxy-url": login})
        assert fine(run("--kubeconfig", config, NO_PROXY="*"))
        assert len(proxy.asked) >= 3
        assert all("CONNECT kubernetes:" in head and "Basic bWU6cHc=" in head for head in proxy.asked)
        before = len(proxy.asked)
        config = written(tmp_path / "b", {"token": token}, {"server": _BY_NAME})
        assert fine(run("--kubeconfig", config, HTTPS_PROXY=proxy.url))
        assert len(proxy.asked) >= before + 3
    nowhere = "http://127.0.0.1:1"
    assert "could not be reached" in run("--kubeconfig", config, HTTPS_PROXY=nowhere).stderr
    assert "could not be reached" in run("--kubeconfig", config, HTTPS_PROXY=nowhere, NO_PROXY="kubernetes").stderr
    assert fine(run("--kubeconfig", written(tmp_path / "c", {"token": token}), HTTPS_PROXY=nowhere))


def test_in_a_pod_its_own_cluster_is_meant(nsexec: Program, target: Pod, token: str, tmp_path: Path) -> None:
    """By the service account's files, which a mount namespace of ours has where a pod has them."""
    account = "/run/secrets/kubernetes.io/serviceaccount"
    (tmp_path / "token").write_text(token)
    (tmp_path / "namespace").write_text(target.namespace)
    script = f'mount -t tmpfs none /run && mkdir -p {account} && cp "$1" "$2" "$3" {account}; shift 3; exec "$@"'
    files = (str(tmp_path / "token"), str(tmp_path / "namespace"), str(pki.CA_CRT))
    program = dataclasses.replace(
        nsexec,
        argv=("unshare", "--mount", "sh", "-ec", script, "sh", *files, *nsexec.argv),
        environment={
            **nsexec.environment,
            "KUBECONFIG": "",
            "HOME": str(tmp_path),
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(API_PORT),
        },
    )
    assert fine(program(target.name, "--", "echo", "fine"))


def test_what_v_shows(run: Run, token: str, tmp_path: Path) -> None:
    """Every request and stream, but no secret."""
    done = run("--kubeconfig", written(tmp_path / "a", {"token": token}), "-v=9", "--request-timeout=20")
    assert fine(done)
    assert f"GET {API_SERVER}/api/v1/nodes/" in done.stderr
    assert "101 Switching Protocols" in done.stderr
    assert "response body" in done.stderr
    assert token not in done.stderr
    assert "Bearer" not in done.stderr


def test_a_request_that_takes_too_long(run: Run, kubeconfig: Path, tmp_path: Path) -> None:
    """--request-timeout is for one request: to a server that takes connections and says nothing."""
    config = tmp_path / "kubeconfig"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config.write_text(
            kubeconfig.read_text().replace(f"127.0.0.1:{API_PORT}", f"127.0.0.1:{silent.getsockname()[1]}")
        )
        done = run("--kubeconfig", str(config), "--request-timeout=1s")
    assert done.status == 1
    assert "timed out" in done.stderr


def test_no_key_stays_behind_a_killed_client(nsexec: Program, target: Pod, tmp_path: Path) -> None:
    """The administrator's kubeconfig has its key inside; kill -9 while the command runs."""
    program = dataclasses.replace(nsexec, environment={**nsexec.environment, "TMPDIR": str(tmp_path)})
    started = program.start(target.name, "-n", target.namespace, "--", "sh", "-c", "echo ready; sleep 60")
    assert started.stdout is not None
    assert started.stdout.readline() == b"ready\n"
    started.send_signal(signal.SIGKILL)
    started.communicate()
    assert list(tmp_path.iterdir()) == []
