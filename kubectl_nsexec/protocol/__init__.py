"""What the client and the node say to each other: commands, the events that answer them, records, the exit marker.

It may import ``identity``, ``cpus``, ``target`` and ``model``; it does no I/O. Begin with ``commands``.
"""
