"""The real-time node's virtual machine: QEMU with a user network that reaches nothing but our loopback."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from testbed import processes, rt_accelerator, rt_config, rt_confinement
from testbed.errors import ClusterError
from testbed.paths import API_ADDRESS_IN_VM, API_PORT, LOG, RT_KUBELET_PORT, RT_SSH_PORT, STATE
from testbed.progress import long_step, say
from testbed.rt_accelerator import Accelerator
from testbed.rt_disk import Disk

NAME: Final = "rtnode"
SSH_NAME: Final = "rtnode-ssh"
FOLDER: Final = STATE / "rtnode"
KEY: Final = FOLDER / "key"
CONSOLE: Final = LOG / "rtnode-console"

_SOCKET: Final = "ssh.sock"
_MEMORY: Final = "4G"
_BOOT_SECONDS: Final = (180.0, 180.0, 420.0)
"""An emulated machine has been seen to hang in its boot (no RCU grace period ended), and to panic: it is tried anew."""
_PANIC: Final = "panic=-1"
"""The kernel reboots at once, which ends QEMU (``-no-reboot``), so nobody waits for a machine that will not answer."""
_PATIENCE_SECONDS: Final = 120.0
_NICENESS: Final = -4
_LOOP_NICENESS: Final = 10


def command(disk: Disk, payload: Path, accelerator: Accelerator) -> list[str]:
    """Return QEMU's argv."""
    lsm = rt_confinement.confinement()
    told = (rt_config.KERNEL_ARGUMENTS, _PANIC, *accelerator.kernel_arguments, *lsm.kernel_arguments)
    network = ",".join(
        (
            "user,id=n0,restrict=on",
            f"hostfwd=tcp:127.0.0.1:{RT_SSH_PORT}-:22",
            f"hostfwd=tcp:127.0.0.1:{RT_KUBELET_PORT}-:{RT_KUBELET_PORT}",
            f"guestfwd=tcp:{API_ADDRESS_IN_VM}:{API_PORT}-cmd:busybox nc 127.0.0.1 {API_PORT}",
        )
    )
    return [
        "qemu-system-x86_64", "-name", f"{NAME},debug-threads=on", "-machine", "q35", *accelerator.words,
        "-smp", str(rt_config.CPUS), "-m", _MEMORY, "-no-reboot", "-nodefaults", "-display", "none", "-monitor", "none",
        "-serial", f"file:{CONSOLE}", "-kernel", str(disk.kernel), "-initrd", str(disk.initrd),
        "-append", " ".join(told),
        # snapshot: what the machine writes goes into an unlinked file, and the cached disk stays as it was built.
        "-drive", f"file={disk.image},if=virtio,format=raw,snapshot=on",
        "-drive", f"file={payload},if=virtio,format=raw,readonly=on",
        "-netdev", network, "-device", "virtio-net-pci,netdev=n0,romfile=", "-device", "virtio-rng-pci",
    ]  # fmt: skip


def running() -> bool:
    """Whether the machine that this checkout started is running."""
    return processes.alive(NAME)


def answers() -> bool:
    """Whether the running machine lets us in, with all the patience that one needs that still boots."""
    try:
        processes.wait_until("ssh into the real-time node", _ssh_answers, _PATIENCE_SECONDS, process=NAME)
    except ClusterError:
        return False
    return True


def start(disk: Disk, payload: Path) -> None:
    """Boot the machine unless it runs, and return when ssh answers. Raises ClusterError when it does not in time."""
    if not running():
        for attempt, seconds in enumerate(_BOOT_SECONDS, start=1):
            _boot(disk, payload)
            try:
                with long_step("real-time node: boot", 1, _last_console_line):
                    processes.wait_until("ssh into the real-time node", _ssh_answers, seconds, process=NAME)
                break
            except ClusterError:
                if attempt == len(_BOOT_SECONDS):
                    raise
                why = f"has not booted in {seconds:.0f} s" if running() else f"has ended: {_last_console_line()}"
                say(f"real-time node: it {why}; trying again")
                stop()
    _ensure_master()
    _favour_reserved()


def stop() -> None:
    """End the machine and the ssh connection to it. Its disk is a throwaway, so there is nothing to shut down."""
    processes.stop(SSH_NAME)
    processes.stop(NAME)


