"""From kubeconfig (or the pod's own service account) to a cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kubectl_nsexec.cluster.api import KubernetesCluster
from kubectl_nsexec.errors import UsageError

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def load(kubeconfig: str | None, context: str | None) -> KubernetesCluster:
    """The cluster that kubectl would talk to with the same ``--kubeconfig``, ``--context`` and ``KUBECONFIG``.

    Inside a pod without any kubeconfig: its own cluster. Raises UsageError when the configuration
    cannot be read, is not one, or does not have the context.
    """
    from kubernetes import client, config  # noqa: PLC0415 - a quarter of a second that --help need not pay

    _check_readable(kubeconfig)
    configuration = client.Configuration()
    try:
        contexts, active = config.list_kube_config_contexts(kubeconfig)
        if context is not None:
            active = _named(contexts, context)
        config.load_kube_config(kubeconfig, context, configuration, persist_config=False)
        namespace = str(active.get("context", {}).get("namespace") or "default")
    except UsageError:
        raise
    except Exception as error:  # yaml, base64, plugin and OS errors alike: the client does not wrap them
        if kubeconfig is None and not _kubeconfig_paths() and _in_cluster(configuration):
            return KubernetesCluster(configuration, _own_namespace())
        raise UsageError(
            f"the kubeconfig cannot be used: {_first_line(error)}; see KUBECONFIG and --kubeconfig"
        ) from error
    return KubernetesCluster(configuration, namespace)


def _named(contexts: list[dict[str, Any]], context: str) -> dict[str, Any]:
    for entry in contexts:
        if entry["name"] == context:
            return entry
    names = ", ".join(sorted(str(entry["name"]) for entry in contexts)) or "none"
    raise UsageError(f'context "{context}" does not exist; the kubeconfig has: {names}')


def _kubeconfig_paths() -> list[str]:
    given = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return [path for path in given.split(os.pathsep) if path and Path(path).exists()]


def _check_readable(kubeconfig: str | None) -> None:
    if kubeconfig is not None and not Path(kubeconfig).exists():
        raise UsageError(f"the kubeconfig {kubeconfig} does not exist")
    for path in [kubeconfig] if kubeconfig is not None else _kubeconfig_paths():
        if not os.access(path, os.R_OK):
            raise UsageError(f"the kubeconfig {path} cannot be read: permission denied")


def _in_cluster(configuration: object) -> bool:
    from kubernetes import config  # noqa: PLC0415 - as above

    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        return False
    return True


def _own_namespace() -> str:
    try:
        return _NAMESPACE_FILE.read_text().strip() or "default"
    except OSError:
        return "default"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
