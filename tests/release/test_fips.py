"""The archive where FIPS mode is on: by an OpenSSL that looks at itself first, and by one that takes a provider."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from release import archive, env, fips
from release.errors import ReleaseError
from release.names import PROGRAM
from testbed import minimal_root
from tests.unit.fake_session import GREETING, Handler, fake_session

if TYPE_CHECKING:
    from pathlib import Path

_USES_OPENSSL = """\
import _hashlib, _ssl
found = {line.split()[-1] for line in open("/proc/self/maps") if "/libcrypto" in line or "/libssl" in line}
print("\\n".join(sorted(found)))
"""
_CONFIGURATION = """\
openssl_conf = init
.include {installed}
[init]
providers = providers
alg_section = algorithms
[providers]
fips = fips_sect
base = base
[base]
activate = 1
[algorithms]
default_properties = fips=yes
"""
"""fips_module(7), "Making all applications use the FIPS module by default"."""


def with_hmac(library: Path, content: bytes) -> Path:
    """A library, with its HMAC beside it."""
    library.parent.mkdir(parents=True, exist_ok=True)
    library.write_bytes(content)
    fips.beside(library).write_text(f"{fips.hmac_of(library)}\n")
    return library


def test_an_hmac_is_what_openssl_calls_so(tmp_path: Path) -> None:
    """By openssl(1), with the key of fipscheck and fips_standalone_hmac."""
    (tmp_path / "lib.so").write_bytes(b"\x7fELF\0\xff")
    words = ["openssl", "dgst", "-sha256", "-hmac", "orboDeJITITejsirpADONivirpUkvarP", "-r", str(tmp_path / "lib.so")]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert said.split()[0] == fips.hmac_of(tmp_path / "lib.so")


def test_a_library_and_its_hmac_that_came_along_are_fine(tmp_path: Path) -> None:
    """One that has none needs none."""
    source = with_hmac(tmp_path / "lib64/libcrypto.so.1.1", b"x")
    shutil.copytree(source.parent, tmp_path / "archive/_internal")
    (tmp_path / "lib64/libffi.so.6").touch()
    assert fips.doubts(tmp_path / "archive", [source, tmp_path / "lib64/libffi.so.6"]) == []


def test_what_would_abort_the_process_is_named(tmp_path: Path) -> None:
    """A stripped library, an HMAC that was left behind, one without its library; no archive is made then."""
    source = with_hmac(tmp_path / "lib64/libcrypto.so.1.1", b"x")
    inside = tmp_path / "archive/_internal"
    shutil.copytree(source.parent, inside)
    (inside / "libcrypto.so.1.1").write_bytes(b"stripped")
    changed = ".libcrypto.so.1.1.hmac is not that of libcrypto.so.1.1, which was changed"
    assert fips.doubts(tmp_path / "archive", [source]) == [changed]
    (inside / "libcrypto.so.1.1").unlink()
    assert fips.doubts(tmp_path / "archive", [source]) == [".libcrypto.so.1.1.hmac is there without libcrypto.so.1.1"]
    (inside / ".libcrypto.so.1.1.hmac").unlink()
    missing = f"{source.parent}/.libcrypto.so.1.1.hmac did not come along"
    assert fips.doubts(tmp_path / "archive", [source]) == [missing]
    program(tmp_path / "archive", "echo https://127.0.0.1:9 could not be reached >&2; exit 1")
    with pytest.raises(ReleaseError, match="would not start in FIPS mode: .* did not come along"):
        fips.check(tmp_path / "archive", [source])


def program(folder: Path, script: str) -> None:
    """In the place of the archive's."""
    (folder / PROGRAM).write_text(f"#!/bin/sh\n{script}\n")
    (folder / PROGRAM).chmod(0o755)


@pytest.mark.parametrize("script", ["kill -ABRT $$", "exit 1", 'echo "$OPENSSL_FORCE_FIPS_MODE" >&2; exit 0'])
def test_a_program_that_does_not_start_makes_no_archive(tmp_path: Path, script: str) -> None:
    """As it does where the self-test fails; what it said is told."""
    program(tmp_path, script)
    with pytest.raises(ReleaseError, match="with OPENSSL_FORCE_FIPS_MODE=1 it ends with"):
        fips.check(tmp_path, [])


