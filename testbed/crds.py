"""PerformanceProfile as clusters serve it, and one profile per node.

The shape follows openshift/cluster-node-tuning-operator's CRD: v2 stored, v1 and v1alpha1 served, no conversion. Fields
that this project never reads are accepted without a schema; the operator's own CRD may be applied over this one.
"""

from typing import Final

from testbed import kubectl
from testbed.kubectl import Json
from testbed.processes import wait_until

GROUP: Final = "performance.openshift.io"
CRD: Final = f"performanceprofiles.{GROUP}"

_ESTABLISHED_TIMEOUT_SECONDS: Final = 30.0
_TEXT: Final[Json] = {"type": "string"}
_LABELS: Final[Json] = {"type": "object", "additionalProperties": _TEXT}
_ANYTHING: Final[Json] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def ensure(*profiles: Json) -> None:
    """Apply the CRD, unless the cluster serves one (the operator's own, perhaps), and PROFILES."""
    if kubectl.try_run("get", "crd", CRD).returncode != 0:
        kubectl.apply(definition())
    wait_until(f"{CRD} is served", _served, _ESTABLISHED_TIMEOUT_SECONDS)
    kubectl.apply(*profiles)


def profile(role: str, *, reserved: str, isolated: str) -> Json:
    """Return the v2 profile of the machine config pool ROLE (a node label ``node-role.kubernetes.io/ROLE``).

    ``reserved`` and ``isolated`` are CPU lists in the kernel's syntax.
    """
    return {
        "apiVersion": f"{GROUP}/v2",
        "kind": "PerformanceProfile",
        "metadata": {"name": f"performance-{role}"},
        "spec": {
            "cpu": {"reserved": reserved, "isolated": isolated},
            "machineConfigPoolSelector": {f"pools.operator.machineconfiguration.openshift.io/{role}": ""},
            "nodeSelector": {f"node-role.kubernetes.io/{role}": ""},
            "realTimeKernel": {"enabled": role.endswith("rt")},
        },
    }


def definition() -> Json:
    """Return the CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {
                "kind": "PerformanceProfile",
                "listKind": "PerformanceProfileList",
                "plural": "performanceprofiles",
                "singular": "performanceprofile",
            },
            "conversion": {"strategy": "None"},
            "versions": [_version("v2", stored=True), _version("v1"), _version("v1alpha1")],
        },
    }


def _version(name: str, *, stored: bool = False) -> Json:
    cpus = ("isolated", "reserved", "offlined", "shared", "ovsDpdk")
    cpu = {"type": "object", "properties": {**dict.fromkeys(cpus, _TEXT), "balanceIsolated": {"type": "boolean"}}}
    spec = {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "required": ["cpu", "nodeSelector"] if stored else [],
        "properties": {
            "cpu": {**cpu, "required": ["isolated", "reserved"]} if stored else cpu,
            "nodeSelector": _LABELS,
            "machineConfigLabel": _LABELS,
            "machineConfigPoolSelector": _LABELS,
            "realTimeKernel": {"type": "object", "properties": {"enabled": {"type": "boolean"}}},
        },
    }
    return {
        "name": name,
        "served": True,
        "storage": stored,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": _ANYTHING}}},
    }


def _served() -> bool:
    return kubectl.try_run("get", "--raw", f"/apis/{GROUP}/v2/performanceprofiles").returncode == 0
