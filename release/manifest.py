"""Krew's manifest (krew.googlecontainertools.github.com/v1alpha2), from the one template plugin.yaml.in.

https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/
"""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from release.names import HOMEPAGE, PLATFORMS, PROGRAM, Platform, archive_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

LINKS: Final = ("oc-nsexec", "kubectl_complete-nsexec", "oc_complete-nsexec")
"""Names under which the program is asked for besides ``kubectl-nsexec``; krew links only that one."""
_TEMPLATE: Final = Path(__file__).with_name("plugin.yaml.in")
_UNRELEASED: Final = """\
# Made by `python -m release manifest` of release/plugin.yaml.in; a test compares. The archives' sha256 are not here: an
# archive holds this commit's content, so no commit can name its own. krew wants dist/plugin.yaml (make dist) or that of
# a release, which has them (docs/how-to/releasing.md).
"""


def checked_in(version: str) -> str:
    """plugin.yaml at the top of the repository: every platform of a release, without checksums."""
    return _UNRELEASED + _head(version) + "".join(_platform(version, where, None) for where in PLATFORMS)


def rendered(version: str, sha256: Mapping[Platform, str]) -> str:
    """The manifest for krew: exactly the platforms of ``sha256``, whose values are 64 hex digits."""
    return _head(version) + "".join(_platform(version, where, sha256[where]) for where in PLATFORMS if where in sha256)


def _head(version: str) -> str:
    template = Template(_TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(version=version, homepage=HOMEPAGE, links=" ".join(LINKS))


def _platform(version: str, where: Platform, sha256: str | None) -> str:
    checksum = f'    sha256: "{sha256}"\n' if sha256 else ""  # in quotes: one of digits alone would be a number
    return f"""\
  - selector:
      matchLabels:
        os: {where.os}
        arch: {where.arch}
    uri: {archive_uri(version, where)}
{checksum}    files:
    - from: "{PROGRAM}/*"
      to: "."
    bin: {where.program}
"""
