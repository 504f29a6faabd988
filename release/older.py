"""``make dist`` on an older Debian, for an archive that older systems can load: ``python3 -m release.older [FOLDER]``.

Nothing but the standard library is needed for that. Needs root.
"""

from __future__ import annotations

import sys
from pathlib import Path

from testbed import minimal_root, old_system
from testbed.paths import CACHE, REPOSITORY


def dist(into: Path) -> str:
    """Fill the folder INTO with the packages and return the words about them. Raises CalledProcessError."""
    into.mkdir(parents=True, exist_ok=True)
    tree = old_system.ensure()
    tools = _run(tree, str(old_system.PYTHON), "-B", "-m", "release.env").strip()
    _run(tree, "git", "config", "--global", "--replace-all", "safe.directory", "*")  # its owner need not be root
    return _run(tree, f"{tools}/bin/python", "-B", "-m", "release", "dist", "--into", str(into), shown=into)


def _run(tree: Path, *argv: str, shown: Path = CACHE) -> str:
    done = minimal_root.run(tree, argv, [REPOSITORY, CACHE, shown], str(REPOSITORY))
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
    done.check_returncode()
    return done.stdout


if __name__ == "__main__":
    CACHE.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(dist(Path(sys.argv[1]).resolve() if sys.argv[1:] else REPOSITORY / "dist"))
