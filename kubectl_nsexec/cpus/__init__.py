"""Which CPUs the command may use: by the profile, the kubelet or the node's files, and whether nobody owns them.

It may import ``model`` only; it does no I/O. Begin with ``policy.decide`` and ``verdict.check_on_node``.
"""
