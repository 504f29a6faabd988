"""The connection that kubectl makes: kubeconfigs, environments and flags, in one table. Only data.

``tests/live/test_host_connection.py`` feeds each row to kubectl and to ``oc nsexec`` and compares what a recording
server and its proxies saw. In values ``{NAME}`` is the port of that name (``recorder.Recorder``) and ``@FILE`` the
content of a file in base64; files lie beside the kubeconfig (``authorities.Authorities``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

Section = Mapping[str, Any]

GOOD: Final = "https://127.0.0.1:{good}"
NAMED: Final = "https://api.corp.example:{good}"
"""The programs find this name at 127.0.0.1."""
_ROOT: Final = {"certificate-authority": "root.crt"}
_CORP: Final = {"server": "https://api.corp.example:6443", **_ROOT}
"""Only a proxy answers there."""
_HTTP: Final = "http://127.0.0.1:{http}"
_KEY: Final = {"client-certificate": "joe.crt", "client-key": "joe.key"}


class Row(NamedTuple):
    """``document``: the whole kubeconfig instead of one of ``cluster``, ``user`` and ``context``.

    ``differs``: why it is no mistake that we differ from kubectl; docs/reference/oc-exec-differences.md has it.
    """

    name: str
    cluster: Section = MappingProxyType({"server": GOOD, **_ROOT})
    user: Section = MappingProxyType({"token": "t"})
    environment: Mapping[str, str] = MappingProxyType({})
    flags: tuple[str, ...] = ()
    document: str = ""
    differs: str = ""


def _authority(name: str, **cluster: object) -> Row:
    return Row(name, {"server": GOOD, **cluster})


def _file(name: str, path: str, server: str = "good") -> Row:
    return Row(name, {"server": f"https://127.0.0.1:{{{server}}}", "certificate-authority": path})


_CERTIFICATES: Final = (
    _file("an authority in a file", "root.crt"),
    _authority("an authority in the kubeconfig", **{"certificate-authority-data": "@root.crt"}),
    _authority(
        "one in the kubeconfig beside one in a file",
        **{"certificate-authority-data": "@root.crt", "certificate-authority": "other.crt"},
    ),
    _file("an intermediate as the only authority", "intermediate.crt"),
    _file("the server's own certificate as the authority", "by-root.crt", "by-root"),
    _file("a self-signed server as its own authority", "self-signed.crt", "self-signed"),
    _file("a self-signed authority that serves", "self-signed-authority.crt", "self-signed-authority"),
    _file("another authority", "other.crt"),
    _file("a bundle with another authority first", "bundle.crt"),
    _file("words around the certificate", "commented.crt"),
    _file("lines as on Windows", "windows.crt"),
    _file("half a certificate", "half.crt"),
    _file("no certificate in the file", "text.crt"),
    _file("an empty file", "empty.crt"),
    _file("no such file", "missing.crt"),
    _authority("empty data", **{"certificate-authority-data": ""}),
    _authority("data that is no base64", **{"certificate-authority-data": "%%%"}),
    _authority("data that is no certificate", **{"certificate-authority-data": "@text.crt"}),
    _file("an authority without keyUsage", "no-key-usage.crt", "without-key-usage"),
    _file("an authority without basicConstraints", "no-constraints.crt", "without-constraints"),
    _file("an authority on an elliptic curve", "elliptic.crt", "by-elliptic"),
    _file("an authority that has expired", "expired-root.crt", "by-expired"),
    _file("a server that has expired", "root.crt", "expired"),
    _file("a server of another name", "root.crt", "other-name"),
    _file("a server without any name", "root.crt", "no-names"),
    _file("a server whose address stands as a name", "root.crt", "address-as-name"),
    _file("a certificate for clients that serves", "root.crt", "for-clients"),
    Row("a wildcard", {"server": "https://api.corp.example:{wildcard}", **_ROOT}),
    Row("a TLS server name", {"server": "https://127.0.0.1:{other-name}", "tls-server-name": "other.example", **_ROOT}),
    Row("a TLS server name by a flag", flags=("--tls-server-name", "localhost")),
    _authority("no authority"),
    _authority("none asked for", **{"insecure-skip-tls-verify": True}),
    _authority("none asked for beside an authority", **{"insecure-skip-tls-verify": True, **_ROOT}),
    Row("none asked for by a flag", flags=("--insecure-skip-tls-verify",)),
    Row("an authority by a flag", {"server": GOOD}, flags=("--certificate-authority", "root.crt")),
    Row("a client's certificate", user=_KEY),
    Row("one in the kubeconfig", user={"client-certificate-data": "@joe.crt", "client-key-data": "@joe.key"}),
    Row("one with its key in the same file", user=dict.fromkeys(_KEY, "joe-and-key.pem")),
    Row("the key before the certificate", user=dict.fromkeys(_KEY, "key-and-joe.pem")),
    Row("a certificate without a key", user={"client-certificate": "joe.crt"}),
    Row("a key of another certificate", user={**_KEY, "client-key": "ann.key"}),
    Row("a key without a certificate", user={"client-key": "joe.key", "token": "t"}),
    Row("a client's certificate beside a token", user={**_KEY, "token": "t"}),
    Row("one by flags", user=_KEY, flags=("--client-certificate", "ann.crt", "--client-key", "ann.key")),
)

_SERVERS: Final = (
    Row("without TLS", {"server": "http://127.0.0.1:{plain}"}, {}),
    Row("without TLS, with a token", {"server": "http://127.0.0.1:{plain}"}),
    Row(
        "no scheme, with an authority",
        {"server": "127.0.0.1:{good}", **_ROOT},
        differs="an authority says that it is TLS; kubectl speaks plain HTTP to it, and fails",
    ),
    Row("as another without TLS", {"server": "http://127.0.0.1:{plain}"}, flags=("--as", "joe")),
    Row("no scheme and nothing of TLS", {"server": "127.0.0.1:{plain}"}),
    Row("a path", {"server": f"{GOOD}/k8s/clusters/c-1", **_ROOT}),
    Row("a path with a slash at its end", {"server": f"{GOOD}/k8s/", **_ROOT}),
    Row("a path with an escape", {"server": f"{GOOD}/a%20b", **_ROOT}),
    Row("a name", {"server": NAMED, **_ROOT}),
    Row(
        "a name in capitals",
        {"server": "https://API.Corp.Example:{good}", **_ROOT},
        differs="a host's name has no case (RFC 3986, 6.2.2.1): we send small letters",
    ),
    Row("localhost", {"server": "https://localhost:{good}", **_ROOT}),
    Row("IPv6", {"server": "https://[::1]:{good}", **_ROOT}),
    Row("IPv6 with a zone", {"server": "https://[::1%25lo]:{good}", **_ROOT}),
    Row("a login in the address", {"server": "https://ann:secret@127.0.0.1:{good}", **_ROOT}),
    Row("an address with a query", {"server": f"{GOOD}/?a=b", **_ROOT}),
    Row("another scheme", {"server": "ftp://127.0.0.1:{good}", **_ROOT}),
    Row("a port that is none", {"server": "https://127.0.0.1:x", **_ROOT}),
    Row("by a flag", flags=("--server", "http://127.0.0.1:{plain}")),
    Row("by an empty flag", flags=("--server", "")),
)

_PROXIES: Final = (
    Row("a proxy", _CORP, environment={"HTTPS_PROXY": _HTTP}),
    Row("its variable in small letters", _CORP, environment={"https_proxy": _HTTP}),
    Row("in both", _CORP, environment={"HTTPS_PROXY": _HTTP, "https_proxy": "http://127.0.0.1:{socks5}"}),
    Row("an empty one in capitals", _CORP, environment={"HTTPS_PROXY": "", "https_proxy": _HTTP}),
    Row("without a scheme", _CORP, environment={"HTTPS_PROXY": "127.0.0.1:{http}"}),
    Row("with a slash at its end", _CORP, environment={"HTTPS_PROXY": f"{_HTTP}/"}),
    Row("with a login", _CORP, environment={"HTTPS_PROXY": "http://ann:secret@127.0.0.1:{http}"}),
    Row("with an escape in it", _CORP, environment={"HTTPS_PROXY": "http://a%40b:p%3Aq@127.0.0.1:{http}"}),
    Row("with a name only", _CORP, environment={"HTTPS_PROXY": "http://ann@127.0.0.1:{http}"}),
    Row("that is no address", _CORP, environment={"HTTPS_PROXY": "http://127.0.0.1:x"}),
    Row("by TLS", _CORP, environment={"HTTPS_PROXY": "https://localhost:{https}"}),
    Row("of SOCKS", _CORP, environment={"HTTPS_PROXY": "socks5://127.0.0.1:{socks5}"}),
    Row("of SOCKS with a login", _CORP, environment={"HTTPS_PROXY": "socks5://ann:secret@127.0.0.1:{socks5}"}),
    Row("of SOCKS, by its other name", _CORP, environment={"HTTPS_PROXY": "socks5h://127.0.0.1:{socks5}"}),
    Row("that is there for plain HTTP only", {"server": NAMED, **_ROOT}, environment={"HTTP_PROXY": _HTTP}),
    Row(
        "for a server without TLS",
        {"server": "http://api.corp.example:81"},
        environment={"HTTP_PROXY": _HTTP},
    ),
    Row("for everything", {"server": NAMED, **_ROOT}, environment={"ALL_PROXY": _HTTP}),
    Row("for this machine", environment={"HTTPS_PROXY": _HTTP}),
    Row("for localhost", {"server": "https://localhost:{good}", **_ROOT}, environment={"HTTPS_PROXY": _HTTP}),
    Row(
        "for a server without a port",
        {"server": "https://api.corp.example", **_ROOT},
        environment={"HTTPS_PROXY": _HTTP},
    ),
    Row("for IPv6 without a port", {"server": "https://[fd00::1]", **_ROOT}, environment={"HTTPS_PROXY": _HTTP}),
    Row("for IPv6", {"server": "https://[fd00::1]:6443", **_ROOT}, environment={"HTTPS_PROXY": _HTTP}),
    *(
        Row(
            f"not for {exception}",
            {"server": NAMED, **_ROOT},
            environment={"HTTPS_PROXY": _HTTP, "NO_PROXY": exception},
        )
        for exception in (
            "api.corp.example",
            "corp.example",
            ".corp.example",
            "*.corp.example",
            "*",
            "API.CORP.EXAMPLE",
            "api.corp.example:{good}",
            "api.corp.example:1",
            "a.example, api.corp.example",
            "a.example,,corp.example",
            "orp.example",
            "i.corp.example",
            "127.0.0.0/8",
            "",
        )
    ),
    Row(
        "not for, in small letters",
        {"server": NAMED, **_ROOT},
        environment={"HTTPS_PROXY": _HTTP, "no_proxy": "corp.example"},
    ),
    *(
        Row(
            f"not for {exception}, an address",
            {"server": "https://[fd00::1]:6443", **_ROOT},
            environment={"HTTPS_PROXY": _HTTP, "NO_PROXY": exception},
            flags=("--request-timeout", "1s"),
        )
        for exception in ("fd00::/16", "fd00::1", "[fd00::1]", "fd01::/16")
    ),
    Row("of the kubeconfig", {**_CORP, "proxy-url": _HTTP}),
    Row("of the kubeconfig for this machine", {"server": GOOD, **_ROOT, "proxy-url": _HTTP}),
    Row("of the kubeconfig, beside an exception", {**_CORP, "proxy-url": _HTTP}, environment={"NO_PROXY": "*"}),
    Row(
        "of the kubeconfig, beside a variable",
        {**_CORP, "proxy-url": _HTTP},
        environment={"HTTPS_PROXY": "socks5://127.0.0.1:{socks5}"},
    ),
    Row("an empty one of the kubeconfig", {**_CORP, "proxy-url": ""}, environment={"HTTPS_PROXY": _HTTP}),
    Row("of the kubeconfig, of SOCKS", {**_CORP, "proxy-url": "socks5://127.0.0.1:{socks5}"}),
    Row("of the kubeconfig, by TLS", {**_CORP, "proxy-url": "https://localhost:{https}"}),
    Row("of the kubeconfig, with a login", {**_CORP, "proxy-url": "http://ann:secret@127.0.0.1:{http}"}),
    Row("of the kubeconfig, without a scheme", {**_CORP, "proxy-url": "127.0.0.1:{http}"}),
    Row("of the kubeconfig, with another scheme", {**_CORP, "proxy-url": "ftp://127.0.0.1:{http}"}),
)

_NOBODY: Final = "kubectl asks for a name and a password on its stdin, which is the command's: we go as nobody"
_PLUGIN: Final = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "Never"}
_V1BETA1: Final = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "./plugin"}

_CREDENTIALS: Final = (
    Row("none", user={}, differs=_NOBODY),
    Row("a token", user={"token": "abc"}),
    Row(
        "a token with a blank line",
        user={"token": "abc\n"},
        differs="kubectl fails on the header that it makes of it; it is no part of a token",
    ),
    Row("a token file", user={"tokenFile": "token"}),
    Row("a token beside its file", user={"tokenFile": "token", "token": "abc"}),
    Row("a token file that is not there", user={"tokenFile": "missing"}),
    Row("a token file that is not there, beside a token", user={"tokenFile": "missing", "token": "abc"}),
    Row("an empty token file", user={"tokenFile": "empty.crt"}),
    Row("a name and password", user={"username": "ann", "password": "s:e"}),
    Row("a name without a password", user={"username": "ann"}),
    Row("a name beside a token", user={"username": "ann", "password": "p", "token": "abc"}),
    Row("a token by a flag", user={"token": "abc"}, flags=("--token", "flag")),
    Row("a token by a flag, beside a name", user={"username": "ann", "password": "p"}, flags=("--token", "flag")),
    Row("an empty token by a flag", user={"token": "abc"}, flags=("--token", "")),
    Row("as another", user={"token": "abc"}, flags=("--as", "joe")),
    Row(
        "as another, with groups and a UID",
        flags=("--as", "joe", "--as-group", "a", "--as-group", "b", "--as-uid", "7"),
    ),
    Row("with groups as nobody", flags=("--as-group", "a")),
    Row("as an empty name", user={"token": "t", "as": "joe"}, flags=("--as", "")),
    Row("as another, by the kubeconfig", user={"token": "t", "as": "joe", "as-groups": ["a"], "as-uid": "7"}),
    Row(
        "with more of its own",
        user={"token": "t", "as": "joe", "as-user-extra": {"a.example/Scope": ["x", "y"], "b%c": ["z"]}},
    ),
    Row(
        "as another than the kubeconfig's", user={"token": "t", "as": "joe", "as-groups": ["a"]}, flags=("--as", "ann")
    ),
    Row("a plugin", user={"exec": _PLUGIN}),
    Row("a plugin with arguments", user={"exec": {**_PLUGIN, "args": ["a b", ""]}}),
    Row("a plugin with variables", user={"exec": {**_PLUGIN, "env": [{"name": "TOLD", "value": "x y"}]}}),
    Row("a plugin with an empty variable", user={"exec": {**_PLUGIN, "env": [{"name": "TOLD", "value": ""}]}}),
    Row("a plugin with a variable without a value", user={"exec": {**_PLUGIN, "env": [{"name": "TOLD"}]}}),
    Row("a plugin with variables that are null", user={"exec": {**_PLUGIN, "env": None, "args": None}}),
    Row(
        "a plugin with a variable twice",
        user={"exec": {**_PLUGIN, "env": [{"name": "TOLD", "value": v} for v in "ab"]}},
    ),
    Row("a plugin that is told of the cluster", user={"exec": {**_PLUGIN, "provideClusterInfo": True}}),
    Row("a plugin of v1beta1", user={"exec": _V1BETA1}),
    Row("a plugin of v1 without its mode", user={"exec": {**_PLUGIN, "interactiveMode": ""}}),
    Row(
        "a plugin of another version", user={"exec": {**_PLUGIN, "apiVersion": "client.authentication.k8s.io/v1alpha1"}}
    ),
    Row("a plugin that needs a terminal", user={"exec": {**_PLUGIN, "interactiveMode": "Always"}}),
    Row("a plugin that would like one", user={"exec": {**_PLUGIN, "interactiveMode": "IfAvailable"}}),
    Row("a plugin on the path", user={"exec": {**_PLUGIN, "command": "plugin-on-path"}}),
    Row("a plugin that is not there", user={"exec": {**_PLUGIN, "command": "./missing"}}),
    Row("a plugin that fails", user={"exec": {**_PLUGIN, "args": ["--fail"]}}),
    Row("a plugin that gives a certificate", user={"exec": {**_PLUGIN, "args": ["--certificate"]}}),
    Row("a plugin beside a token", user={"exec": _PLUGIN, "token": "abc"}),
    Row("a plugin beside a name", user={"exec": _PLUGIN, "username": "ann", "password": "p"}),
    Row("a plugin beside a certificate", user={"exec": _PLUGIN, **_KEY}),
    Row("a plugin and a token by a flag", user={"exec": _PLUGIN}, flags=("--token", "flag")),
    Row("a provider that is no more", user={"auth-provider": {"name": "gcp", "config": {}}}),
)

_ONE: Final = """apiVersion: v1
kind: Config
current-context: c
clusters: [{name: k, cluster: {server: 'https://127.0.0.1:{good}', certificate-authority: root.crt}}]
users: [{name: u, user: {token: abc}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
"""

_DOCUMENTS: Final = (
    Row("a document", document=_ONE),
    Row("a mark at its beginning", document=f"---\n{_ONE}"),
    Row("a mark at its end", document=f"{_ONE}---\n"),
    Row("a second document", document=f"{_ONE}---\nclusters: []\nkind: Config\n"),
    Row("lines as on Windows", document=_ONE.replace("\n", "\r\n")),
    Row("a byte order mark", document=f"\ufeff{_ONE}"),
    Row("tabs", document=_ONE.replace("kind:", "kind:\t")),
    Row("a name twice", document=_ONE.replace("users: [", "users: [{name: u, user: {token: first}}, ")),
    Row("a field that is unknown", document=f"{_ONE}more: [1]\n"),
    Row("another kind", document=_ONE.replace("kind: Config", "kind: Pod")),
    Row("no kind", document=_ONE.replace("kind: Config\n", "").replace("apiVersion: v1\n", "")),
    Row("another version", document=_ONE.replace("apiVersion: v1", "apiVersion: v2")),
    Row("a number as a token", document=_ONE.replace("token: abc", "token: 123")),
    Row("a number as a name", document=_ONE.replace("name: u,", "name: 1,").replace("user: u}", "user: 1}")),
    Row("a word as a truth", document=_ONE.replace("server:", "insecure-skip-tls-verify: 'no', server:")),
    Row("no list of users", document=_ONE.replace("users: [{name: u, user: {token: abc}}]", "users: null")),
    Row("a list as a mapping", document=_ONE.replace("[{name: k, ", "{k: {").replace("root.crt}}]", "root.crt}}}")),
    Row("a user that is null", document=_ONE.replace("{token: abc}", "null"), differs=_NOBODY),
    Row("no user in the context", document=_ONE.replace(", user: u", ""), differs=_NOBODY),
    Row("a user that is not there", document=_ONE.replace("user: u}", "user: v}")),
    Row("a cluster that is not there", document=_ONE.replace("cluster: k,", "cluster: l,")),
    Row("no current context", document=_ONE.replace("current-context: c\n", "")),
    Row("a current context that is not there", document=_ONE.replace("current-context: c", "current-context: d")),
    Row("an empty document", document="# nothing\n"),
    Row("no YAML", document="{"),
    Row("a list", document="[]\n"),
    Row("another context", document=_ONE, flags=("--context", "c")),
    Row("a context that is not there", document=_ONE, flags=("--context", "d")),
    Row("an empty context", document=_ONE, flags=("--context", "")),
    Row("another user", document=_ONE, flags=("--user", "v")),
    Row("another cluster", document=_ONE, flags=("--cluster", "l")),
    Row("an empty kubeconfig flag", document=_ONE, flags=("--kubeconfig", "")),
    Row("a kubeconfig flag", document="{", flags=("--kubeconfig", "good")),
    Row("a kubeconfig flag without a file", document=_ONE, flags=("--kubeconfig", "missing")),
    Row("two files", document=_ONE, environment={"KUBECONFIG": "other:kubeconfig"}),
    Row("two files, one of which is not there", document=_ONE, environment={"KUBECONFIG": "missing:kubeconfig"}),
    Row("an empty word among the files", document=_ONE, environment={"KUBECONFIG": ":kubeconfig:"}),
    Row("no file at all", document=_ONE, environment={"KUBECONFIG": ""}),
)

TABLE: Final = {
    "certificates": _CERTIFICATES,
    "servers": _SERVERS,
    "proxies": _PROXIES,
    "credentials": _CREDENTIALS,
    "documents": _DOCUMENTS,
}
