"""argv to request, error to exit status. The only place that knows typer or exits."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from kubectl_nsexec import argv as arguments
from kubectl_nsexec import asked, help_text, resources, terminal, via
from kubectl_nsexec import request as requests
from kubectl_nsexec.command import Command
from kubectl_nsexec.console import Console, OutputClosedError, with_quiet
from kubectl_nsexec.errors import NsexecError, UsageError
from kubectl_nsexec.flags import about, as_exec, connection, helper
from kubectl_nsexec.flags import cleanup as cleanup_flags
from kubectl_nsexec.flags import cpus as cpu_flags
from kubectl_nsexec.flags import powers as power_flags
from kubectl_nsexec.flags import via as via_flags
from kubectl_nsexec.interrupts import Interrupts, SignalReceived

if TYPE_CHECKING:
    from kubectl_nsexec.cluster import Cluster

_EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE, as a command that the reader left."""


def main(argv: list[str], console: Console | None = None) -> int:
    """Runs the command line ``argv`` (``argv[0]`` is how we were called) and returns the exit status."""
    console = console or Console()
    interrupts = Interrupts()
    before, after = requests.split_at_dashes(argv[1:])
    try:
        with interrupts.as_exceptions():
            return _run(before, after, _program_name(argv[0]), console, interrupts)
    except SignalReceived as received:
        return 128 + received.number
    except OutputClosedError:
        return _EXIT_BROKEN_PIPE
    except NsexecError as error:
        console.say(error.rendered())
        return error.exit_status


def _program_name(called: str) -> str:
    """``oc nsexec`` or ``kubectl nsexec``, as the user called us (plugins are executables OC-NAME)."""
    name = Path(called).name
    return "kubectl nsexec" if name.startswith("kubectl") else "oc nsexec"


def parser() -> Any:  # noqa: ANN401 - typer's copy of click is private
    """The command line's options, for those who only read one; typer's Command."""
    return _command([], None, "oc nsexec", Console(), on_terminal=False)


