"""The API server: the only place that knows the kubernetes client and WebSockets."""

from kubectl_nsexec.cluster.api import Cluster, KubernetesCluster
from kubectl_nsexec.cluster.config import load
from kubectl_nsexec.cluster.connection import Connection, WebSocketConnection

__all__ = ["Cluster", "Connection", "KubernetesCluster", "WebSocketConnection", "load"]
