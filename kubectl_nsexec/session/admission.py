"""From what the node tells of the target to the command's record: what has to hold, who the command is, the proof.

It is most of the tool to import, which is done while the node looks for the target: see Handshake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubectl_nsexec.cpus import node_files, node_policy, verdict
from kubectl_nsexec.identity import identity, privileges, variables
from kubectl_nsexec.model.proof import Proof
from kubectl_nsexec.protocol import records

if TYPE_CHECKING:
    from kubectl_nsexec.cpus.policy import CpuPolicy, Undecided
    from kubectl_nsexec.model.cpuset import CpuSet
    from kubectl_nsexec.model.messages import NodeLook, Started, TargetFacts
    from kubectl_nsexec.model.proof import PlainExec
    from kubectl_nsexec.session.context import Context
    from kubectl_nsexec.session.plan import Plan
    from kubectl_nsexec.session.seen import Seen
    from kubectl_nsexec.target.container_choice import Target


class Checked(NamedTuple):
    """A command that may start: its record for the shim, and what was found on the way there."""

    record: bytes
    facts: TargetFacts
    verdict: verdict.Verdict
    compared: node_policy.Compared
    granted: tuple[str, ...]
    lacks: tuple[str, ...]
    """What of the identity could not be had."""
    plain_exec: PlainExec | None = None


def by_node(undecided: Undecided, look: NodeLook, *, in_pool: bool) -> CpuPolicy:
    """The CPUs by the node's own word. Raises CpuPolicyError."""
    return node_policy.decide(undecided, look, node_files.read(look.sources), in_pool=in_pool)


def outside_target(policy: CpuPolicy, facts: TargetFacts) -> CpuSet | None:
    """Where to enter again, if anywhere: see verdict. Raises CpuPolicyError."""
    return verdict.outside_target(policy, facts, verdict.owners_of(policy, facts, node_files.read(facts.sources)))


def checked(context: Context, policy: CpuPolicy, facts: TargetFacts) -> Checked:
    """Raises the NsexecError family for what must not start."""
    request, plan = context.request, context.plan
    said = node_files.read(facts.sources)
    compared = node_policy.compare(policy, said, plan.target.node)
    found = verdict.check_on_node(policy, facts, verdict.owners_of(policy, facts, said))
    own = identity.of_target(facts, plan.helper.architecture)
    who = privileges.grant(own, request.privileges, facts, plan.target.groups)
    granted = privileges.granted(own, request.privileges, facts)
    if context.window is not None or request.term is not None:
        who = variables.with_term(who, request.term, plan.target.runtime)
    who = variables.with_variables(who, request.env)
    record = records.encode(
        who,
        request.command,
        stdin=request.stdin,
        verify=not request.command,
        window=context.window,
        limit_seconds=request.max_duration_seconds,
    )
    return Checked(record, facts, found, compared, granted, who.lacks)


def with_plain_exec(checked: Checked, looked: Seen, plan: Plan) -> Checked:
    """With what plain ``oc exec`` would have done, as far as the node shows it. Raises AgentError."""
    from kubectl_nsexec.check import plain_exec  # noqa: PLC0415 - only for --verify

    container = looked.understood(checked.verdict.owners).get(plan.target.container_id)
    if container is None or isinstance(container, str):
        return checked
    return checked._replace(plain_exec=plain_exec.told(container, checked.facts.cgroup, plan.runtime))


def proof(target: Target, policy: CpuPolicy, checked: Checked, started: Started) -> Proof:
    """Where the command stands. Raises PlacementError where that is not what was checked."""
    facts = checked.facts
    verdict.check_started(facts, started)
    return Proof(
        namespace=target.namespace,
        pod=target.pod,
        container=target.container,
        node=target.node,
        reserved=facts.mask if policy.nothing_exclusive else policy.reserved,
        source=policy.source,
        by=policy.by,
        target_mask=facts.target_mask,
        exclusive=checked.verdict.owners.exclusive,
        cmd_mask=started.mask,
        pin=facts.pin,
        cgroup=facts.cgroup,
        pid=started.pid,
        reason=checked.verdict.reason,
        verdict=checked.verdict.summary,
        granted=checked.granted,
        cross_checks=(*policy.cross_checks, *checked.compared.cross_checks),
        looked_at=checked.verdict.owners.looked_at,
        siblings=checked.verdict.siblings,
        warnings=(*checked.verdict.warnings, *checked.compared.warnings, *checked.lacks),
        plain_exec=checked.plain_exec,
    )
