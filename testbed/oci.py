"""Parts of an OCI image layout (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md)."""

import hashlib
import io
import tarfile
from typing import Final

MEDIA: Final = "application/vnd.oci.image"
"""How the media types begin: ``.index.v1+json``, ``.manifest.v1+json``, ``.config.v1+json``, ``.layer.v1.tar+gzip``."""
VERSION_FILE: Final = b'{"imageLayoutVersion":"1.0.0"}'


def digest(content: bytes) -> str:
    """E.g. ``sha256:…``."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def blob_path(of: str) -> str:
    """Where the blob of a digest is in a layout."""
    return f"blobs/{of.replace(':', '/')}"


def descriptor(media_type: str, content: bytes) -> dict[str, object]:
    """What names CONTENT in an index or a manifest."""
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644, made: int = 0) -> None:
    """Add a file of root's; ``made``: seconds since 1970."""
    member = tarfile.TarInfo(path)
    member.size, member.mode, member.mtime = len(content), mode, made
    tar.addfile(member, io.BytesIO(content))
