"""What of the kubeconfigs one run uses, under the flags, by kubectl's rules (client-go, tools/clientcmd).

This is ours because the kubernetes client cannot override anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubectl_nsexec.kube.kubeconfig import Kubeconfig, Section
    from kubectl_nsexec.model.request import ClusterOptions

_INLINE = ("certificate-authority", "client-certificate", "client-key")
"""What may be given as a file or, as NAME-data, inside the kubeconfig."""


class Chosen(NamedTuple):
    """The stanzas that one run uses, with the flags' overrides in them, in the kubeconfig's own keys."""

    cluster: Section
    user: Section
    namespace: str
    user_name: str = ""


def choose(config: Kubeconfig, options: ClusterOptions) -> Chosen:
    """What of ``config`` this run uses, under the flags. Raises ConfigError naming what there is to choose from."""
    if options.not_a_user in config.users:
        word = options.not_a_user
        raise ConfigError(
            f'--user {word} may mean two things: the command\'s user ID, or the user "{word}" of the kubeconfig. '
            f"For the command write --user 0{word}; for the connection name a context of that user by --context"
        )
    name = options.context or config.current
    if options.context and name not in config.contexts:
        raise ConfigError(f'context "{name}" does not exist; the kubeconfig has: {_names(config.contexts)}')
    if config.current and name not in config.contexts:
        raise ConfigError(f'the current context "{name}" does not exist; the kubeconfig has: {_names(config.contexts)}')
    context = config.contexts.get(name, {})
    cluster_name = options.cluster or str(context.get("cluster") or "")
    user_name = options.user or str(context.get("user") or "")
    if cluster_name and cluster_name not in config.clusters:
        raise ConfigError(
            f'no server found for cluster "{cluster_name}"; the kubeconfig has: {_names(config.clusters)}'
        )
    if user_name and user_name not in config.users:
        raise ConfigError(f'auth info "{user_name}" does not exist; the kubeconfig has: {_names(config.users)}')
    cluster = _cluster(config.clusters.get(cluster_name, {}), options)
    if not cluster.get("server"):
        raise ConfigError("no API server is known: the kubeconfig has no current context; see --context and --server")
    user = with_flags(config.users.get(user_name, {}), options)
    _refuse_contradictions({**cluster, **user}, cluster_name, user_name)
    return Chosen(cluster, user, str(context.get("namespace") or "default"), user_name)


def _refuse_contradictions(given: Section, cluster_name: str, user_name: str) -> None:
    """What kubectl refuses (client-go, tools/clientcmd/validation.go). Raises ConfigError in its words."""
    for name in _INLINE:
        if given.get(name) and given.get(f"{name}-data"):
            whose = cluster_name if name.startswith("certificate") else user_name
            raise ConfigError(f"{name}-data and {name} are both specified for {whose}; leave out one")
    if given.get("insecure-skip-tls-verify") and (
        given.get("certificate-authority") or given.get("certificate-authority-data")
    ):
        raise ConfigError("specifying a root certificates file with the insecure flag is not allowed")
    if given.get("token") and (given.get("username") or given.get("password")):
        raise ConfigError(
            f"more than one authentication method found for {user_name}; found [token basicAuth], only one is allowed"
        )


def _names(section: Mapping[str, Section]) -> str:
    return ", ".join(sorted(section)) or "none"


def _without(section: Section, *keys: str) -> Section:
    return {key: value for key, value in section.items() if key not in keys}


def _cluster(cluster: Section, options: ClusterOptions) -> Section:
    """As DirectClientConfig.getCluster: a new authority or none replaces the old, a new server its TLS name."""
    if options.insecure_skip_tls_verify and options.certificate_authority:
        raise ConfigError("specifying a root certificates file with the insecure flag is not allowed")
    if options.server or options.tls_server_name:
        cluster = _without(cluster, "tls-server-name")
    if options.insecure_skip_tls_verify or options.certificate_authority:
        cluster = _without(cluster, "certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify")
    given = {
        "server": options.server,
        "tls-server-name": options.tls_server_name,
        "certificate-authority": options.certificate_authority,
        "insecure-skip-tls-verify": options.insecure_skip_tls_verify or None,
    }
    return {**cluster, **{key: value for key, value in given.items() if value}}


def with_flags(user: Section, options: ClusterOptions) -> Section:
    """As DirectClientConfig.getAuthInfo; a token of the flag also silences tokenFile, provider and plugin."""
    if options.token:
        user = _without(user, "tokenFile", "exec", "auth-provider")
    if options.client_certificate:
        user = _without(user, "client-certificate-data")
    if options.client_key:
        user = _without(user, "client-key-data")
    given = {
        "token": options.token,
        "client-certificate": options.client_certificate,
        "client-key": options.client_key,
        "as": options.as_user,
        "as-groups": list(options.as_groups) or None,
        "as-uid": options.as_uid,
    }
    return {**user, **{key: value for key, value in given.items() if value}}


def impersonation(chosen: Chosen) -> list[tuple[str, str]]:
    """The headers of ``--as`` and its like, or of ``as`` in the kubeconfig. Raises ConfigError.

    Source: https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/.
    """
    user = chosen.user
    name, uid, groups = user.get("as"), user.get("as-uid"), user.get("as-groups") or []
    extra: dict[str, list[str]] = user.get("as-user-extra") or {}
    if not name:
        if uid or groups or extra:
            who = chosen.user_name or "this user"
            raise ConfigError(f"requesting uid, groups or user-extra for {who} without impersonating a user")
        return []
    headers = [("Impersonate-User", str(name))]
    if uid:
        headers.append(("Impersonate-Uid", str(uid)))
    headers += [("Impersonate-Group", str(group)) for group in groups]
    headers += [(f"Impersonate-Extra-{_escaped(key)}", str(value)) for key, values in extra.items() for value in values]
    for header, value in headers:
        if "\r" in value or "\n" in value:
            raise ConfigError(f"the value of {header} holds a line break")
    return headers


def _escaped(key: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - rare

    return quote(key, safe="!#$&'*+-.^_`|~")
