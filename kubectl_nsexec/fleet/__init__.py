"""One command in many pods: which, resolved and checked before anything is created; started, bounded and gathered.

It may import every package but ``cli``. Begin with ``run.run``.
"""
