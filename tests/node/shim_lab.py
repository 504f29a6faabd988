"""What the shim's tests are made of: a container-like process, identities, sessions."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import select
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from kubectl_nsexec.protocol.exit_marker import ExitMarker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

NONCE = "n0nce"
QUIET_SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=0:exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99"}
"""Leak checks need ptrace; anything else that a sanitizer finds is exit status 99."""
FIRST_ID = 131072
"""What root of a container's own user namespace is on the node."""
CONTAINER = r"""
read -r pid _ </proc/self/stat
mount -t tmpfs tmpfs "$1" && cd "$1"
mkdir usr proc dev etc tmp srv srv/closed && chmod 1777 tmp && chmod 0700 srv/closed && touch marker dev/null
for name in bin sbin lib lib64; do
  if [ -L /$name ]; then cp -P /$name $name; elif [ -d /$name ]; then mkdir $name && mount --rbind /$name $name; fi
done
mount --rbind /usr usr && mount -t proc proc proc && mount --bind /dev/null dev/null && ln -s /proc/self/fd/1 dev/stdout
[ "$2" = 0 ] || { mkdir dev/pts && mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts; }
printf "%s\n" broken root:x:0:0::/root:/bin/sh one:x:1234:1235:,:/srv/one: two:x:1234:1:::/bin/sh >etc/passwd
exec chroot . /bin/sh -c 'echo "$1"; read -r _' sh "$pid"
"""


