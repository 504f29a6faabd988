"""One fleet from its Request to its exit status: which pods, all resolved and checked, asked about, run, shown."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing, suppress
from signal import SIGINT
from typing import TYPE_CHECKING

from kubectl_nsexec.cpus.policy import CpuPolicy
from kubectl_nsexec.errors import EXIT_USAGE, NsexecError
from kubectl_nsexec.fleet import selection, show
from kubectl_nsexec.fleet.engine import Engine
from kubectl_nsexec.fleet.helpers import helpers
from kubectl_nsexec.fleet.resolve import Resolved, resolve
from kubectl_nsexec.fleet.schedule import Schedule
from kubectl_nsexec.fleet.setting import Ending, Said, Setting
from kubectl_nsexec.fleet.shells import here, logins
from kubectl_nsexec.fleet.show.progress import Progress
from kubectl_nsexec.fleet.status import exit_status
from kubectl_nsexec.fleet.stdin import Spool
from kubectl_nsexec.helper import creation, rbac
from kubectl_nsexec.helper.preflight import Preflight
from kubectl_nsexec.model.deadline import Deadline
from kubectl_nsexec.model.fleet import JSON
from kubectl_nsexec.model.resource_reference import parse
from kubectl_nsexec.model.via import LOCAL, POD, SSH
from kubectl_nsexec.session import plan, telling
from kubectl_nsexec.transport import shell
from kubectl_nsexec.ui import output
from kubectl_nsexec.ui.waiting import NOBODY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubectl_nsexec.fleet.nodes import Nodes
    from kubectl_nsexec.fleet.result import Place, Result
    from kubectl_nsexec.helper.reaper import Reaper
    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.model.fleet import Fleet
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.request import Request
    from kubectl_nsexec.ui.console import Console
    from kubectl_nsexec.ui.interrupts import Interrupts
    from kubectl_nsexec.ui.waiting import Waiting

_ASK_ABOVE = 10
"""So many pods are begun without a question."""
_DESCRIPTORS, _DESCRIPTORS_EACH = 256, 16
"""What all of it takes, and each command: its streams, its pairs of sockets, its node's lease, its files."""
_YES = ("y", "yes")
_ANSWER_BYTES = 1024


def run(
    request: Request,
    fleet: Fleet,
    cluster: Cluster,
    console: Console,
    interrupts: Interrupts,
    reaper: Reaper,
    waits: Waiting = NOBODY,
) -> int:
    """Does what ``request`` says in every pod of ``fleet``, and returns the exit status.

    ``waits`` is told what is waited for until it is known which pods. Raises the NsexecError family for what stops all
    of it, and then nothing was started.
    """
    with waits:
        waits.on("the API server to tell of pods, nodes and your rights")
        resolved = _resolved(request, fleet, cluster, console if waits is NOBODY else waits.console)
    if request.dry_run:
        rows = [_row(member.place) for member in resolved.members]
        rows += [_row(result.place, result.cause, result.code) for result in resolved.not_run]
        console.print(output.target_list(rows, request.output))
        return 0
    if request.via.kind == LOCAL and resolved.members:
        shell.refuse_unless_root(resolved.members[0].place.node)
    telling.before_start(request, console)
    names = {member.place.node for member in resolved.members}
    if not _agreed(request, fleet, [member.place for member in resolved.members], len(names), console):
        console.say("nothing was started")
        return EXIT_USAGE
    _allow_descriptors(fleet.fanout)
    _make_programs(request, cluster, resolved)
    places = sorted([*(member.place for member in resolved.members), *(result.place for result in resolved.not_run)])
    with (
        ExitStack() as stack,
        Progress(places, console) as progress,
        show.presenter(fleet.shown, places, progress.console) as presenter,
    ):
        beside, spool = progress.console, stack.enter_context(closing(Spool())) if request.stdin else None
        setting = Setting(request, cluster, beside, presenter, progress, reaper, Ending(), Said(beside), spool)
        nodes = _nodes(setting, resolved, stack)
        results, signal = _run(setting, fleet, resolved, nodes, interrupts)
        presenter.finish(results)
    if signal == SIGINT:
        console.below_echo()
    if request.verify and fleet.shown.mode != JSON:
        _tell_proofs(results, console, of_command=bool(request.command))
    show.summary(results, console, request.program)
    return exit_status(results, signal)


