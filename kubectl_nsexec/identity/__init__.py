"""Who the command is, as the runtime's own exec would make it: ids, capabilities, limits, devices, privileges.

It may import ``model`` only; it does no I/O. Begin with ``identity.of_target``.
"""
