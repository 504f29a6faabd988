"""What is asked of completion, and what there is to complete."""

from __future__ import annotations

from collections.abc import Callable

Complete = Callable[..., tuple[list[str], int]]
"""Words → (candidates without their explanations, directive)."""

TYPES = [
    "pods/",
    "deployments/",
    "statefulsets/",
    "daemonsets/",
    "replicasets/",
    "replicationcontrollers/",
    "jobs/",
    "services/",
    "deploymentconfigs/",
]
