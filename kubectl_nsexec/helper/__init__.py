"""The helper pod: its manifest and what it runs, its life and who ends it, the rights that it takes.

It may import ``target``, ``kube`` and ``model``. Begin with ``life.run_one_of``.
"""
