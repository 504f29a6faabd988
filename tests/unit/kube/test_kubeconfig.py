"""Kubeconfig files merged, and what the flags make of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.kube.kubeconfig import Kubeconfig, paths, read
from kubectl_nsexec.kube.stanzas import choose, impersonation
from kubectl_nsexec.model.request import ClusterOptions

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = Kubeconfig(
    clusters={
        "one": {"server": "https://one", "certificate-authority-data": "Q0E=", "tls-server-name": "one.example"},
        "two": {"server": "https://two", "insecure-skip-tls-verify": True},
    },
    users={
        "cert": {"client-certificate-data": "Qw==", "client-key-data": "Sw=="},
        "plugin": {
            "exec": {"command": "login"},
            "as": "robot",
            "as-groups": ["a", "b"],
            "as-user-extra": {"s/c": ["x"]},
        },
    },
    contexts={"first": {"cluster": "one", "user": "cert", "namespace": "ran"}, "bare": {"cluster": "two"}},
    current="first",
)


def test_digits_that_name_a_user_of_the_kubeconfig_are_doubtful() -> None:
    """--user means two things: nothing is guessed where both are there, and the way out is a way out."""
    both = CONFIG._replace(users={**CONFIG.users, "1000": {}})
    with pytest.raises(UsageError, match=r"--user 01000.*--context"):
        choose(both, ClusterOptions(not_a_user="1000"))
    for word in ("01000", "1001", None):
        assert choose(both, ClusterOptions(not_a_user=word)).user_name == "cert"


def kubeconfig(path: Path, **content: Any) -> Path:  # noqa: ANN401 - JSON
    """Writes a kubeconfig; JSON is YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_which_files_are_read(tmp_path: Path) -> None:
    """The flag's alone; else those of KUBECONFIG that exist; else the home folder's."""
    a, b = kubeconfig(tmp_path / "a"), kubeconfig(tmp_path / "b")
    home = kubeconfig(tmp_path / ".kube" / "config")
    assert paths(str(a), {"KUBECONFIG": str(b)}, tmp_path) == [a]
    assert paths(None, {"KUBECONFIG": f"{b}:{tmp_path / 'none'}::{a}"}, tmp_path) == [b, a]
    assert paths(None, {}, tmp_path) == [home]
    assert paths(None, {"KUBECONFIG": str(tmp_path / "none")}, tmp_path) == []
    with pytest.raises(UsageError, match="does not exist"):
        paths(str(tmp_path / "none"), {}, tmp_path)


