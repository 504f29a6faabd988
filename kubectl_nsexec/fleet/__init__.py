"""One command in many pods: which, that each of them can run it safely, the runs with their limits, and what is shown.

It may import every package but ``cli``. Begin with ``result``, which the engine and ``show`` have in common.
"""
