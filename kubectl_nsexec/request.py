"""What the user asked for, as one frozen value, and how argv is split."""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_nsexec.errors import UsageError

DEFAULT_HELPER_NAMESPACE = "nsexec"
DEFAULT_TIMEOUT = "60s"

_POD_TYPES = {"pod", "pods", "po"}


@dataclass(frozen=True)
class Request:
    """One run. ``command`` holds CMD's argv as bytes, because argv need not be UTF-8 (execve(2))."""

    pod: str
    command: tuple[bytes, ...]
    namespace: str | None = None
    container: str | None = None
    kubeconfig: str | None = None
    context: str | None = None
    stdin: bool = False
    tty: bool = False
    quiet: bool = False
    cpus: str | None = None
    image: str | None = None
    helper_namespace: str = DEFAULT_HELPER_NAMESPACE
    timeout_seconds: float = 60.0
    verify: bool = False
    dry_run: bool = False
    program: str = "oc nsexec"


def split_at_dashes(argv: list[str]) -> tuple[list[str], list[str] | None]:
    """``(before, after)`` the first ``--``; ``after`` is None where there is none.

    Everything after it is CMD's, untouched: no option parser may see it.
    """
    if "--" not in argv:
        return list(argv), None
    at = argv.index("--")
    return argv[:at], argv[at + 1 :]


def pod_name(given: list[str], program: str) -> str:
    """The pod's name from the words before ``--``: ``NAME`` or ``pod/NAME``.

    Raises UsageError in kubectl's words when there is none, or a command without ``--``.
    """
    verb = program.rsplit(maxsplit=1)[-1]
    if not given:
        raise UsageError("pod, type/name or --filename must be specified")
    if len(given) > 1:
        raise UsageError(f"{verb} [POD] [COMMAND] is not supported. Use {verb} [POD] -- [COMMAND] instead")
    kind, slash, name = given[0].rpartition("/")
    if slash and kind.lower() not in _POD_TYPES:
        raise UsageError(f'"{given[0]}": only a pod can be named so far, as NAME or pod/NAME')
    if not name:
        raise UsageError("pod, type/name or --filename must be specified")
    if not all(c.isascii() and (c.isalnum() or c in "-.") for c in name):
        raise UsageError(f'"{name}" is not the name of a pod (lower-case letters, digits, "-" and ".")')
    return name


def check(request: Request) -> None:
    """Refuses a request that makes no sense, before anything is asked or created. Raises UsageError."""
    if not request.command and not request.verify:
        raise UsageError("you must specify at least one command for the container")
    if request.command and not request.command[0]:
        raise UsageError("the command's name is empty")
    if request.dry_run and not request.command:
        raise UsageError("you must specify at least one command for the container")
    if any(b"\0" in word for word in request.command):
        raise UsageError("an argument cannot contain a NUL byte")
