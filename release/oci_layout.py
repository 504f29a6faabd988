"""OCI image layouts as archives, made and joined without a container engine; nothing but the standard library.

https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md. The top of each is one entry, an index of an
image for each platform: skopeo and oc-mirror want to be told which of several entries is meant.
"""

from __future__ import annotations

import gzip
import json
import tarfile
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from release.errors import ReleaseError
from testbed import oci

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from release.names import Platform

Json = dict[str, Any]

INDEX: Final = f"{oci.MEDIA}.index.v1+json"
MANIFEST: Final = f"{oci.MEDIA}.manifest.v1+json"
CONFIG: Final = f"{oci.MEDIA}.config.v1+json"
LAYER: Final = f"{oci.MEDIA}.layer.v1.tar+gzip"

_LEVEL: Final = 6
"""The best (9) takes four times as long and saves a hundredth."""


@dataclass(frozen=True)
class Image:
    """``descriptor``: of its manifest, with the platform; ``blobs``: by digest, all that the manifest leads to."""

    descriptor: Json
    blobs: Mapping[str, bytes]


def image(layer: bytes, config: Json, where: Platform, made: int) -> Image:
    """An image of one LAYER, a tar; CONFIG is the object ``config`` of the image configuration (User, Entrypoint, …).

    ``made``: seconds since 1970.
    """
    created = datetime.fromtimestamp(made, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    packed = gzip.compress(layer, _LEVEL, mtime=made)
    configuration = _json(
        {
            "created": created,
            "architecture": where.arch,
            "os": where.os,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [oci.digest(layer)]},
            "history": [{"created": created, "created_by": "make dist"}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": oci.descriptor(CONFIG, configuration),
            "layers": [oci.descriptor(LAYER, packed)],
        }
    )
    platform = {"architecture": where.arch, "os": where.os}
    blobs = {oci.digest(blob): blob for blob in (manifest, configuration, packed)}
    return Image({**oci.descriptor(MANIFEST, manifest), "platform": platform}, blobs)


def write(target: Path, images: Sequence[Image], name: str, made: int) -> Path:
    """Write an archive of IMAGES, of a platform each, as one that is called NAME (``HOST/PATH:TAG``).

    Raises ReleaseError where two are for the same platform.
    """
    found = sorted((_platform(each), each.descriptor["digest"]) for each in images)
    if len({platform for platform, _ in found}) < len(found):
        raise ReleaseError(f"{target.name} would have two images for one platform: {found}")
    inner = _json(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [each.descriptor for each in sorted(images, key=_platform)],
        }
    )
    named = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
    outer = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{**oci.descriptor(INDEX, inner), "annotations": named}],
    }
    blobs = {oci.digest(inner): inner, **{key: blob for each in images for key, blob in each.blobs.items()}}
    with tarfile.open(target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        oci.add(tar, "oci-layout", oci.VERSION_FILE, made=made)
        oci.add(tar, "index.json", _json(outer), made=made)
        for key, blob in sorted(blobs.items()):
            oci.add(tar, oci.blob_path(key), blob, made=made)
    return target


def joined(target: Path, archives: Iterable[Path], name: str, made: int) -> Path:
    """Write one archive of the images of several, each of which ``write`` has made. Raises ReleaseError."""
    return write(target, [found for archive in archives for found in read(archive)], name, made)


def read(archive: Path) -> list[Image]:
    """The images of an archive that ``write`` has made. Raises ReleaseError where it is damaged."""
    with tarfile.open(archive) as tar:
        content = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]

    def blob(key: str) -> bytes:
        found = content.get(oci.blob_path(key), b"")
        if oci.digest(found) != key:
            raise ReleaseError(f"{archive.name} is damaged: {key}")
        return found

    (top,) = json.loads(content["index.json"])["manifests"]
    images = []
    for descriptor in json.loads(blob(top["digest"]))["manifests"]:
        manifest = json.loads(blob(descriptor["digest"]))
        keys = [descriptor["digest"], manifest["config"]["digest"], *(each["digest"] for each in manifest["layers"])]
        images.append(Image(descriptor, {key: blob(key) for key in keys}))
    return images


def _platform(one: Image) -> str:
    platform = one.descriptor["platform"]
    return f"{platform['os']}/{platform['architecture']}"


def _json(content: Json) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"
