"""The flags of many pods at once: which of them a line has, and what does not go together."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kubectl_nsexec.cli.options import VARIABLES, Options, long_flag
from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.model import fleet as fleets
from kubectl_nsexec.model import resource_reference
from kubectl_nsexec.model.deadline import parse_duration
from kubectl_nsexec.model.fleet import Fleet, ShowOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

_WHICH = ("selector", "field_selector", "all_namespaces", "node", "all_pods")
"""Each of them asks for many pods."""
_HOW = (
    "exclude", "pick", "skip_unsafe", "yes", "fanout", "per_node", "deadline", "max_fail", "fail_fast",
    "gather", "diff", "group", "keep_order", "output_dir", "color", "base64",
)  # fmt: skip
_OF_OUTPUT = ("gather", "group", "output_dir")
MANY = "-l, --field-selector, -A, --node or TYPE/NAME --all-pods"


def fleet(options: Options, after: Sequence[str] | None) -> Fleet | None:
    """What the line asks for of many pods; None where it is about one. ``after``: the words after ``--``.

    Raises UsageError for what does not go together, and for a value that is none.
    """
    given = _given(options)
    extra = [field for field in _HOW if getattr(options, field) != getattr(Options, field)]
    if not given:
        if extra:
            raise UsageError(f"{long_flag(extra[0])} goes with many pods: {MANY}")
        return None
    _check_which(options)
    _check_not_for_many(options, after)
    max_fail = None if options.max_fail is None else fleets.amount(options.max_fail, "--max-fail", 0)
    if options.fail_fast:
        if max_fail is not None:
            raise UsageError("you may not specify --fail-fast and --max-fail together: --fail-fast is --max-fail 0")
        max_fail = fleets.Amount(0)
    return Fleet(
        selector=options.selector or "",
        field_selector=options.field_selector or "",
        all_namespaces=options.all_namespaces,
        nodes=options.node,
        containers=tuple(dict.fromkeys(options.container)),
        all_pods=options.all_pods,
        exclude=tuple(_pattern(text) for text in options.exclude),
        pick=None if options.pick is None else fleets.amount(options.pick, "--pick", 1),
        skip_unsafe=options.skip_unsafe,
        yes=options.yes,
        fanout=fleets.count(options.fanout, "--fanout"),
        per_node=fleets.count(options.per_node, "--per-node"),
        deadline_seconds=None if options.deadline is None else parse_duration(options.deadline, "--deadline"),
        max_fail=max_fail,
        shown=_shown(options),
    )


def refuse_any(options: Options, what: str, *, but: Sequence[str] = ()) -> None:
    """Raises UsageError where there is any of these flags, ``but`` some, which do not go with ``what``."""
    for field in (*_WHICH, *_HOW):
        if field not in but and getattr(options, field) not in (None, getattr(Options, field)):
            raise UsageError(f"{long_flag(field)} is about pods to run a command in: it does not go with {what}")


def _given(options: Options) -> list[str]:
    """The fields of what asks for many pods."""
    return [field for field in _WHICH if getattr(options, field) not in (None, False, ())]


def _many(options: Options) -> str:
    """The first flag that asks for many pods."""
    return long_flag(_given(options)[0])


def _check_which(options: Options) -> None:
    """Raises UsageError unless it is clear which pods are meant."""
    if options.selector is not None and not options.selector.strip():
        raise UsageError("-l: the selector is empty; leave it out to mean every pod")
    if options.field_selector is not None and not options.field_selector.strip():
        raise UsageError("--field-selector: the selector is empty; leave it out to mean every pod")
    if any(not name or "," in name or "=" in name for name in options.node):
        raise UsageError("--node: takes the name of one node, and may be repeated")
    if options.all_namespaces and options.namespace:
        raise UsageError("you may not specify -A and -n together: -A means every namespace")
    if options.filename is not None:
        raise UsageError("you may not specify -f with many pods: a manifest names one")
    if options.all_pods:
        _check_owner(options)
    elif options.pod:
        raise UsageError(
            f'"{options.pod[0]}" names one pod, and {_many(options)} asks for many; TYPE/NAME --all-pods means all '
            "pods of one object"
        )


def _check_owner(options: Options) -> None:
    """Raises UsageError unless it is one object that leads to pods, and nothing else does."""
    if len(options.pod) != 1:
        raise UsageError("--all-pods goes with one TYPE/NAME: all pods of that object")
    if resource_reference.parse(options.pod[0]).kind is resource_reference.POD:
        raise UsageError(f'--all-pods goes with TYPE/NAME, and "{options.pod[0]}" is one pod')
    if options.selector is not None:
        raise UsageError("you may not specify -l and --all-pods together: the object has a selector of its own")
    if options.all_namespaces:
        raise UsageError("you may not specify -A and --all-pods together: an object is in one namespace")


def _check_not_for_many(options: Options, after: Sequence[str] | None) -> None:
    """Raises UsageError for what is for one pod only."""
    if options.tty:
        raise UsageError("-t: a terminal is for one pod; with many pods leave it out")
    if after is None and not options.verify:
        raise UsageError(
            f"{_many(options)} means many pods, and there is no command for them: give it after --, as in -- uptime, "
            "or --verify to see the pin alone; without either a shell would start, which is for one pod"
        )
    if after is None:
        printed = next((field for field in _OF_OUTPUT if getattr(options, field) != getattr(Options, field)), None)
        if printed is not None:
            raise UsageError(f"{long_flag(printed)} is about what a command prints, and --verify alone runs none")
    if options.keep is not None and options.keep != os.environ.get(VARIABLES["keep"]):
        raise UsageError("--keep is for one pod; with many pods what leads to a node is there for as long as it takes")


def _pattern(text: str) -> str:
    namespace, slash, pod = text.partition("/")
    if not (namespace and slash and pod) or "/" in pod:
        raise UsageError(f'--exclude: "{text}" is not NAMESPACE/POD; * and ? stand for any characters, as in */du-*')
    return text


def _shown(options: Options) -> ShowOptions:
    in_json = options.output == fleets.JSON and options.dry_run == "none"
    modes: list[tuple[bool, fleets.Mode]] = [
        (options.gather, fleets.GATHER),
        (options.group, fleets.GROUP),
        (in_json, fleets.JSON),
    ]
    wanted: list[fleets.Mode] = [mode for given, mode in modes if given] or [fleets.LINES]
    if len(wanted) > 1:
        raise UsageError("--gather, --group and -o json are different ways to show the same: only one of them")
    for given, flag, mode, other in (
        (options.diff, "--diff", fleets.GATHER, "--gather"),
        (options.keep_order, "--keep-order", fleets.GROUP, "--group"),
        (options.base64, "--base64", fleets.JSON, "-o json"),
    ):
        if given and wanted != [mode]:
            raise UsageError(f"{flag} goes with {other}")
    if options.output == "yaml" and options.dry_run == "none":
        raise UsageError("-o yaml goes with --dry-run=client; what many pods say is shown by -o json, a line a pod")
    color = next((known for known in fleets.COLORS if known == options.color), None)
    if options.color != color:
        raise UsageError(f'--color: "{options.color}" is neither {", ".join(fleets.COLORS[:-1])} nor never')
    if options.output_dir == "":
        raise UsageError("--output-dir: the name is empty")
    return ShowOptions(wanted[0], options.diff, options.keep_order, options.output_dir, color, options.base64)
