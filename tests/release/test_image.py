"""The container image: an OCI layout that anything can load, with the tool and what it needs, and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from release import image, oci_layout
from release.errors import ReleaseError
from release.names import PROGRAM, Platform, this_platform, version
from testbed import tarball
from tests.conformance.authorities import Authorities
from tests.conformance.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.packages import Packages

Json = dict[str, Any]

_OCI: Final = "application/vnd.oci.image"
_MADE: Final = 1700000000
_SHELLS: Final = {"ash", "bash", "busybox", "csh", "dash", "ksh", "sh", "zsh"}
_AS_IN_A_POD: Final = """
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --bind /dev/null "$1/dev/null"
mount -o remount,bind,ro "$1"
root=$1 user=$2
shift 2
exec env --ignore-environment "$@"
"""
"""Read-only, a process table of its own, no environment but what is given."""


class Layout:
    """What is in an archive; every descriptor is compared with its blob on the way."""

    def __init__(self, archive: Path) -> None:
        with tarfile.open(archive) as tar:
            self.files = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]
            self.members = tar.getmembers()
        self._used = {"oci-layout", "index.json"}
        self.index = json.loads(self.files["index.json"])
        (self.top,) = self.index["manifests"]
        self.platforms: list[Json] = json.loads(self.blob(self.top, "index.v1+json"))["manifests"]
        self.manifests = [json.loads(self.blob(each, "manifest.v1+json")) for each in self.platforms]
        self.configs = [json.loads(self.blob(each["config"], "config.v1+json")) for each in self.manifests]
        self.layers = [
            gzip.decompress(self.blob(layer, "layer.v1.tar+gzip"))
            for each in self.manifests
            for layer in each["layers"]
        ]

    def blob(self, descriptor: Json, kind: str) -> bytes:
        name = descriptor["digest"].replace("sha256:", "blobs/sha256/")
        content = self.files[name]
        assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"
        assert (descriptor["mediaType"], descriptor["size"]) == (f"{_OCI}.{kind}", len(content))
        self._used.add(name)
        return content

    def unused(self) -> set[str]:
        """What nothing leads to."""
        return {*self.files} - self._used


@pytest.fixture(scope="module")
def layout(packages: Packages) -> Layout:
    """Of ``make dist``."""
    return Layout(packages.image)


@pytest.fixture(scope="module")
def members(layout: Layout) -> dict[str, tarfile.TarInfo]:
    """What the image's one layer has, by path."""
    with tarfile.open(fileobj=io.BytesIO(layout.layers[0])) as tar:
        return {f"/{member.name}": member for member in tar}


