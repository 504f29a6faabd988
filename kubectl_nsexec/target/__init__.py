"""From POD or TYPE/NAME to the pod, its container and the container's ID.

It may import ``kube`` and ``model``. Begin with ``find_pod``, then ``container_choice.resolve``.
"""
