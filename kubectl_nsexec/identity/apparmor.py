"""Which AppArmor profile confines a command."""

from __future__ import annotations


def confining(profile: bytes, label: bytes, *, crun: bool) -> bytes:
    """The label for the command, by the spec's PROFILE and the LABEL of the container's init, with its mode.

    The init's counts where the runtime has left its own profile in it. AppArmor 4 has ``crun`` and ``runc``, neither of
    which confines anything. crun puts the container's upon it instead of changing to that, where the container has
    ``no_new_privs`` (libcrun, ``set_apparmor_profile``); a container without a profile stays in the runtime's. A label
    of several profiles is in no order (apparmor(7), "stacking").
    """
    named, _, mode = label.rstrip(b"\n").rpartition(b" (")
    if not profile:
        own = b"crun" if crun else b"runc"
        return own if (named, mode) == (own, b"unconfined)") else b""
    several = named.split(b"//&")
    return named if len(several) > 1 and profile in several else profile