def _command(
    made: list[requests.Request | requests.CleanupRequest],
    after: list[str] | None,
    program: str,
    console: Console,
    *,
    on_terminal: bool,
) -> Any:  # noqa: ANN401 - as above
    """The parser of the words before ``--``, which puts the request that they make into ``made``."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.command(cls=Command, context_settings={"help_option_names": ["-h", "--help"]})
    def nsexec(
        pod: as_exec.Pod = None,
        namespace: as_exec.Namespace = None,
        container: as_exec.Container = None,
        *,
        stdin: as_exec.Stdin = False,
        tty: as_exec.Tty = False,
        no_tty: as_exec.NoTty = False,
        shell: as_exec.Shell = requests.DEFAULT_SHELL,
        filename: as_exec.Filename = None,
        pod_running_timeout: as_exec.PodRunningTimeout = requests.DEFAULT_POD_RUNNING_TIMEOUT,
        quiet: as_exec.Quiet = False,
        verify: cpu_flags.Verify = False,
        cpus: cpu_flags.Cpus = None,
        profile: cpu_flags.Profile = None,
        cpu_source: cpu_flags.CpuSource = None,
        way: via_flags.Kind = via.POD,
        ssh_user: via_flags.SshUser = via.DEFAULT_SSH_USER,
        ssh_option: via_flags.SshOption = None,
        timeout: helper.Timeout = requests.DEFAULT_TIMEOUT,
        max_duration: helper.MaxDuration = None,
        keep: helper.Keep = None,
        image: helper.Image = None,
        helper_namespace: helper.HelperNamespace = None,
        dry_run: helper.DryRun = "none",
        output: helper.Output = None,
        record_args: helper.RecordArgs = False,
        cleanup: cleanup_flags.Cleanup = False,
        force: cleanup_flags.Force = False,
        privileged: power_flags.Privileged = False,
        host_tools: power_flags.HostTools = False,
        process: power_flags.Process = None,
        kubeconfig: connection.Kubeconfig = None,
        context: connection.Context = None,
        cluster: connection.Cluster = None,
        user: connection.User = None,
        server: connection.Server = None,
        token: connection.Token = None,
        as_user: connection.AsUser = None,
        as_group: connection.AsGroup = None,
        as_uid: connection.AsUid = None,
        certificate_authority: connection.CertificateAuthority = None,
        client_certificate: connection.ClientCertificate = None,
        client_key: connection.ClientKey = None,
        insecure_skip_tls_verify: connection.Insecure = False,
        tls_server_name: connection.TlsServerName = None,
        request_timeout: connection.RequestTimeout = None,
        verbosity: connection.Verbosity = None,
        options: about.Options = False,
        version: about.Version = False,
    ) -> None:
        from kubectl_nsexec.deadline import parse_duration, parse_keep, parse_request_timeout  # noqa: PLC0415 - not for --help

        if options:
            console.print(help_text.full(command.parameters()))
            return
        if version:
            console.print(about.versions(program))
            return
        kubeconfig_user, command_user = asked.users(user or [])
        connection_options = requests.ClusterOptions(
            kubeconfig=kubeconfig,
            context=context,
            cluster=cluster,
            user=kubeconfig_user,
            server=server,
            token=token,
            as_user=as_user,
            as_groups=tuple(as_group or ()),
            as_uid=as_uid,
            certificate_authority=certificate_authority,
            client_certificate=client_certificate,
            client_key=client_key,
            insecure_skip_tls_verify=insecure_skip_tls_verify,
            tls_server_name=tls_server_name,
            request_timeout_seconds=parse_request_timeout(request_timeout) if request_timeout else None,
            verbosity=connection.level(verbosity) if verbosity else 0,
            not_a_user=command_user,
        )
        if cleanup:
            cleanup_flags.check_cleanup(
                [*(pod or ()), *((filename,) if filename else ()), *(after or ())], dry_run, output
            )
            only_list = dry_run == "client"
            made.append(requests.CleanupRequest(connection_options, helper_namespace, force, only_list, output, quiet))
            return
        helper.check_dry_run(dry_run, output, verify=verify, force=force)
        if filename is None:
            named = requests.pod_name(pod or [], program)
        else:
            text = resources.manifest_text(
                filename, console.stdin_fd, stdin_taken=stdin or (after is None and not verify)
            )
            named, namespace = requests.pod_of_manifest(text, filename, pod or [], namespace, program)
        wanted = requests.Request(
            pod=named,
            command=tuple(os.fsencode(word) for word in after or []),
            namespace=namespace,
            container=container,
            connection=connection_options,
            powers=power_flags.powers(command_user, process, privileged=privileged, host_tools=host_tools),
            via=via.asked(way, ssh_user, ssh_option),
            pod_running_timeout_seconds=parse_duration(pod_running_timeout, "--pod-running-timeout"),
            stdin=stdin,
            tty=tty,
            quiet=quiet,
            cpus=asked.CpuChoice(cpus, profile, cpu_source),
            image=image,
            helper_namespace=helper_namespace or requests.DEFAULT_HELPER_NAMESPACE,
            timeout_seconds=parse_duration(timeout, "--timeout"),
            max_duration_seconds=parse_duration(max_duration, "--max-duration") if max_duration is not None else None,
            keep_seconds=parse_keep(keep) if keep is not None else None,
            verify=verify,
            dry_run=dry_run == "client",
            output=output,
            record_arguments=record_args,
            program=program,
        )
        if tty and no_tty:
            raise UsageError("you may not specify -t and -T together")
        if after is None and not verify:
            wanted = requests.as_shell(wanted, os.fsencode(shell), os.environ.get("TERM", ""))
            wanted = wanted._replace(tty=not no_tty and (tty or on_terminal))
        requests.check(wanted)
        made.append(wanted)

    command: Any = typer.main.get_command(app)
    return command


def _run(before: list[str], after: list[str] | None, program: str, console: Console, interrupts: Interrupts) -> int:
    made: list[requests.Request | requests.CleanupRequest] = []
    user_terminal = terminal.find(console.stdin_fd, console.stdout_fd)
    command = _command(made, after, program, console, on_terminal=user_terminal is not None)
    switches = {word for option in command.params if getattr(option, "is_flag", False) for word in option.opts}
    try:
        command.main(args=arguments.plain(before, switches), prog_name=program, standalone_mode=False)
    except typer.TyperException as error:
        raise UsageError(f"{error}\nSee '{program} --help' for usage.") from error
    if not made:
        return 0
    (wanted,) = made
    console = with_quiet(console, wanted.quiet)
    if isinstance(wanted, requests.CleanupRequest):
        from kubectl_nsexec import cleanup  # noqa: PLC0415 - as below

        return cleanup.run(wanted, console)
    from kubectl_nsexec import plan  # noqa: PLC0415 - not for --help

    request = requests.settle_tty(wanted, console.notice, terminal=user_terminal is not None)
    cluster = _cluster(request, console)
    from kubectl_nsexec.caretaker import Caretaker  # noqa: PLC0415 - as below

    needed = request.via.kind == via.POD and not request.dry_run
    with interrupts.deferred():  # what a handler raises in the middle of os.fork is swallowed there
        caretaker = Caretaker.forked(cluster, needed=needed)
    with closing(caretaker):
        planned = plan.make(request, cluster)
        from kubectl_nsexec import session  # noqa: PLC0415 - half of the tool, and the API server has been asked by now

        tty = user_terminal if request.tty else None
        return session.run(request, cluster, planned, console, interrupts, tty, caretaker)


def _cluster(request: requests.Request, console: Console) -> Cluster:
    from kubectl_nsexec.cluster import load  # noqa: PLC0415 - not for --help

    try:
        return load(request.connection, console.say)
    except UsageError as error:
        if request.via.kind == via.LOCAL:
            error.message += (
                "; --via local asks the API server for the pod, too: bring a kubeconfig of yours to the node"
            )
        raise
