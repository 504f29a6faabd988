"""How the node is reached (helper pod, shared helper pod, ssh, local), and the relay of the bytes of a command.

It may import ``helper``, ``protocol`` and what is below them. Begin with ``choice.chosen`` and ``base.Transport``.
"""
