"""One run from its Request to its exit status: the plan, the handshake with the node, the checks; and --cleanup.

It may import every package but ``cli``. Begin with ``run.run``.
"""
