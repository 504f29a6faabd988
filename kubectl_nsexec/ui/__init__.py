"""The user's side: what is printed, the terminal, standard streams, signals and the end of the process.

It may import ``model`` only. Begin with ``console.Console``.
"""
