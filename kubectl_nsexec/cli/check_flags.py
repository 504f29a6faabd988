"""The flags of --check: what a line with it asks for, and what does not go with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.cli import fleet_flags
from kubectl_nsexec.cli.options import Options
from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.model import cpu_choice, resource_reference, severity, via
from kubectl_nsexec.model import request as requests
from kubectl_nsexec.model.cpu_choice import CpuChoice
from kubectl_nsexec.model.deadline import parse_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

_WHICH = ("selector", "all_namespaces", "node")
"""What it has in common with a command in many pods."""


def request(
    options: Options, after: Sequence[str] | None, program: str, connection: requests.ClusterOptions, *, stdin_fd: int
) -> requests.CheckRequest:
    """What ``options`` ask for; ``after``: the words after ``--``, ``stdin_fd`` is read for ``-f -``.

    Raises UsageError for what --check does not take, and for two ways of saying which pods.
    """
    other = next((name for name in ("verify", "cleanup") if getattr(options, name)), None)
    if other is not None or after is not None:
        raise UsageError(
            f"--check runs nothing, so {'a command' if other is None else f'--{other}'} does not go with it"
        )
    fleet_flags.refuse_any(options, "--check", but=_WHICH)
    if options.output not in (None, *requests.CHECK_OUTPUTS):
        raise UsageError(f'-o: "{options.output}" is none of {", ".join(requests.CHECK_OUTPUTS)}')
    if options.fail_on not in severity.FAIL_ON:
        raise UsageError(f'--fail-on: "{options.fail_on}" is none of {", ".join(severity.FAIL_ON)}')
    pod = requests.pod_name(options.pod, program) if options.pod else None
    named = {"a pod": pod, "-f": options.filename, "-l": options.selector}
    both = [name for name, value in named.items() if value] + (["-A"] if options.all_namespaces else [])
    if len(both) > 1 and both != ["-l", "-A"]:
        raise UsageError(f"{both[0]} and {both[1]} both say which pods to check: give one of them")
    on_node = _on_node(options, program, connection) if options.on_node else None
    text = None
    if options.filename is not None:
        text = resource_reference.manifest_text(options.filename, stdin_fd, stdin_taken=False)
    return requests.CheckRequest(
        connection=connection,
        namespace=options.namespace,
        pod=pod,
        selector=options.selector,
        all_namespaces=options.all_namespaces,
        nodes=options.node,
        filename=options.filename,
        manifest=text,
        fail_on=options.fail_on,
        output=options.output,
        quiet=options.quiet,
        on_node=on_node,
    )


def _on_node(options: Options, program: str, connection: requests.ClusterOptions) -> requests.Request:
    """Raises UsageError for what has no node, and for another way than a helper pod."""
    if options.filename is not None:
        raise UsageError("--on-node looks at what runs, and -f names what is not deployed: leave one of them out")
    if options.via != via.POD:
        raise UsageError(f"--on-node looks by helper pods: --via {options.via} does not go with it")
    wanted = requests.Request(
        pod="",
        command=(),
        connection=connection,
        quiet=options.quiet,
        cpus=CpuChoice(options.cpus, options.profile, options.cpu_source),
        image=options.image,
        helper_namespace=options.helper_namespace or requests.DEFAULT_HELPER_NAMESPACE,
        timeout_seconds=parse_duration(options.timeout, "--timeout"),
        program=program,
    )
    cpu_choice.check(wanted.cpus)
    return wanted


def refuse_any(options: Options) -> None:
    """Raises UsageError for a flag that only --check has."""
    if options.fail_on != Options.fail_on:
        raise UsageError("--fail-on goes with --check")
    if options.on_node:
        raise UsageError("--on-node goes with --check")
