"""What turns a commit into packages: wheel, sdist, an archive without Python, krew's manifest, a bill of materials.

Used by ``make dist`` and ``make release-check`` in a virtual environment of its own, ``.release``.
"""
