"""Credentials from an exec plugin (client.authentication.k8s.io), as client-go gets them.

The kubernetes client's own runner lets the plugin read our stdin, which is the command's, and turns its failure into a
line of a log and a request without credentials.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

from kubectl_nsexec.errors import ConfigError

Section = dict[str, Any]

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_RENEW_BEFORE_SECONDS = 60.0
_CLUSTER_KEYS = ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url", "disable-compression")
_EXTENSION = "client.authentication.k8s.io/exec"


class Credentials(NamedTuple):
    """What a plugin answered; ``expires`` in seconds since the epoch, None: it did not say."""

    token: str
    certificate: str
    key: str
    expires: float | None

    def stale(self) -> bool:
        """Whether the plugin has to be asked again."""
        return self.expires is not None and time.time() > self.expires - _RENEW_BEFORE_SECONDS


def run(plugin: Section, cluster: Section) -> Credentials:
    """Asks ``plugin``, the ``exec`` stanza of a user, for credentials at ``cluster``. Raises ConfigError.

    Its stderr is ours; its stdin is ours only when that is a terminal and the stanza does not say Never.
    """
    command, version = str(plugin.get("command") or ""), str(plugin.get("apiVersion") or "")
    if not command:
        raise ConfigError("getting credentials: the exec plugin of the kubeconfig has no command")
    if version not in _VERSIONS:
        raise ConfigError(f'getting credentials: exec plugin: unknown apiVersion "{version}"; known: {_VERSIONS[0]}')
    mode = str(plugin.get("interactiveMode") or "")
    if not mode and version == _VERSIONS[0]:
        raise ConfigError("getting credentials: interactiveMode must be specified to use an exec plugin of v1")
    interactive = mode != "Never" and os.isatty(0)
    if mode == "Always" and not interactive:
        raise ConfigError(
            "getting credentials: exec plugin cannot support interactive mode: standard input is not a terminal"
        )
    spec: Section = {"interactive": interactive}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = _cluster_info(cluster)
    info = {"apiVersion": version, "kind": "ExecCredential", "spec": spec}
    more = {str(entry["name"]): str(entry.get("value") or "") for entry in plugin.get("env") or []}
    environment = {**os.environ, **more, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    argv = [command, *map(str, plugin.get("args") or [])]
    try:
        done = subprocess.run(
            argv,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
            env=environment,
        )
    except FileNotFoundError as error:
        hint = f"\n\n{plugin['installHint']}" if plugin.get("installHint") else ""
        raise ConfigError(f"getting credentials: exec: executable {command} not found{hint}") from error
    except OSError as error:
        raise ConfigError(f"getting credentials: exec: {command}: {error.strerror}") from error
    if done.returncode:
        raise ConfigError(f"getting credentials: exec: executable {command} failed with exit code {done.returncode}")
    return answered(done.stdout, version)


def answered(stdout: bytes, version: str) -> Credentials:
    """The credentials in a plugin's output. Raises ConfigError, which never quotes the output."""
    try:
        document = json.loads(stdout)
    except ValueError as error:
        raise ConfigError("getting credentials: decoding stdout: the exec plugin printed no JSON") from error
    if not isinstance(document, dict) or document.get("kind") != "ExecCredential":
        raise ConfigError("getting credentials: the exec plugin printed no ExecCredential")
    if document.get("apiVersion") != version:
        raise ConfigError(
            f"getting credentials: exec plugin is configured to use API version {version}, "
            f"plugin returned version {document.get('apiVersion')}"
        )
    status = document.get("status")
    if not isinstance(status, dict):
        raise ConfigError("getting credentials: exec plugin didn't return a status field")
    token, certificate, key = (str(status.get(k) or "") for k in ("token", "clientCertificateData", "clientKeyData"))
    if not (token or certificate or key):
        raise ConfigError("getting credentials: exec plugin didn't return a token or cert/key pair")
    if bool(certificate) != bool(key):
        raise ConfigError("getting credentials: exec plugin returned only certificate or key, not both")
    return Credentials(token, certificate, key, _seconds(status.get("expirationTimestamp")))


def _seconds(timestamp: object) -> float | None:
    from kubernetes.config.dateutil import parse_rfc3339  # noqa: PLC0415 - see kube.load

    if not timestamp:
        return None
    try:
        return float(parse_rfc3339(str(timestamp)).timestamp())
    except Exception as error:  # the parser fails in whatever way the text makes it
        raise ConfigError(f'getting credentials: "{timestamp}" of the exec plugin is not a time') from error


def _cluster_info(cluster: Section) -> Section:
    info = {"config": None, **{key: cluster[key] for key in _CLUSTER_KEYS if key in cluster}}
    if cluster.get("certificate-authority-data"):
        info["certificate-authority-data"] = cluster["certificate-authority-data"]
    elif cluster.get("certificate-authority"):
        content = Path(str(cluster["certificate-authority"])).read_bytes()
        info["certificate-authority-data"] = base64.b64encode(content).decode()
    for extension in cluster.get("extensions") or []:
        if extension.get("name") == _EXTENSION:
            info["config"] = extension.get("extension")
    return info