class Target:
    """A process in mount, PID and UTS namespaces of its own, with a root of its own, as a container's first is.

    ``own_pids=False``: without a PID namespace, as in a pod with hostPID. ``terminals=False``: without a /dev/pts.
    ``own_users``: in a user namespace too, with 65536 ids from FIRST_ID on, as in a pod with hostUsers: false.
    """

    def __init__(self, root: Path, *, own_pids: bool = True, terminals: bool = True, own_users: bool = False) -> None:
        root.mkdir(exist_ok=True)
        apart = ["unshare", "--mount", "--uts", "--fork", "--kill-child", *(["--pid"] if own_pids else [])]
        command = [*apart, "sh", "-c", CONTAINER, "sh", str(root), str(int(terminals))]
        with _users(own=own_users) as start:
            self._outer = subprocess.Popen([*start, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.pid = int(cast("IO[bytes]", self._outer.stdout).readline())

    def end(self) -> None:
        """Kill the first process, and with it the PID namespace; returns when everything in it is reaped."""
        self._outer.kill()
        self._outer.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()


@contextmanager
def _users(*, own: bool) -> Iterator[list[str]]:
    """The start of a command line; with OWN who runs it is root of a new user namespace with maps of FIRST_ID."""
    if not own:
        yield []
        return
    with subprocess.Popen(["unshare", "--user", "sleep", "1000"]) as holder:
        space = Path(f"/proc/{holder.pid}/ns/user")
        try:
            eventually(lambda: space.readlink() != Path("/proc/self/ns/user").readlink())
            for kind in "ug":
                Path(f"/proc/{holder.pid}/{kind}id_map").write_text(f"0 {FIRST_ID} 65536\n")
            yield ["nsenter", f"--user={space}", "--setuid", "0", "--setgid", "0", "--"]
        finally:
            holder.kill()


def status(text: str, key: str) -> str:
    """A field of /proc/PID/status."""
    return next(line.split("\t", 1)[1] for line in text.splitlines() if line.startswith(f"{key}:"))


ALL_CAPABILITIES = status(Path("/proc/self/status").read_text(), "CapBnd")
CPUS = status(Path("/proc/self/status").read_text(), "Cpus_allowed_list")
PLAIN: dict[str, str | list[str]] = {
    "uid": "0",
    "gid": "0",
    "groups": "",
    "bounding": ALL_CAPABILITIES,
    "permitted": ALL_CAPABILITIES,
    "effective": ALL_CAPABILITIES,
    "inheritable": "0",
    "ambient": "0",
    "no_new_privs": "0",
    "seccomp": "",
    "seccomp_flags": "0",
    "selinux": "",
    "apparmor": "",
    "user_namespace": "0",
    "streams_group": "0",
    "devices": "a",
    "umask": "0022",
    "cwd": "/",
    "stdin": "1",
    "verify": "0",
    "tty": "0",
    "rows": "0",
    "columns": "0",
    "limit_ms": "0",
    "env": ["PATH=/usr/bin:/bin"],
    "arg": ["true"],
}
USER = {"uid": "1234", "gid": "1235", "permitted": "0", "effective": "0"}
"""A user without rights."""


def identity(*arguments: str, **changes: str | list[str] | None) -> bytes:
    """Records of PLAIN with ``changes`` (None: left out); ``arguments`` are the command."""
    records = {**PLAIN, **({"arg": list(arguments)} if arguments else {}), **changes}
    pairs = [(key, value) for key, values in records.items() if values is not None for value in _each(values)]
    return b"".join(os.fsencode(f"{key}={value}") + b"\0" for key, value in pairs)


def _each(values: str | list[str]) -> list[str]:
    return [values] if isinstance(values, str) else values


def begin(ignored: Sequence[int], cgroup: Path | None) -> None:
    """What happens between fork and exec of a session."""
    if cgroup and (cgroup / "cgroup.procs").exists():
        (cgroup / "cgroup.procs").write_text("0")
    begin_with_signals(ignored)


def begin_with_signals(ignored: Sequence[int]) -> None:
    """IGNORED are ignored, and 32 and 33 are not, whatever our own parent left them at (rt_sigaction(2))."""
    call = {"x86_64": 13, "aarch64": 134}.get(platform.machine())
    for number in (32, 33, *ignored):
        action = (ctypes.c_ulong * 8)(int(number in ignored))  # SIG_IGN is 1, SIG_DFL is 0
        assert ctypes.CDLL(None, use_errno=True).syscall(call, number, action, None, 8) == 0


class Session:
    """One ``shim enter`` into a target, with a lease that the test holds.

    ``mounts``: a process whose mount namespace is the helper's; else it is the test's own. ``devices``, ``container``:
    the session's cgroup and the container's.
    """

    def __init__(
        self,
        shim: Path,
        target: Target,
        blob: bytes,
        *,
        run: Path,
        cpus: str = CPUS,
        kill_file: str = "-",
        size: int | None = None,
        lease: Path | None = None,
        first: int | None = None,
        root: str = "-",
        mounts: int | None = None,
        devices: Path | None = None,
        container: Path | None = None,
        pass_fds: Sequence[int] = (),
        ignored: Sequence[int] = (),
        stdout: int = subprocess.PIPE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.told: int | None = None
        self.alive = -1
        """Of a session in a shared helper pod: at its end when the session is over."""
        self._errors = b""
        fifo = run / "lease"
        os.mkfifo(fifo)
        self.lease = os.open(fifo, os.O_RDWR)
        words = [NONCE, cpus, str(len(blob) if size is None else size), str(lease or fifo), kill_file]
        words += [str(target.pid if first is None else first), root]
        words += [str(devices or "-"), str(container or "-")]
        command = ["nsenter", "-F", "--uts=ns/uts", "--", str(shim), "enter", *words]
        if mounts is not None:
            # nsenter leaves the folder when it enters mounts
            there = ["sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", f"/proc/{target.pid}"]
            command = ["nsenter", f"--mount=/proc/{mounts}/ns/mnt", "--", *there, *command]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command,
            cwd=f"/proc/{target.pid}",
            stdin=pipe,
            stdout=stdout,
            stderr=pipe,
            bufsize=0,
            env={**os.environ, **QUIET_SANITIZERS, **(environment or {})},
            pass_fds=pass_fds,
            preexec_fn=lambda: begin(ignored, devices),  # noqa: PLW1509 - no thread of the tests holds a lock here
        )
        self.stdin, self.stdout = cast("IO[bytes]", self.process.stdin), cast("IO[bytes]", self.process.stdout)
        with suppress(BrokenPipeError):  # a session that is refused early does not read its identity
            self.stdin.write(blob)

    def started(self, tty: str = "") -> int:
        """The command's PID, from the start event; its first words must be ``up`` when it says anything.

        ``tty``: whose /dev/pts its terminal is of.
        """
        event = json.loads(self.stdout.readline().removeprefix(f"{NONCE} ".encode()))
        assert (event["event"], event["mask"], event["tty"]) == ("start", CPUS, tty), event
        return int(event["pid"])

    def up(self) -> int:
        """Waits until the command says ``up``; its PID."""
        pid = self.started()
        assert self.stdout.readline() == b"up\n"
        return pid

    def let_go(self) -> None:
        """End the lease."""
        os.close(self.lease)
        self.lease = -1

    def end(self, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        """Exit status, what is left of stdout, the command's stderr; ``told``: the exit status by the exit marker."""
        output, errors = self.process.communicate(stdin, timeout=20)
        if self.lease >= 0:
            self.let_go()
        word = ExitMarker(NONCE)
        errors = bytes(word.take(bytearray(self._errors + errors), whole=True))
        self.told = word.status
        return self.process.returncode, output, errors

    def marked(self) -> bool:
        """Waits for the exit marker; False when stderr ends without it. What else came on stderr ``end`` has."""
        word, stderr = ExitMarker(NONCE), cast("IO[bytes]", self.process.stderr)
        while word.status is None and select.select([stderr], [], [], 20)[0] and (data := stderr.read(65536)):
            self._errors += data
            word.take(bytearray(self._errors), whole=False)
        return word.status is not None

    def ended(self) -> int:
        """Exit status, of a command that gets no end of file on stdin: as the client's, that comes after its own."""
        self.marked()
        return self.end()[0]

    def refused(self) -> dict[str, str]:
        """The error event of a session that started nothing."""
        code, output, errors = self.end()
        assert (code, errors) == (125, b""), (code, output, errors)
        return error_event(output)


def error_event(output: bytes) -> dict[str, str]:
    """The one line that a refusal is."""
    (line,) = output.splitlines()
    event: dict[str, str] = json.loads(line.removeprefix(f"{NONCE} ".encode()))
    assert event.pop("event") == "error"
    return event


def eventually(condition: Callable[[], bool]) -> None:
    """Waits for what another process is about to do; 10 s at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it has not happened within 10 s"
        time.sleep(0.005)


def gone(pid: int) -> bool:
    """Whether the process is no more, or only a zombie of somebody else's."""
    try:
        return status(Path(f"/proc/{pid}/status").read_text(), "State").startswith(("Z", "X"))
    except (FileNotFoundError, ProcessLookupError):
        return True
