"""Kubeconfig files, merged, and what of them one run uses; kubectl's rules (client-go, tools/clientcmd).

Reading and merging is ours because the kubernetes client lets the last file win where kubectl lets the first, cannot
override anything, and opens a missing file as an empty one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kubectl_nsexec.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubectl_nsexec.model.request import ClusterOptions

Section = dict[str, Any]

_FILE_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}
_TRUTHS = ("insecure-skip-tls-verify", "disable-compression")
_TEXTS = (
    *("server", "tls-server-name", "certificate-authority", "certificate-authority-data", "proxy-url"),
    *("client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile"),
    *("username", "password", "as", "as-uid", "cluster", "user", "namespace"),
)
_INLINE = ("certificate-authority", "client-certificate", "client-key")
"""What may be given as a file or, as NAME-data, inside the kubeconfig."""


class Kubeconfig(NamedTuple):
    """Merged files: name → content, with absolute paths; ``current`` is the current context's name or ""."""

    clusters: Mapping[str, Section]
    users: Mapping[str, Section]
    contexts: Mapping[str, Section]
    current: str


NOTHING = Kubeconfig({}, {}, {}, "")
"""Of no file, or of empty ones."""


class Chosen(NamedTuple):
    """The stanzas that one run uses, with the flags' overrides in them, in the kubeconfig's own keys."""

    cluster: Section
    user: Section
    namespace: str
    user_name: str = ""


def paths(given: str | None, environment: Mapping[str, str], home: Path) -> list[Path]:
    """The files to read: ``--kubeconfig``, else those of KUBECONFIG that exist, else ~/.kube/config if it exists.

    Raises ConfigError when the file of the flag does not exist.
    """
    if given:
        path = Path(given).expanduser()
        if not path.exists():
            raise ConfigError(f"the kubeconfig {given} does not exist")
        return [path]
    named = [Path(word).expanduser() for word in environment.get("KUBECONFIG", "").split(os.pathsep) if word]
    return [path for path in named or [home / ".kube" / "config"] if path.exists()]


def read(files: list[Path]) -> Kubeconfig:
    """The files merged: whoever names something first wins. Raises ConfigError."""
    merged: dict[str, dict[str, Section]] = {section: {} for section in _SECTIONS}
    current = ""
    for path in files:
        document = _document(path)
        current = current or str(document.get("current-context") or "")
        for section, key in _SECTIONS.items():
            for name, content in _entries(path, section, key, document.get(section)).items():
                merged[section].setdefault(name, _with_absolute_paths(content, path.absolute().parent))
    return Kubeconfig(merged["clusters"], merged["users"], merged["contexts"], current)


def _entries(path: Path, section: str, key: str, listed: object) -> dict[str, Section]:
    """Name → content of ``[{name: NAME, KEY: CONTENT}]``. Raises ConfigError where kubectl fails, too."""
    found: dict[str, Section] = {}
    for entry in listed if isinstance(listed, list) else [listed] if listed else []:
        name, content = (entry.get("name"), entry.get(key) or {}) if isinstance(entry, dict) else (None, {})
        why = ""
        if not isinstance(name, str) or not name or not isinstance(content, dict):
            why = f"an entry of {section} has no name, or no {key} with fields"
        elif name in found:
            why = f'the name "{name}" stands twice in {section}'
        elif wrong := [field for field in content if not isinstance(content[field], _kind(field) | None)]:
            why = f'{wrong[0]} of "{name}" in {section} is no {"text (quote it)" if wrong[0] in _TEXTS else "truth"}'
        if why:
            raise ConfigError(f"the kubeconfig {path} cannot be used: {why}")
        found[str(name)] = content
    return found


def _kind(field: str) -> type:
    return str if field in _TEXTS else bool if field in _TRUTHS else object


def _document(path: Path) -> Section:
    import yaml  # noqa: PLC0415 - not for --help

    try:
        # libyaml's, where there is one, takes a tenth of the time
        documents = yaml.load_all(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        document = next(documents, None)  # kubectl reads no further either
    except OSError as error:
        why = "permission denied" if isinstance(error, PermissionError) else error.strerror
        raise ConfigError(f"the kubeconfig {path} cannot be read: {why}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        words = " ".join(str(error).split())
        raise ConfigError(f"the kubeconfig {path} cannot be used: {words}; see KUBECONFIG and --kubeconfig") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"the kubeconfig {path} cannot be used: it is no mapping; see KUBECONFIG and --kubeconfig")
    kind, version = document.get("kind") or "Config", document.get("apiVersion") or "v1"
    if (kind, version) != ("Config", "v1"):
        raise ConfigError(
            f"the kubeconfig {path} cannot be used: it is a {kind} of version {version}, not a Config of v1"
        )
    return document


def _with_absolute_paths(content: Section, folder: Path) -> Section:
    """Paths in a kubeconfig are relative to the folder of the file, also an exec plugin's that holds a slash."""
    made = {k: str(folder / v) if k in _FILE_KEYS and v else v for k, v in content.items()}
    plugin = made.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command") or ""):
        made["exec"] = {**plugin, "command": str(folder / plugin["command"])}
    return made


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
