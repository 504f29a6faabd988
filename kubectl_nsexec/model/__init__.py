"""Values that several packages share: the Request, CPU sets, deadlines, what the node answered, the proof.

It may import ``errors`` only; it does no I/O. Begin with ``request.Request``.
"""