def test_the_packer_leaves_libraries_with_an_hmac_as_they_are(tmp_path: Path) -> None:
    """As on RHEL 8: this machine's OpenSSL with an HMAC beside it, and with bytes at its end that strip(1) removes."""
    python = env.folder() / "bin/python"
    script = tmp_path / "script.py"
    script.write_text(_USES_OPENSSL)
    used = subprocess.run([str(python), str(script)], capture_output=True, text=True, check=True).stdout.split()
    assert used
    system, folder, work = tmp_path / "lib64", tmp_path / "work" / PROGRAM, tmp_path / "work"
    sources = []
    for path in used:
        name = path.rpartition("/")[2]
        with open(path, "rb") as library:  # noqa: PTH123 - a name of another process
            sources.append(with_hmac(system / name, library.read() + bytes(64)))
    subprocess.run(
        [str(python), "-m", "PyInstaller", *archive.how(work), str(script)],
        env={**os.environ, "LD_LIBRARY_PATH": str(system)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert fips.doubts(folder, sources) == []
    assert {path.name for path in folder.rglob(".*.hmac")} == {fips.beside(source).name for source in sources}
    loaded = subprocess.run([str(folder / PROGRAM)], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == [str(folder / "_internal" / source.name) for source in sorted(sources)]


@pytest.fixture(scope="module")
def only_fips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which OpenSSL 3 has the algorithms of Debian 13's FIPS provider and no others."""
    folder = tmp_path_factory.mktemp("fips")
    minimal_root.unpack(folder / "root", "trixie", ("openssl-provider-fips",))
    (module,) = (folder / "root/usr/lib").rglob("ossl-modules/fips.so")
    installed = folder / "fipsmodule.cnf"
    subprocess.run(
        ["openssl", "fipsinstall", "-module", str(module), "-out", str(installed)], check=True, capture_output=True
    )
    installed.write_text(installed.read_text().replace("[fips_sect]", f"[fips_sect]\nmodule = {module}"))
    (folder / "openssl.cnf").write_text(_CONFIGURATION.format(installed=installed))
    environment = {"OPENSSL_CONF": str(folder / "openssl.cnf"), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    refused = subprocess.run(["openssl", "md5", "/dev/null"], env=environment, capture_output=True, check=False)
    assert refused.returncode != 0  # else this would be no FIPS mode
    return environment


def run(folder: Path, environment: dict[str, str], *words: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
    """The archive's program: status, stdout, stderr."""
    argv = [str(folder / PROGRAM), "-n", "ran", *words]
    done = subprocess.run(argv, env=environment, input=stdin, capture_output=True, check=False, timeout=120)
    return done.returncode, done.stdout, done.stderr.decode()


def test_a_session_needs_no_algorithm_that_fips_forbids(unpacked: Path, only_fips: dict[str, str]) -> None:
    """SHA-1 in the handshake of a WebSocket is marked as no matter of security, and SHA-256 names things."""
    with fake_session() as session:
        words = ("-s", session.url, "du-0", "--cpus", "0-1", "-i", "--", "cat")
        status, output, errors = run(unpacked, only_fips, *words, stdin=b"given")
    assert (status, output) == (0, GREETING + b"given"), errors


def test_tls_to_the_api_server_is_had_by_the_fips_provider(
    unpacked: Path, only_fips: dict[str, str], tmp_path: Path
) -> None:
    """A server's own certificate as the authority; what it answers comes over TLS 1.3."""
    crt, key = tmp_path / "server.crt", tmp_path / "server.key"
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=server"]
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", str(key), "-out", str(crt)]
    subprocess.run(["openssl", "req", "-x509", *new, *more], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    seen: list[tuple[str, str, int] | None] = []

    class TlsHandler(Handler):
        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True)
            seen.append(self.request.cipher())
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()

    with fake_session(TlsHandler) as session:
        url = session.url.replace("http://", "https://")
        status, _, errors = run(
            unpacked, only_fips, "-s", url, "--certificate-authority", str(crt), "nobody", "--", "id"
        )
    assert (status, "NotFound" in errors) == (1, True), errors
    assert seen[0] is not None
    assert seen[0][1] == "TLSv1.3"
