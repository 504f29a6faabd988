"""oc nsexec: run a command in a container without touching its isolated CPUs."""

__version__ = "0.1.0"
