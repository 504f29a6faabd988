"""From what was given on the command line to what is wanted: a request, or a mistake that is the user's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.model import asked, resource_reference, via
from kubectl_nsexec.model import request as requests
from kubectl_nsexec.model.deadline import parse_duration, parse_keep, parse_request_timeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.cli.options import Given

_DRY_RUN = ("none", "client")
_OUTPUTS = ("json", "yaml")


def request(
    given: Given, after: Sequence[str] | None, program: str, *, stdin_fd: int, on_terminal: bool
) -> requests.Request | requests.CleanupRequest:
    """What ``given`` and the words ``after`` the first ``--`` (None: there is none) ask for. Raises UsageError.

    ``stdin_fd`` is read for ``-f -``; ``on_terminal``: the user has a terminal, which a shell then gets.
    """
    if given.cleanup:
        return _cleanup(given, after)
    _check_dry_run(given)
    if given.filename is None:
        named, namespace = requests.pod_name(given.pod, program), given.namespace
    else:
        taken = given.stdin or (after is None and not given.verify)
        text = resource_reference.manifest_text(given.filename, stdin_fd, stdin_taken=taken)
        named, namespace = requests.pod_of_manifest(text, given.filename, given.pod, given.namespace, program)
    max_duration, keep = given.max_duration, given.keep
    wanted = requests.Request(
        pod=named,
        command=tuple(os.fsencode(word) for word in after or []),
        namespace=namespace,
        container=given.container,
        connection=connection(given),
        powers=_powers(given),
        via=via.asked(given.via, given.ssh_user, given.ssh_option),
        pod_running_timeout_seconds=parse_duration(given.pod_running_timeout, "--pod-running-timeout"),
        stdin=given.stdin,
        tty=given.tty,
        quiet=given.quiet,
        cpus=asked.CpuChoice(given.cpus, given.profile, given.cpu_source),
        image=given.image,
        helper_namespace=given.helper_namespace or requests.DEFAULT_HELPER_NAMESPACE,
        timeout_seconds=parse_duration(given.timeout, "--timeout"),
        max_duration_seconds=parse_duration(max_duration, "--max-duration") if max_duration is not None else None,
        keep_seconds=parse_keep(keep) if keep is not None else None,
        verify=given.verify,
        dry_run=given.dry_run == "client",
        output=given.output,
        record_arguments=given.record_args,
        program=program,
    )
    if given.tty and given.no_tty:
        raise UsageError("you may not specify -t and -T together")
    if after is None and not given.verify:
        wanted = requests.as_shell(wanted, os.fsencode(given.shell), os.environ.get("TERM", ""))
        wanted = wanted._replace(tty=not given.no_tty and (given.tty or on_terminal))
    requests.check(wanted)
    return wanted


def connection(given: Given) -> requests.ClusterOptions:
    """How the API server is to be reached. Raises UsageError."""
    user, not_a_user = asked.users(given.user)
    return requests.ClusterOptions(
        kubeconfig=given.kubeconfig,
        context=given.context,
        cluster=given.cluster,
        user=user,
        server=given.server,
        token=given.token,
        as_user=given.as_,
        as_groups=given.as_group,
        as_uid=given.as_uid,
        certificate_authority=given.certificate_authority,
        client_certificate=given.client_certificate,
        client_key=given.client_key,
        insecure_skip_tls_verify=given.insecure_skip_tls_verify,
        tls_server_name=given.tls_server_name,
        request_timeout_seconds=parse_request_timeout(given.request_timeout) if given.request_timeout else None,
        verbosity=_level(given.v) if given.v else 0,
        not_a_user=not_a_user,
    )


def _level(text: str) -> int:
    """The number that --v gives. Raises UsageError in kubectl's words (pflag, strconv.ParseInt)."""
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(
            f'invalid argument "{text}" for "-v, --v" flag: strconv.ParseInt: parsing "{text}": invalid syntax'
        ) from error


def _powers(given: Given) -> asked.Powers:
    _, user = asked.users(given.user)
    return asked.Powers(
        privileged=given.privileged,
        host_tools=given.host_tools,
        user=None if user is None else asked.user(user),
        process=None if given.process is None else asked.process(given.process),
    )


def _cleanup(given: Given, after: Sequence[str] | None) -> requests.CleanupRequest:
    """Raises UsageError for what --cleanup does not take: a pod, a command."""
    words = [*given.pod, *((given.filename,) if given.filename else ()), *(after or ())]
    if words:
        raise UsageError(f'--cleanup takes neither a pod nor a command, but "{words[0]}" was given')
    _check_values(given)
    only_list = given.dry_run == "client"
    return requests.CleanupRequest(
        connection(given), given.helper_namespace, given.force, only_list, given.output, given.quiet
    )


def _check_dry_run(given: Given) -> None:
    """Raises UsageError for a value that is not known, and for what goes only with another flag that is missing."""
    if given.force:
        raise UsageError("--force goes with --cleanup")
    _check_values(given)
    if given.output and given.dry_run == "none" and not given.verify:
        raise UsageError(f"-o {given.output} goes with --verify, --dry-run=client or --cleanup")


def _check_values(given: Given) -> None:
    """Raises UsageError for a value of --dry-run or of -o that there is not."""
    if given.dry_run not in _DRY_RUN:
        raise UsageError(f'--dry-run: "{given.dry_run}" is neither none nor client')
    if given.output not in (None, *_OUTPUTS):
        raise UsageError(f'-o: "{given.output}" is neither {" nor ".join(_OUTPUTS)}')
