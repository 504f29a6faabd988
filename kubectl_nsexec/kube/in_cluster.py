"""The cluster of a pod that has no kubeconfig, by its service account: client-go's rules (rest.InClusterConfig).

They become the stanzas of a kubeconfig, so that all else is done in one place. The kubernetes client's own loader knows
no flags, and raises what open(2) says where the token cannot be read again at some moment.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from kubectl_nsexec.kube.stanzas import Chosen, with_flags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubectl_nsexec.model.request import ClusterOptions

_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/"""


def chosen(environment: Mapping[str, str], options: ClusterOptions) -> Chosen | None:
    """What this pod uses, under the flags; None where we are in no pod, or in one without a service account's token."""
    host, port = (environment.get(f"KUBERNETES_SERVICE_{name}", "") for name in ("HOST", "PORT"))
    token = _ACCOUNT / "token"
    if not (host and port and token.is_file()):
        return None
    address = f"[{host}]" if ":" in host else host
    authority = options.certificate_authority or _if_there(_ACCOUNT / "ca.crt")
    cluster = {"server": f"https://{address}:{port}", **({"certificate-authority": authority} if authority else {})}
    return Chosen(cluster, with_flags({"tokenFile": str(token)}, options), _namespace(environment))


def _if_there(path: Path) -> str:
    return str(path) if path.is_file() else ""


def _namespace(environment: Mapping[str, str]) -> str:
    """As kubectl has it: POD_NAMESPACE, which a pod may be given by the downward API, else the account's."""
    try:
        return environment.get("POD_NAMESPACE") or (_ACCOUNT / "namespace").read_text().strip() or "default"
    except OSError:
        return "default"
