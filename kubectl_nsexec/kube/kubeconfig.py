"""Kubeconfig files, merged by kubectl's rules (client-go, tools/clientcmd); ``stanzas`` has what of them one run uses.

This is ours because the kubernetes client lets the last file win where kubectl lets the first, and opens a missing file
as an empty one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kubectl_nsexec.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

Section = dict[str, Any]

_FILE_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}
_TRUTHS = ("insecure-skip-tls-verify", "disable-compression")
_TEXTS = (
    *("server", "tls-server-name", "certificate-authority", "certificate-authority-data", "proxy-url"),
    *("client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile"),
    *("username", "password", "as", "as-uid", "cluster", "user", "namespace"),
)


class Kubeconfig(NamedTuple):
    """Merged files: name → content, with absolute paths; ``current`` is the current context's name or ""."""

    clusters: Mapping[str, Section]
    users: Mapping[str, Section]
    contexts: Mapping[str, Section]
    current: str


NOTHING = Kubeconfig({}, {}, {}, "")
"""Of no file, or of empty ones."""


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