def ssh_argv(argv: Sequence[str], *, shared: bool = True) -> list[str]:
    """Return the ssh command that runs ARGV as root in the machine, word by word; to be run with ``cwd=FOLDER``.

    ``shared`` goes through the connection that is open already. Its socket has a relative path because unix(7) allows
    only 107 bytes of it.
    """
    way = ["-o", "ControlMaster=no", "-o", f"ControlPath={_SOCKET if shared else 'none'}"]
    # ssh joins its arguments with spaces and hands them to a shell over there: quote them for it.
    return [*_ssh_base(), *way, "root@127.0.0.1", shlex.join(argv)]


def ssh(
    argv: Sequence[str], *, stdin: bytes = b"", timeout_seconds: float = 120.0, check: bool = True
) -> subprocess.CompletedProcess[bytes]:
    """Run ARGV in the machine and return what it said. Raises ClusterError when CHECK is on and it fails."""
    try:
        done = subprocess.run(
            ssh_argv(argv), cwd=FOLDER, input=stdin, capture_output=True, timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"in the real-time node {argv[0]} did not end within {timeout_seconds:g} s") from error
    if check and done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise ClusterError(f"in the real-time node {argv[0]} ended with status {done.returncode}: {said}")
    return done


def ensure_key() -> str:
    """Return the public half of the key that opens the machine, made when there is none."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not KEY.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", NAME, "-f", str(KEY)], check=True)
    return KEY.with_suffix(".pub").read_text(encoding="utf-8")


def _boot(disk: Disk, payload: Path) -> None:
    accelerator = rt_accelerator.chosen(disk)
    say(f"real-time node: {accelerator.title}")
    LOG.mkdir(parents=True, exist_ok=True)
    CONSOLE.unlink(missing_ok=True)
    processes.start(NAME, command(disk, payload, accelerator), env=_environment(), cwd=FOLDER)


def _environment() -> dict[str, str]:
    """QEMU's, with its temporary files in the folder, and huge pages for what it allocates (glibc.malloc.hugetlb).

    Emulating, it looks for nearly every jump in a table of 32 MB: in small pages that costs a tenth of all its time.
    """
    return {**os.environ, "TMPDIR": str(FOLDER), "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


def _favour_reserved() -> None:
    """Let the loop's CPUs have what the others leave: else a busy loop in there takes a core from the whole machine.

    And let the machine itself have what it wants, where we may do that: all in it waits for two threads, which in make
    test waited longer than they ran.
    """
    pid = processes.pid_of(NAME)
    with suppress(OSError):  # where the kernel groups sessions, niceness counts within one alone (sched(7), autogroup)
        Path(f"/proc/{pid}/autogroup").write_text(str(_NICENESS), encoding="ascii")
    isolated = tuple(f"CPU {cpu}/" for cpu in rt_config.ISOLATED_CPUS)
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text(encoding="utf-8").startswith(isolated):
            os.setpriority(os.PRIO_PROCESS, int(task.name), _LOOP_NICENESS)


def _last_console_line() -> str:
    lines = CONSOLE.read_text(encoding="utf-8", errors="replace").split("\n") if CONSOLE.exists() else []
    printable = ["".join(c for c in line if c.isprintable()).strip() for line in lines[-20:]]
    return next((line[:70] for line in reversed(printable) if line), "no word from it yet")


def _ssh_base() -> list[str]:
    options = {
        "StrictHostKeyChecking": "no",  # it is our own loopback and a machine made a minute ago
        "UserKnownHostsFile": "/dev/null",
        "LogLevel": "ERROR",
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "ConnectTimeout": "20",
        "ServerAliveInterval": "30",
        "ServerAliveCountMax": "10",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "none", "-i", str(KEY), "-p", str(RT_SSH_PORT), *words]


def _ssh_answers() -> bool:
    try:
        return ssh(["true"], timeout_seconds=30, check=False).returncode == 0
    except ClusterError:
        return False


def _ensure_master() -> None:
    """Keep one connection open that later ones share: a key exchange takes seconds on an emulated CPU."""
    if processes.alive(SSH_NAME):
        return
    (FOLDER / _SOCKET).unlink(missing_ok=True)
    processes.start(
        SSH_NAME,
        [*_ssh_base(), "-o", "ControlMaster=yes", "-o", f"ControlPath={_SOCKET}", "-N", "root@127.0.0.1"],
        cwd=FOLDER,
    )
    processes.wait_until("the shared ssh connection", (FOLDER / _SOCKET).exists, 60, process=SSH_NAME)
