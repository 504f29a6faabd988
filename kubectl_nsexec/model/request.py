"""What the user asked for, as one frozen value, and how argv is split."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.model import cpu_choice, privileges, resource_reference
from kubectl_nsexec.model.cpu_choice import BY_WHO_KNOWS, CpuChoice
from kubectl_nsexec.model.privileges import AS_EXEC, Privileges
from kubectl_nsexec.model.severity import DEFAULT_FAIL_ON
from kubectl_nsexec.model.via import THROUGH_POD, Via

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubectl_nsexec.model.fleet import Fleet

DEFAULT_HELPER_NAMESPACE = "nsexec"
OUTPUTS = ("json", "yaml")
"""The values of -o, for scripts, in whatever a run prints."""
CHECK_OUTPUTS = (*OUTPUTS, "wide", "junit", "sarif")
"""The same with --check."""
NO_TERMINAL = "Unable to use a TTY - input is not a terminal or the right kind of file"
"""kubectl's words (cmd/exec/exec.go, SetupTTY)."""


class ClusterOptions(NamedTuple):
    """How to reach the API server and as whom: kubectl's flags that override the kubeconfig. None: not given."""

    kubeconfig: str | None = None
    context: str | None = None
    cluster: str | None = None
    user: str | None = None
    server: str | None = None
    token: str | None = None
    as_user: str | None = None
    as_groups: tuple[str, ...] = ()
    as_uid: str | None = None
    certificate_authority: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    insecure_skip_tls_verify: bool = False
    tls_server_name: str | None = None
    request_timeout_seconds: float | None = None
    """For one request; 0: as long as it takes; None: our own default."""
    verbosity: int = 0
    not_a_user: str | None = None
    """A value of --user that was taken for the command's user and not for one of the kubeconfig."""

    def __repr__(self) -> str:
        """Without the token: this may stand in a traceback."""
        shown = {**self._asdict(), "token": "..." if self.token else None}
        return f"ClusterOptions({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


class Request(NamedTuple):
    """One run. ``command`` holds CMD's argv as bytes, because argv need not be UTF-8 (execve(2))."""

    pod: str
    """As ``resources.parse`` takes it: NAME or TYPE/NAME. "" where ``fleet`` says by itself which pods are meant."""
    command: tuple[bytes, ...]
    namespace: str | None = None
    container: str | None = None
    connection: ClusterOptions = ClusterOptions()
    privileges: Privileges = AS_EXEC
    via: Via = THROUGH_POD
    pod_running_timeout_seconds: float = 60.0
    stdin: bool = False
    tty: bool = False
    """CMD gets a terminal: only with ``stdin``, and where the user has one."""
    term: str | None = None
    """CMD's TERM; None: what the runtime's own exec would set."""
    env: tuple[bytes, ...] = ()
    """Variables for CMD, NAME=VALUE, over the container's own (``--env``)."""
    quiet: bool = False
    cpus: CpuChoice = BY_WHO_KNOWS
    image: str | None = None
    helper_namespace: str = DEFAULT_HELPER_NAMESPACE
    timeout_seconds: float = 60.0
    max_duration_seconds: float | None = None
    """How long CMD may run; None: as long as it takes."""
    keep_seconds: float | None = None
    """How long the helper pod waits for the next run; 0: no longer; None: it is not shared with others."""
    verify: bool = False
    dry_run: bool = False
    output: str | None = None
    """The form of the proof or the dry run: json or yaml; None: a table for people, YAML of a dry run."""
    record_arguments: bool = False
    """CMD's argv may be written down where others read it."""
    program: str = "oc nsexec"
    fleet: Fleet | None = None
    """Many pods at once; None: the one that ``pod`` leads to."""


class CleanupRequest(NamedTuple):
    """One ``--cleanup``."""

    connection: ClusterOptions
    helper_namespace: str | None
    """None: every namespace, or the default one where not all may be listed."""
    force: bool
    dry_run: bool
    output: str | None
    """json, yaml, or None for a table."""
    quiet: bool


class CheckRequest(NamedTuple):
    """One ``--check``: of a pod or what leads to pods, of a selector, or of a manifest."""

    connection: ClusterOptions
    namespace: str | None = None
    pod: str | None = None
    """As ``resource_reference.parse`` takes it."""
    selector: str | None = None
    all_namespaces: bool = False
    nodes: tuple[str, ...] = ()
    """Only the pods there; of a manifest, where it would run."""
    filename: str | None = None
    manifest: str | None = None
    """The text behind ``filename``."""
    fail_on: str = DEFAULT_FAIL_ON
    """One of ``severity.FAIL_ON``."""
    output: str | None = None
    """One of CHECK_OUTPUTS, or None for a table."""
    quiet: bool = False
    on_node: Request | None = None
    """By what the nodes are looked at: CPUs, helper namespace, image and time-out count; None: they are not."""


def split_at_dashes(argv: list[str]) -> tuple[list[str], list[str] | None]:
    """``(before, after)`` the first ``--``; ``after`` is None where there is none.

    Everything after it is CMD's, untouched: no option parser may see it.
    """
    if "--" not in argv:
        return list(argv), None
    at = argv.index("--")
    return argv[:at], argv[at + 1 :]


def pod_name(given: Sequence[str], program: str) -> str:
    """The pod from the words before ``--``, as ``Request.pod`` holds it.

    Raises UsageError in kubectl's words when there is none, or a command without ``--``.
    """
    if not given:
        raise UsageError(resource_reference.NOTHING_NAMED)
    if len(given) > 1:
        raise _command_without_dashes(program)
    return str(resource_reference.parse(given[0]))


def pod_of_manifest(
    text: str, source: str, given: Sequence[str], namespace: str | None, program: str
) -> tuple[str, str | None]:
    """``(pod, namespace)`` for a Request from the manifest of ``--filename``, ``source`` being the flag's value.

    Raises UsageError when it does not hold exactly one object, ``given`` names another, or it is not in ``namespace``.
    """
    if given:
        raise _command_without_dashes(program)
    named, own_namespace = resource_reference.from_manifest(text, source)
    if namespace and own_namespace and namespace != own_namespace:
        raise UsageError(
            f'the namespace from the provided object "{own_namespace}" does not match the namespace "{namespace}". '
            f"You must pass '--namespace={own_namespace}' to perform this operation."
        )
    return str(named), namespace or own_namespace


def _command_without_dashes(program: str) -> UsageError:
    verb = program.rsplit(maxsplit=1)[-1]
    return UsageError(f"{verb} [POD] [COMMAND] is not supported. Use {verb} [POD] -- [COMMAND] instead")


def as_shell(request: Request, shell: bytes, term: str) -> Request:
    """The same with an interactive shell as its command, as ``oc rsh`` starts it (pkg/cli/rsh/rsh.go).

    ``term`` is the user's own TERM, or empty.
    """
    return request._replace(command=(shell,), stdin=True, term=term or "xterm")


def settle_tty(request: Request, remark: Callable[[str], None], *, terminal: bool) -> Request:
    """The same with ``tty`` only where it can be had: without ``-i`` it is dropped, without a terminal remarked on."""
    if not request.tty or (request.stdin and terminal):
        return request
    if request.stdin:
        remark(NO_TERMINAL)
    return request._replace(tty=False)


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
    if any(b"\0" in pair for pair in request.env):
        raise UsageError("--env: a value cannot contain a NUL byte")
    privileges.check(request.privileges)
    cpu_choice.check(request.cpus)
