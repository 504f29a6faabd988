"""The API server: the only place that knows the kubernetes client and WebSockets."""

from kubectl_nsexec.kube.api import Cluster
from kubectl_nsexec.kube.connection import Connection, WebSocketConnection
from kubectl_nsexec.kube.load import load
from kubectl_nsexec.kube.server import KubernetesCluster

__all__ = ["Cluster", "Connection", "KubernetesCluster", "WebSocketConnection", "load"]
