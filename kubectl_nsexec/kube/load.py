"""From kubeconfig and flags (or the pod's own service account) to a cluster."""

from __future__ import annotations

import base64
import binascii
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote, urlsplit

from kubectl_nsexec.errors import ConfigError
from kubectl_nsexec.kube import client, in_cluster, kubeconfig
from kubectl_nsexec.kube.client import BEARER
from kubectl_nsexec.kube.memory_file import memory_file
from kubectl_nsexec.kube.server import KubernetesCluster
from kubectl_nsexec.kube.stanzas import choose, impersonation
from kubectl_nsexec.kube.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubernetes.client import Configuration

    from kubectl_nsexec.kube.kubeconfig import Section
    from kubectl_nsexec.kube.stanzas import Chosen
    from kubectl_nsexec.model.request import ClusterOptions


def load(
    options: ClusterOptions, say: Callable[[str], None], hurried: Callable[[], bool] = lambda: False
) -> KubernetesCluster:
    """The cluster that kubectl would talk to with the same flags, KUBECONFIG and proxy variables.

    Inside a pod without any kubeconfig: its own cluster. ``say`` takes the lines of ``-v``, ``hurried`` says
    whether the user wants to go. Raises ConfigError when the
    configuration cannot be read, is not one, or lacks what the flags name.

    Libraries are imported here and below where they are first needed: --help and completions need not wait for them.
    """
    files = kubeconfig.paths(options.kubeconfig, os.environ, Path.home())
    known = kubeconfig.read(files)
    if known == kubeconfig.NOTHING and not options.server:
        chosen = in_cluster.chosen(os.environ, options) or _nowhere(options, files)
    else:
        chosen = choose(known, options)
    configuration = client.configuration()
    _connect(configuration, chosen)
    return KubernetesCluster(
        configuration,
        chosen.namespace,
        impersonation=impersonation(chosen),
        request_timeout_seconds=options.request_timeout_seconds,
        trace=Trace(options.verbosity, say),
        hurried=hurried,
    )


def _nowhere(options: ClusterOptions, files: list[Path]) -> NoReturn:
    """Nothing names a server, for want of a kubeconfig: FILES are those that exist. Raises ConfigError."""
    named = options.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    found = "is empty" if files else "does not exist"
    raise ConfigError(
        f"no API server is known: the kubeconfig {named} {found}; log in to the cluster, or name another kubeconfig "
        "by KUBECONFIG or --kubeconfig"
    )


def _connect(configuration: Configuration, chosen: Chosen) -> None:
    cluster, user = chosen.cluster, chosen.user
    authority = _material(cluster, "certificate-authority")
    certificate, key = _material(user, "client-certificate"), _material(user, "client-key")
    insecure = bool(cluster.get("insecure-skip-tls-verify"))
    server = str(cluster["server"])
    if "://" not in server:
        server = f"{'https' if authority or certificate or insecure else 'http'}://{server}"
    configuration.host, login = _without_login(server)
    configuration.ssl_ca_cert = authority
    configuration.cert_file, configuration.key_file = certificate, key or certificate
    configuration.verify_ssl = not insecure
    configuration.tls_server_name = cluster.get("tls-server-name")
    _set_proxy(configuration, cluster.get("proxy-url"))
    if login and login[0]:
        configuration.api_key[BEARER] = _basic(*login)
    elif not login and client.address(configuration.host).scheme == "https":  # else anybody on the way could read them
        _authenticate(configuration, chosen)


def _without_login(server: str) -> tuple[str, tuple[str, str] | None]:
    """The address without a login, a query and a slash at its end; and the login, as Go takes it."""
    try:
        parts = urlsplit(server)
    except ValueError:
        return server, None  # client.address says what is wrong with it
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=parts.path.rstrip("/"), query="", fragment="")
    name, password = unquote(parts.username or ""), unquote(parts.password or "")
    return bare.geturl(), (name, password) if parts.username is not None else None


def _material(section: Section, name: str) -> str | None:
    """The path of a certificate or key: of its file, or of one in memory for what is inside the kubeconfig."""
    inline, path = section.get(f"{name}-data"), section.get(name)
    if inline:
        try:
            return memory_file(base64.b64decode(str(inline), validate=False))
        except binascii.Error as error:
            raise ConfigError(f"{name}-data of the kubeconfig is not base64: {error}") from error
    if path:
        _content(name, str(path))
    return str(path) if path else None


