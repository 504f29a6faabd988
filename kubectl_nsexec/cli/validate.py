"""From the options of a command line to a Request, or to a mistake that is the user's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kubectl_nsexec.cli import check_flags, fleet_flags
from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.model import environment, privileges, resource_reference, via
from kubectl_nsexec.model import request as requests
from kubectl_nsexec.model.cpu_choice import CpuChoice
from kubectl_nsexec.model.deadline import parse_duration, parse_keep, parse_request_timeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.cli.options import Options

_DRY_RUN = ("none", "client")


def request(
    options: Options, after: Sequence[str] | None, program: str, *, stdin_fd: int, on_terminal: bool
) -> requests.Request | requests.CleanupRequest | requests.CheckRequest:
    """What ``options`` and the words ``after`` the first ``--`` (None: there is none) ask for. Raises UsageError.

    ``stdin_fd`` is read for ``-f -``; ``on_terminal``: the user has a terminal, which a shell then gets.
    """
    if options.check:
        return check_flags.request(options, after, program, connection(options), stdin_fd=stdin_fd)
    check_flags.refuse_any(options)
    if options.cleanup:
        return _cleanup(options, after)
    many = fleet_flags.fleet(options, after)
    _check_dry_run(options, many=many is not None)
    if many is not None and not many.all_pods:
        named, namespace = "", options.namespace
    elif options.filename is None:
        named, namespace = requests.pod_name(options.pod, program), options.namespace
    else:
        taken = options.stdin or (after is None and not options.verify)
        text = resource_reference.manifest_text(options.filename, stdin_fd, stdin_taken=taken)
        named, namespace = requests.pod_of_manifest(text, options.filename, options.pod, options.namespace, program)
    max_duration, keep = options.max_duration, options.keep
    wanted = requests.Request(
        pod=named,
        command=tuple(os.fsencode(word) for word in after or []),
        namespace=namespace,
        container=options.container[-1] if options.container else None,
        connection=connection(options),
        privileges=_privileges(options),
        via=via.of_flags(options.via, options.ssh_user, options.ssh_option),
        pod_running_timeout_seconds=parse_duration(options.pod_running_timeout, "--pod-running-timeout"),
        stdin=options.stdin,
        tty=options.tty,
        env=environment.variables(options.env),
        quiet=options.quiet,
        cpus=CpuChoice(options.cpus, options.profile, options.cpu_source),
        image=options.image,
        helper_namespace=options.helper_namespace or requests.DEFAULT_HELPER_NAMESPACE,
        timeout_seconds=parse_duration(options.timeout, "--timeout"),
        max_duration_seconds=parse_duration(max_duration, "--max-duration") if max_duration is not None else None,
        keep_seconds=parse_keep(keep) if keep is not None and many is None else None,
        verify=options.verify,
        dry_run=options.dry_run == "client",
        output=options.output,
        record_arguments=options.record_args,
        program=program,
        fleet=many,
    )
    if options.tty and options.no_tty:
        raise UsageError("you may not specify -t and -T together")
    if after is None and not options.verify:
        wanted = requests.as_shell(wanted, os.fsencode(options.shell), os.environ.get("TERM", ""))
        wanted = wanted._replace(tty=not options.no_tty and (options.tty or on_terminal))
    requests.check(wanted)
    return wanted


def connection(options: Options) -> requests.ClusterOptions:
    """How the API server is to be reached. Raises UsageError."""
    user, not_a_user = privileges.users(options.user)
    return requests.ClusterOptions(
        kubeconfig=options.kubeconfig,
        context=options.context,
        cluster=options.cluster,
        user=user,
        server=options.server,
        token=options.token,
        as_user=options.as_,
        as_groups=options.as_group,
        as_uid=options.as_uid,
        certificate_authority=options.certificate_authority,
        client_certificate=options.client_certificate,
        client_key=options.client_key,
        insecure_skip_tls_verify=options.insecure_skip_tls_verify,
        tls_server_name=options.tls_server_name,
        request_timeout_seconds=parse_request_timeout(options.request_timeout) if options.request_timeout else None,
        verbosity=_level(options.v) if options.v else 0,
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


def _privileges(options: Options) -> privileges.Privileges:
    _, user = privileges.users(options.user)
    return privileges.Privileges(
        privileged=options.privileged,
        host_tools=options.host_tools,
        user=None if user is None else privileges.user(user),
        process=None if options.process is None else privileges.process(options.process),
    )


def _cleanup(options: Options, after: Sequence[str] | None) -> requests.CleanupRequest:
    """Raises UsageError for what --cleanup does not take: a pod or what selects some, a command."""
    fleet_flags.refuse_any(options, "--cleanup")
    words = [*options.pod, *((options.filename,) if options.filename else ()), *(after or ())]
    if words:
        raise UsageError(f'--cleanup takes neither a pod nor a command, but "{words[0]}" was given')
    _check_values(options)
    only_list = options.dry_run == "client"
    return requests.CleanupRequest(
        connection(options), options.helper_namespace, options.force, only_list, options.output, options.quiet
    )


def _check_dry_run(options: Options, *, many: bool) -> None:
    """Raises UsageError for a value that is not known, and for what goes only with another flag that is missing."""
    if options.force:
        raise UsageError("--force goes with --cleanup")
    _check_values(options)
    if options.output and options.dry_run == "none" and not options.verify and not many:
        raise UsageError(f"-o {options.output} goes with --verify, --dry-run=client, --cleanup, --check or many pods")


def _check_values(options: Options) -> None:
    """Raises UsageError for a value of --dry-run or of -o that there is not."""
    if options.dry_run not in _DRY_RUN:
        raise UsageError(f'--dry-run: "{options.dry_run}" is neither none nor client')
    if options.output not in (None, *requests.OUTPUTS):
        raise UsageError(f'-o: "{options.output}" is neither {" nor ".join(requests.OUTPUTS)}')