@pytest.fixture(scope="module")
def root(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer unpacked, with what a runtime mounts there."""
    folder = tmp_path_factory.mktemp("root")
    folder.chmod(0o755)  # a runtime's
    with tarfile.open(fileobj=io.BytesIO(layout.layers[0])) as tar:
        tarball.unpack(tar, folder)
    for name in ("proc", "dev"):
        (folder / name).mkdir()
    (folder / "dev/null").touch()
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder that is built as the archive's, with little in it."""
    folder = tmp_path / PROGRAM
    (folder / "_internal").mkdir(parents=True)
    shutil.copy("/bin/true", folder / PROGRAM)
    shutil.copy("/bin/true", folder / "_internal/other")
    (folder / "LICENSE").write_text("Everybody may.\n")
    return folder


def test_every_blob_is_what_its_descriptor_says(layout: Layout) -> None:
    """By digest, size and media type, from the top down; nothing else is in the archive."""
    assert json.loads(layout.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert (layout.index["schemaVersion"], layout.index["mediaType"]) == (2, f"{_OCI}.index.v1+json")
    assert layout.unused() == set()
    for config, layer in zip(layout.configs, layout.layers, strict=True):
        assert config["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}


def test_the_archives_platform_is_the_images(layout: Layout) -> None:
    """In the index, by which a node chooses, and in the configuration; the name has the version as its tag."""
    platform = {"os": "linux", "architecture": this_platform().arch}
    assert [each["platform"] for each in layout.platforms] == [platform]
    assert [{key: each[key] for key in platform} for each in layout.configs] == [platform]
    assert layout.top["annotations"] == {
        "io.containerd.image.name": f"localhost/kubectl-nsexec:{version()}",
        "org.opencontainers.image.ref.name": version(),
    }


def test_it_starts_the_tool_and_not_as_root(layout: Layout, members: dict[str, tarfile.TarInfo]) -> None:
    """By number, without which a kubelet cannot tell that runAsNonRoot holds."""
    (config,) = (each["config"] for each in layout.configs)
    assert config["User"] == "65532:65532"
    (entry,) = config["Entrypoint"]
    assert members[entry].mode == 0o755
    assert config["Env"] == [f"PATH={Path(entry).parent}"]
    assert "Cmd" not in config


def test_what_is_in_it(packages: Packages, layout: Layout, members: dict[str, tarfile.TarInfo]) -> None:
    """The archive's files, the C library with its licence, and three files for it: no shell, nothing of another's."""
    with tarfile.open(packages.archive) as archive, tarfile.open(fileobj=io.BytesIO(layout.layers[0])) as layer:
        for member in archive:
            packed = members[f"/opt/{member.name}"]
            assert packed.mode == member.mode, member.name
            assert layer.extractfile(packed).read() == archive.extractfile(member).read(), member.name  # type: ignore[union-attr]
        ours = {f"/opt/{member.name}" for member in archive}
    more = {path for path, member in members.items() if member.isfile()} - ours
    licences = {path for path in more if path.startswith("/opt/kubectl-nsexec/licenses/")}
    assert {Path(path).parent.name for path in licences} == {"libc6"}  # zlib1g's is the archive's, too
    libraries = {path for path in more - licences if ".so" in Path(path).name}
    assert {Path(path).name for path in libraries} >= {"libc.so.6", "libz.so.1"}
    assert more - licences - libraries == {"/etc/group", "/etc/nsswitch.conf", "/etc/passwd"}
    assert {Path(path).name for path in members} & _SHELLS == set()


def test_nothing_in_it_has_an_owner_or_more_rights(members: dict[str, tarfile.TarInfo]) -> None:
    """Files and folders of root's, that everybody may read (OpenShift's numbers too), and nobody else may write."""
    for path, member in members.items():
        assert member.isfile() or member.isdir(), path
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", ""), path
        allowed = {0o1777} if path == "/tmp" else {0o755} if member.isdir() else {0o644, 0o755}
        assert member.mode in allowed, path


@pytest.mark.parametrize("user", ["65532:65532", "1000660000:0"], ids=["the image's user", "one of OpenShift's"])
def test_it_runs_by_itself(root: Path, user: str) -> None:
    """From a read-only root, with nothing of this machine but its kernel."""
    done = _run(root, user, [], "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"kubectl nsexec {version()}\n")
    refused = _run(root, user, [], "-s", "https://127.0.0.1:9", "--check", "-A", "-o", "json")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "127.0.0.1:9 could not be reached" in refused.stderr


def test_in_a_pod_it_asks_the_pods_cluster(root: Path, tmp_path: Path) -> None:
    """As the service account, by the files that the kubelet mounts: the modules for that are in it, and TLS works."""
    authorities = Authorities(tmp_path)
    account = root / "var/run/secrets/kubernetes.io/serviceaccount"
    account.mkdir(parents=True)
    shutil.copy(authorities.path("root.crt"), account / "ca.crt")
    (account / "token").write_text("of-the-account")
    (account / "namespace").write_text("ran")
    with ExitStack() as stack:
        recorder = Recorder(authorities, stack)
        where = ["KUBERNETES_SERVICE_HOST=127.0.0.1", f"KUBERNETES_SERVICE_PORT={recorder.ports['good']}"]
        done = _run(root, "65532:65532", where, "du-0", "--dry-run=client")
        (seen,) = recorder.taken()
    assert ("authorization", "Bearer of-the-account") in seen.headers, done.stderr
    assert done.returncode == 1


def _run(root: Path, user: str, environment: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    chroot = ["/usr/sbin/chroot", f"--userspec={user}", str(root), f"/opt/{PROGRAM}/{PROGRAM}", *words]
    argv = ["unshare", "--mount", "--pid", "--fork", "sh", "-ec", _AS_IN_A_POD, "sh", str(root), user]
    return subprocess.run([*argv, "HOME=/", *environment, *chroot], capture_output=True, text=True, check=False)


def test_the_same_files_give_the_same_image(small: Path, tmp_path: Path) -> None:
    """Whenever they were written, under whatever umask and in whatever order."""
    other = tmp_path / "other" / PROGRAM
    (other / "_internal").mkdir(parents=True)
    for path in sorted(small.rglob("*"), reverse=True):
        if path.is_file():
            shutil.copyfile(path, other / path.relative_to(small))
    for path in other.rglob("*"):
        path.chmod(0o700 if path.is_dir() or path.name != "LICENSE" else 0o600)
    made = [
        image.write(folder, tmp_path / f"{number}.oci.tar", "1.2.3", Platform("linux", "amd64"), _MADE).read_bytes()
        for number, folder in enumerate((small, other))
    ]
    assert made[0] == made[1]


def test_several_platforms_are_one_image(small: Path, tmp_path: Path) -> None:
    """What the release workflow does: an entry for each, one at the top, whatever their order."""
    parts = [
        image.write(small, tmp_path / f"{arch}.oci.tar", "1.2.3", Platform("linux", arch), _MADE)
        for arch in ("amd64", "arm64")
    ]
    whole = [
        oci_layout.joined(tmp_path / "whole.oci.tar", order, "localhost/kubectl-nsexec:1.2.3", _MADE).read_bytes()
        for order in (parts, parts[::-1])
    ]
    assert whole[0] == whole[1]
    found = Layout(tmp_path / "whole.oci.tar")
    assert [each["platform"]["architecture"] for each in found.platforms] == ["amd64", "arm64"]
    assert found.platforms == [descriptor for part in parts for descriptor in Layout(part).platforms]
    assert found.unused() == set()


def _twice(part: Path, into: Path) -> None:
    oci_layout.joined(into, [part, part], "localhost/x:1", _MADE)


def _damaged(part: Path, into: Path) -> None:
    content = part.read_bytes()
    part.write_bytes(content.replace(b'"os": "linux"', b'"os": "linus"'))
    oci_layout.joined(into, [part], "localhost/x:1", _MADE)


@pytest.mark.parametrize(
    ("join", "words"),
    [(_twice, "two images for one platform"), (_damaged, "is damaged: sha256:")],
    ids=["twice", "damaged"],
)
def test_what_does_not_fit_together_is_refused(
    join: Callable[[Path, Path], None], words: str, small: Path, tmp_path: Path
) -> None:
    """And nothing is written."""
    part = image.write(small, tmp_path / "part.oci.tar", "1.2.3", Platform("linux", "amd64"), _MADE)
    with pytest.raises(ReleaseError, match=words):
        join(part, tmp_path / "whole.oci.tar")
    assert not (tmp_path / "whole.oci.tar").exists()


def test_a_library_that_is_missing_is_named(small: Path) -> None:
    """Before there is an image that cannot start."""
    content = (small / PROGRAM).read_bytes()
    (small / PROGRAM).write_bytes(content.replace(b"libc.so.6\0", b"libq.so.6\0"))
    with pytest.raises(ReleaseError, match=r"would lack libq\.so\.6"):
        image.needed(small)