def test_the_first_file_that_names_something_wins(tmp_path: Path) -> None:
    """Names and current context come from the first; paths are relative to the file that they stand in."""
    first = kubeconfig(
        tmp_path / "x" / "first",
        **{
            "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": "https://1", "certificate-authority": "ca.crt"}}],
            "users": [{"name": "u", "user": {"exec": {"command": "./login"}}}],
            "contexts": None,
        },
    )
    second = kubeconfig(
        tmp_path / "y" / "second",
        **{
            "current-context": "d",
            "clusters": [{"name": "k", "cluster": {"server": "https://2"}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "users": [{"name": "v", "user": {"tokenFile": "/abs/token", "exec": {"command": "login"}}}],
        },
    )
    merged = read([first, second])
    assert merged.current == "c"
    assert merged.clusters["k"] == {"server": "https://1", "certificate-authority": str(tmp_path / "x" / "ca.crt")}
    assert merged.users["u"]["exec"]["command"] == str(tmp_path / "x" / "login")
    assert merged.users["v"] == {"tokenFile": "/abs/token", "exec": {"command": "login"}}
    assert merged.contexts["c"] == {"cluster": "k", "user": "u"}


@pytest.mark.parametrize("content", ["a: [", "just words", "clusters: [{cluster: {}}]", "\xff"])
def test_a_file_that_is_no_kubeconfig_is_named(tmp_path: Path, content: str) -> None:
    """The message says which file of several."""
    path = tmp_path / "broken"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match="broken"):
        read([path])


def test_the_current_context_is_taken() -> None:
    """Without flags: its cluster, user and namespace."""
    chosen = choose(CONFIG, ClusterOptions())
    assert (chosen.cluster["server"], chosen.user_name, chosen.namespace) == ("https://one", "cert", "ran")


@pytest.mark.parametrize(
    ("options", "server", "user", "namespace"),
    [
        (ClusterOptions(context="bare"), "https://two", "", "default"),
        (ClusterOptions(cluster="two"), "https://two", "cert", "ran"),
        (ClusterOptions(user="plugin"), "https://one", "plugin", "ran"),
        (ClusterOptions(server="https://three"), "https://three", "cert", "ran"),
    ],
)
def test_flags_choose_among_the_names(options: ClusterOptions, server: str, user: str, namespace: str) -> None:
    """Each replaces one part of the context."""
    chosen = choose(CONFIG, options)
    assert (chosen.cluster["server"], chosen.user_name, chosen.namespace) == (server, user, namespace)


@pytest.mark.parametrize(
    ("options", "cluster"),
    [
        (
            ClusterOptions(server="https://s"),
            {"server": "https://s", "certificate-authority-data": "Q0E="},
        ),
        (
            ClusterOptions(tls_server_name="t"),
            {"server": "https://one", "certificate-authority-data": "Q0E=", "tls-server-name": "t"},
        ),
        (
            ClusterOptions(insecure_skip_tls_verify=True),
            {"server": "https://one", "tls-server-name": "one.example", "insecure-skip-tls-verify": True},
        ),
        (
            ClusterOptions(cluster="two", certificate_authority="/ca"),
            {"server": "https://two", "certificate-authority": "/ca"},
        ),
    ],
)
def test_flags_override_the_cluster(options: ClusterOptions, cluster: dict[str, Any]) -> None:
    """A new trust replaces the old one, and a new server does not inherit the old one's TLS name."""
    assert choose(CONFIG, options).cluster == cluster


def test_flags_override_the_user() -> None:
    """Certificates from files replace inline ones; a token silences a plugin but not a certificate, as in kubectl."""
    files = ClusterOptions(client_certificate="/c", client_key="/k")
    assert choose(CONFIG, files).user == {"client-certificate": "/c", "client-key": "/k"}
    assert "exec" not in choose(CONFIG, ClusterOptions(user="plugin", token="t")).user
    assert "client-key-data" in choose(CONFIG, ClusterOptions(token="t")).user


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ClusterOptions(context="no"), 'context "no" does not exist; the kubeconfig has: bare, first'),
        (ClusterOptions(cluster="no"), 'no server found for cluster "no"; the kubeconfig has: one, two'),
        (ClusterOptions(user="no"), 'auth info "no" does not exist; the kubeconfig has: cert, plugin'),
        (
            ClusterOptions(insecure_skip_tls_verify=True, certificate_authority="/ca"),
            "specifying a root certificates file with the insecure flag is not allowed",
        ),
    ],
)
def test_names_that_do_not_exist_are_refused(options: ClusterOptions, words: str) -> None:
    """With those that do."""
    with pytest.raises(UsageError) as refused:
        choose(CONFIG, options)
    assert refused.value.message == words


def test_without_any_kubeconfig_a_server_will_do() -> None:
    """``--server`` and ``--token`` are enough for kubectl."""
    empty = read([])
    assert choose(empty, ClusterOptions(server="https://s")).cluster == {"server": "https://s"}
    with pytest.raises(UsageError, match="no API server is known"):
        choose(empty, ClusterOptions())


def test_impersonation_comes_from_flags_or_kubeconfig() -> None:
    """One header a group; the flags replace what the kubeconfig has."""
    flags = ClusterOptions(as_user="joe", as_groups=("g", "h"), as_uid="7")
    assert impersonation(choose(CONFIG, flags)) == [
        ("Impersonate-User", "joe"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "g"),
        ("Impersonate-Group", "h"),
    ]
    assert impersonation(choose(CONFIG, ClusterOptions(user="plugin"))) == [
        ("Impersonate-User", "robot"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-s%2Fc", "x"),
    ]
    assert impersonation(choose(CONFIG, ClusterOptions())) == []


@pytest.mark.parametrize("options", [ClusterOptions(as_groups=("g",)), ClusterOptions(as_user="a\r\nX: y")])
def test_impersonation_that_means_nothing_is_refused(options: ClusterOptions) -> None:
    """A group without a user, and a value that would be a header of its own."""
    with pytest.raises(UsageError):
        impersonation(choose(CONFIG, options))