def _resolved(request: Request, fleet: Fleet, cluster: Cluster, console: Console) -> Resolved:
    preflight = Preflight(cluster, request.helper_namespace, request.program.split()[0])
    by_pod = request.via.kind == POD
    if by_pod:
        preflight.ask(*rbac.for_helper(request.helper_namespace))
    namespace = request.namespace or cluster.namespace
    try:
        found = selection.find(cluster, request, fleet)
        if notice := found.notice():
            console.notice(notice)
        resolved = resolve(request, cluster, found.pods, preflight, skip_unsafe=fleet.skip_unsafe)
    except NsexecError as error:
        owner = parse(request.pod) if fleet.all_pods else None
        where = "" if fleet.all_namespaces else namespace
        read = rbac.for_listing(where, owner, profiles=plan.asks_for_profiles(request))
        made = rbac.for_new_program(request.helper_namespace) if by_pod else ()
        preflight.explain(error, [*read, rbac.exec_into(where), *made])
        raise
    if not request.dry_run:
        preflight.require()
    policies = [member.plan.policy for member in resolved.members]
    for note in dict.fromkeys(note for policy in policies if isinstance(policy, CpuPolicy) for note in policy.notes):
        console.notice(note)
    return resolved


def _agreed(request: Request, fleet: Fleet, places: Sequence[Place], nodes: int, console: Console) -> bool:
    """Whether to go on: asks on a terminal where it is about many pods, or much power."""
    privileges = request.privileges
    power = "--privileged" if privileges.privileged else "--host-tools" if privileges.host_tools else ""
    if fleet.yes or not (len(places) > _ASK_ABOVE or (power and places)):
        return True
    if not (os.isatty(console.stdin_fd) and os.isatty(console.stderr_fd)):
        return True
    pods = len({(place.namespace, place.pod) for place in places})
    within = f"{len(places)} containers of " if len(places) > pods else ""
    right = f", as root with every right ({power})" if power else ""
    what = f"{within}{output.counted(pods, 'pod')} on {output.counted(nodes, 'node')}{right}"
    doing = "The command is to run" if request.command else "The pin is to be verified"
    console.write_stderr(f"{doing} in {what}. Go on? [y/N] ".encode())
    return os.read(console.stdin_fd, _ANSWER_BYTES).decode(errors="replace").strip().lower() in _YES


def _allow_descriptors(fanout: int) -> None:
    """As many as so many commands take at once; where the system's hard limit is lower, that limit."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - Windows has none, and no such limit

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _DESCRIPTORS + _DESCRIPTORS_EACH * fanout
        if soft != resource.RLIM_INFINITY and soft < wanted:
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _make_programs(request: Request, cluster: Cluster, resolved: Resolved) -> None:
    """What the helper pods run, once for each architecture, before the first of them."""
    deadline = Deadline.after(request.timeout_seconds)
    for program in resolved.missing:
        spec = next(m.plan.helper for m in resolved.members if m.plan.program.architecture == program.architecture)
        creation.provide_program(cluster, spec, deadline)


def _nodes(setting: Setting, resolved: Resolved, stack: ExitStack) -> Nodes:
    plans, kind = [member.plan for member in resolved.members], setting.request.via.kind
    if kind == SSH:
        return logins(setting, plans, stack)
    return here(setting, plans) if kind == LOCAL else helpers(setting, plans)


def _run(
    setting: Setting, fleet: Fleet, resolved: Resolved, nodes: Nodes, interrupts: Interrupts
) -> tuple[Sequence[Result], int | None]:
    for result in resolved.not_run:
        setting.progress.ended(result)
        setting.presenter.ended(result)
    targets = resolved.members
    max_fail = None if fleet.max_fail is None else fleet.max_fail.at_most(len(targets))
    where = [member.place.node for member in targets]
    schedule = Schedule(where, fanout=fleet.fanout, per_node=fleet.per_node, max_fail=max_fail)
    engine = Engine(setting, targets, schedule, nodes, _names)
    deadline = None if fleet.deadline_seconds is None else Deadline.after(fleet.deadline_seconds)
    if setting.spool is not None:
        setting.spool.fill(setting.console.stdin_fd)
    results, signal = engine.run(interrupts, deadline)
    return sorted([*results, *resolved.not_run], key=lambda result: result.place), signal


def _tell_proofs(results: Sequence[Result], console: Console, *, of_command: bool) -> None:
    """Where there is a command, stdout is its own."""
    from kubectl_nsexec.fleet.show import proofs  # noqa: PLC0415 - only for --verify

    tell = console.say if of_command else console.print
    tell(proofs.table(results))


def _names(places: Sequence[Place]) -> str:
    return show.folded(show.labels(places).values())


def _row(place: Place, cause: str = "", code: str = "") -> Json:
    return {**place._asdict(), "notRun": cause, "code": code}
