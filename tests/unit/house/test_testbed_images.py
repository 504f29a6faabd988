"""The test bed's images: Debian's programs with what they need, the same bytes for the same inputs."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from testbed import images, oci
from testbed.errors import ClusterError

MORE = {"/usr/bin/oslat": b"program", "/lib/x86_64-linux-gnu/libnuma.so.1": b"library"}


def members(image: images.Image) -> dict[str, tarfile.TarInfo]:
    """The files of its only layer."""
    with tarfile.open(fileobj=io.BytesIO(images.oci_archive(image))) as tar:

        def blob(digest: str) -> bytes:
            content = tar.extractfile(oci.blob_path(digest))
            assert content is not None
            return content.read()

        index = tar.extractfile("index.json")
        assert index is not None
        manifest = json.loads(blob(json.loads(index.read())["manifests"][0]["digest"]))
        with tarfile.open(fileobj=io.BytesIO(blob(manifest["layers"][0]["digest"]))) as layer:
            return {member.name: member for member in layer}


def test_the_image_with_a_shell_has_the_real_time_programs() -> None:
    """With their libraries, all of which can be executed; the others have nothing but busybox."""
    made = {image.name: image for image in images.definitions(b"busybox", ["sh", "busybox"], MORE)}
    files = members(made[images.BUSYBOX])
    assert {name.lstrip("/") for name in MORE} <= files.keys()
    assert {files[name.lstrip("/")].mode for name in MORE} == {0o755}
    assert all("usr/bin/oslat" not in members(made[name]) for name in (images.PAUSE, images.EMPTY, images.HOSTILE))


def test_the_same_inputs_are_the_same_bytes() -> None:
    """A node that has the image need not be given it again."""
    first, second = (images.definitions(b"busybox", ["sh"], MORE)[1] for _ in range(2))
    assert images.oci_archive(first) == images.oci_archive(second)


def test_several_are_in_one_archive_with_what_they_share_once() -> None:
    """The pause image has the very layer of the one without a shell."""
    made = images.definitions(b"busybox", ["sh"], MORE)
    with tarfile.open(fileobj=io.BytesIO(images.oci_archive(*made))) as tar:
        index = tar.extractfile("index.json")
        assert index is not None
        listed = json.load(index)["manifests"]
        names = tar.getnames()
    assert [each["annotations"]["io.containerd.image.name"] for each in listed] == [image.name for image in made]
    assert len(names) == len(set(names)) == len(("oci-layout", "index.json")) + 3 * len(made) - 1
    assert {oci.blob_path(each["digest"]) for each in listed} <= set(names)


def test_a_program_comes_with_what_it_is_linked_with(tmp_path: Path) -> None:
    """By the paths at which its loader looks for them: in a root of its own it runs."""
    taken = images.with_libraries(Path("/usr/bin/chrt"))
    for path, content in taken.items():
        target = tmp_path / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(0o755)
    loader = next(path for path in taken if "/ld-" in path)
    libraries = {str((tmp_path / path.lstrip("/")).parent) for path in taken if ".so" in path}
    argv = [f"{tmp_path}{loader}", "--library-path", ":".join(libraries), f"{tmp_path}/usr/bin/chrt", "--version"]
    assert "chrt" in subprocess.run(argv, capture_output=True, text=True, check=True, env={}).stdout


def test_a_program_that_is_missing_is_told_by_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """oslat is one that few machines have."""
    busybox = shutil.which("busybox")
    assert busybox
    monkeypatch.setattr(images, "_BUSYBOX_PROGRAM", Path(busybox))
    monkeypatch.setattr(images, "_PROGRAMS", (tmp_path / "oslat",))
    with pytest.raises(ClusterError, match="rt-tests"):
        images.ensure()