def _content(name: str, path: str) -> bytes:
    """Raises ConfigError in kubectl's words."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"unable to read {name} {path}: {error.strerror}") from error


def _authenticate(configuration: Configuration, chosen: Chosen) -> None:
    """In client-go's order; a plugin is not asked where there is something else, a certificate for one."""
    user = chosen.user
    if user.get("tokenFile"):
        _set_token_of_file(configuration, str(user["tokenFile"]), str(user.get("token") or ""))
    elif user.get("token"):
        configuration.refresh_api_key_hook = None
        _set_token(configuration, str(user["token"]))
    elif user.get("auth-provider"):
        _ask_provider(configuration, user)
    elif user.get("username"):
        configuration.api_key[BEARER] = _basic(str(user["username"]), str(user.get("password") or ""))
    elif user.get("exec") and not configuration.cert_file:
        _ask_plugin(configuration, user["exec"], chosen.cluster)


def _set_token_of_file(configuration: Configuration, path: str, otherwise: str) -> None:
    """``otherwise``: a token that serves as long as the file cannot be read. Raises ConfigError where there is none."""
    try:
        token = _content("tokenFile", path).decode(errors="replace")
    except ConfigError:
        if not otherwise:
            raise
        token = otherwise
    if not token.strip():
        raise ConfigError(f"the tokenFile {path} of the kubeconfig is empty")
    _set_token(configuration, token)
    configuration.refresh_api_key_hook = lambda current: _reread_token(current, Path(path))


def _set_token(configuration: Configuration, token: str) -> None:
    configuration.api_key[BEARER] = f"Bearer {token.strip()}"


def _reread_token(configuration: Configuration, path: Path) -> None:
    """Such files are rewritten while they are used; one that cannot be read just now leaves the last token."""
    with suppress(OSError, UnicodeDecodeError):
        _set_token(configuration, path.read_text())


def _ask_plugin(configuration: Configuration, plugin: Section, cluster: Section) -> None:
    """A token is renewed when it expires, for the clean-up after a long session; a certificate serves to the end."""
    from kubectl_nsexec.kube import exec_plugin  # noqa: PLC0415 - see load

    answers = [exec_plugin.run(plugin, cluster)]

    def renew(current: Configuration) -> None:
        if answers[-1].token and answers[-1].stale():
            answers[:] = [exec_plugin.run(plugin, cluster)]
            _set_token(current, answers[-1].token)

    if answers[-1].certificate:
        configuration.cert_file = memory_file(answers[-1].certificate.encode())
        configuration.key_file = memory_file(answers[-1].key.encode())
    if answers[-1].token:
        _set_token(configuration, answers[-1].token)
        configuration.refresh_api_key_hook = renew


def _ask_provider(configuration: Configuration, user: Section) -> None:
    """OIDC and what else the kubernetes client knows; nothing is written back to the kubeconfig."""
    from kubernetes import config  # noqa: PLC0415 - see load

    document: dict[str, Any] = {
        "current-context": "only",
        "contexts": [{"name": "only", "context": {"cluster": "only", "user": "only"}}],
        "clusters": [{"name": "only", "cluster": {"server": configuration.host}}],
        "users": [{"name": "only", "user": {"auth-provider": user["auth-provider"]}}],
    }
    asked = client.configuration()
    try:
        config.load_kube_config_from_dict(document, client_configuration=asked, persist_config=False)
    except Exception as error:  # the client wraps neither its own errors nor those of the libraries below it
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(f"the auth-provider of the kubeconfig gave no credentials: {words}") from error
    if BEARER not in asked.api_key:
        name = user["auth-provider"].get("name")
        raise ConfigError(f'the auth-provider "{name}" of the kubeconfig gave no credentials; log in anew')
    configuration.api_key[BEARER] = asked.api_key[BEARER]


def _set_proxy(configuration: Configuration, proxy_url: str | None) -> None:
    """The proxy; a login of one of HTTP goes into a header, that of a SOCKS proxy is the library's matter."""
    from kubectl_nsexec.kube import proxies  # noqa: PLC0415 - see load

    proxy = (
        proxies.of_kubeconfig(str(proxy_url))
        if proxy_url
        else proxies.of_environment(client.address(configuration.host), os.environ)
    )
    # socks5h: the proxy looks names up, as Go has it.
    configuration.proxy = (proxy or "").replace("socks5:", "socks5h:", 1)
    parts = urlsplit(configuration.proxy)
    if parts.username and not parts.scheme.startswith("socks"):
        login = _basic(unquote(parts.username), unquote(parts.password or ""))
        configuration.proxy_headers = {"proxy-authorization": login}
        configuration.proxy = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _basic(name: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"
