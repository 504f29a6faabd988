"""The command line: from argv to a Request, and from an error to an exit status.

It may import every other package, and is the only one that knows Typer. Begin with ``app.main``.
"""
