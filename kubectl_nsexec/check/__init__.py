"""``--check``: the ways in which ``oc exec`` and kubelets enter containers, where they land, what lives there.

It may import the cluster, the profiles and the output, and knows no session. Begin with ``run``; ``judge`` decides.
"""
