"""The API server: the only place that knows the kubernetes client and WebSockets."""

from kubectl_nsexec.cluster.api import Cluster
from kubectl_nsexec.cluster.config import load
from kubectl_nsexec.cluster.connection import Connection, WebSocketConnection
from kubectl_nsexec.cluster.server import KubernetesCluster

__all__ = ["Cluster", "Connection", "KubernetesCluster", "WebSocketConnection", "load"]
