"""What runs on the node, as package data: the sh agent and the shim."""

from __future__ import annotations

from pathlib import Path

from kubectl_nsexec.errors import HelperPodError

_FOLDER = Path(__file__).parent
_AGENT_PARTS = ("base.sh", "find.sh", "sources.sh", "alone.sh", "hold.sh", "survey.sh", "main.sh")


def agent_script() -> str:
    """The agent's whole text, for ``sh -c 'eval "$NSEXEC_AGENT"' nsexec-agent hold|enter|… …`` on the node."""
    return "".join((_FOLDER / "agent" / part).read_text(encoding="utf-8") for part in _AGENT_PARTS)


def shim(architecture: str) -> bytes:
    """The shim, a static ELF program, for a node of this architecture.

    ``architecture`` is the node's own word for it (label ``kubernetes.io/arch``): ``amd64``, ``arm64`` …
    Raises HelperPodError when this copy of nsexec has none for it.
    """
    folder = _FOLDER / "bin"
    program = folder / f"shim-{architecture}"
    if architecture.isalnum() and program.is_file():
        return program.read_bytes()
    present = folder.iterdir() if folder.is_dir() else ()
    built = sorted(entry.name.removeprefix("shim-") for entry in present)
    raise HelperPodError(
        f"the node's architecture is {architecture!r}, and this copy of nsexec has a program for "
        f"{', '.join(built) or 'none'}: install a release that has it, or build it with `python hatch_build.py`"
    )
