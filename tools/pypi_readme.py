"""The README as packages carry it, by hatchling's hook: PyPI resolves no relative links, so these lead to GitHub.

Source: https://packaging.python.org/en/latest/guides/making-a-pypi-friendly-readme/ and hatchling's metadata hooks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?\[[^\]]*\])\((?!https?:|#)([^)\s]+)\)")
"""Of Markdown: ``[words](address)``, and of a picture."""


def absolute(text: str, repository: str, version: str) -> str:
    """``text`` with its relative links leading to the files of that version's tag in ``repository``."""

    def there(link: re.Match[str]) -> str:
        kind = "raw" if link[1].startswith("!") else "blob"
        return f"{link[1]}({repository}/{kind}/v{version}/{link[2]})"

    return _LINK.sub(there, text)


class ReadmeHook(MetadataHookInterface):  # type: ignore[misc] # hatchling carries no types
    """Hatchling's metadata hook; ``repository`` is its one setting in pyproject.toml."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Puts the README into the project's metadata."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = absolute(text, self.config["repository"], metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
