"""What --help, --options and the man page say, made of the command line's options as the parser has them.

--help fits a terminal of 80 columns and 24 lines; whatever else there is stands in --options.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from kubectl_nsexec.cli.flags import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROGRAM = "oc nsexec"
USAGE = f"{PROGRAM} (POD | TYPE/NAME | -l SELECTOR) [flags] [-- CMD [ARG...]]"
SUMMARY = """\
Run CMD in a container as oc exec does, but on its node's reserved CPUs and off
the isolated ones. Without CMD: a shell. Nothing of it outlives this client."""
DESCRIPTION = """\
The CPUs come from the node's PerformanceProfile, else from what CRI-O, workload pinning and the kubelet say on the
node, or from --cpus; sources that disagree stop the run. A privileged helper pod on the target's node moves into a
cpuset of these CPUs that nothing in it can leave, enters every namespace of the container and becomes whom oc exec
would have made it: user, groups, capabilities, limits, environment, directory, seccomp filter and label. Before CMD
starts, its CPUs are compared with those of the container; where anything is in doubt, nothing is started.

When CMD or the client ends, in whatever way, the pod ends too, and the node ends what is left in it.

With --check nothing is run: it lists every way in which oc exec, exec probes and exec hooks enter containers, with
where they land, what is known to live there, and what to do instead."""
"""Paragraphs for the man page, after SUMMARY."""
COMMON = (
    "--namespace", "--container", "--stdin", "--tty", "--quiet", "--selector", "--verify", "--cpus",
    "--host-tools", "--options", "--help",
)  # fmt: skip
"""The flags that --help shows, in this order."""
EXAMPLES = (
    ("", "du-0 -- ps aux"),
    ("", "-n ran -it deploy/du -c dpdk -- top"),
    ("tar c conf | ", "-i du-0 -- tar x -C /tmp"),
    ("", "-l app=du -A --gather -- uname -r"),
    ("", "du-0 --verify"),
    ("", "--check -A"),
)
"""What stands before the program's name, and what after it."""
EXIT_STATUS = (
    (
        "0-255",
        "the command's own, of many the largest; 128+n when signal n ended it; 126 not executable, 127 not found",
    ),
    ("1", "bad input, or the API server's own answer"),
    ("3", "--check: something is as bad as --fail-on says"),
    ("4", "--check: nothing is, but something could not be looked at"),
    ("124", "ended by --max-duration"),
    (
        "125",
        "nsexec itself failed: the command was not started, or its end is not known; with many pods, in any of them",
    ),
    ("130", "interrupted before the command started; with many pods, by a second Ctrl-C"),
)
ENVIRONMENT = (
    ("KUBECONFIG", "The kubeconfigs, as kubectl reads them."),
    ("HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "The proxy to the API server, where the kubeconfig names none."),
    ("TERM", "What the shell that starts without CMD gets."),
    ("NSEXEC_TRACEBACK", "When set: a defect of the tool ends with a traceback."),
)
"""Besides the variables that stand in for flags."""
_COLUMNS = 80
_TEXT_COLUMN = 26
_NARROW_COLUMNS = 60
"""Of a terminal below which a text has no room beside a flag."""
_NARROW_INDENT = 6


def short(parameters: Iterable[Any], program: str, columns: int = _COLUMNS) -> str:
    """What --help prints on a terminal of so many columns: of each flag's text the first sentence.

    The examples are not wrapped: they are to be pasted.
    """
    by_word = {word: option for option in parameters for word in option.opts}
    common = [(named(by_word[word]), str(by_word[word].help).partition(". ")[0].rstrip(".")) for word in COMMON]
    usage = textwrap.wrap(f"Usage: {USAGE.replace(PROGRAM, program)}", columns, subsequent_indent="  ")
    summary = textwrap.wrap(" ".join(SUMMARY.split()), columns)
    examples = [f"  {before}{program} {after}" for before, after in EXAMPLES]
    return "\n".join([*usage, *summary, "", *_rows(common, columns), "Examples:", *examples])


def full(parameters: Iterable[Any], columns: int = _COLUMNS) -> str:
    """What --options prints on a terminal of so many columns."""
    blocks = [
        [*textwrap.wrap(f"{title}:", columns), *_rows(((named(o), explained(o)) for o in group), columns)]
        for title, group in grouped(parameters)
    ]
    blocks.append(["Exit status:", *_rows(EXIT_STATUS, columns)])
    return "\n\n".join("\n".join(block) for block in blocks)


def grouped(parameters: Iterable[Any]) -> list[tuple[str, list[Any]]]:
    """The options among a command's parameters below the titles of GROUPS."""
    options = [parameter for parameter in parameters if parameter.param_type_name == "option"]
    titles = {field: title for title, group in GROUPS.items() for field in group}
    last = [*GROUPS][-1]
    return [(title, [each for each in options if titles.get(each.name, last) == title]) for title in GROUPS]


def named(option: Any) -> str:  # noqa: ANN401 - typer's copy of click is private
    """``-n, --namespace NAME``."""
    words = ", ".join(sorted(option.opts, key=len))
    return words if option.is_flag else f"{words} {option.metavar}"


def explained(option: Any) -> str:  # noqa: ANN401 - as above
    """What an option does, and what counts where it is not given."""
    instead = [f"${option.envvar}"] if option.envvar else []
    instead += [str(option.default)] if option.default and not option.is_flag else []
    return f"{option.help.rstrip('.')} (else {' or '.join(instead)})." if instead else str(option.help)


def _rows(table: Iterable[tuple[str, str]], columns: int) -> Iterator[str]:
    """Names, and beside or below each of them its text."""
    narrow = columns < _NARROW_COLUMNS
    begin = _NARROW_INDENT if narrow else _TEXT_COLUMN
    for name, text in table:
        lines = textwrap.wrap(text, columns - begin)
        indented = f"      {name}" if name.startswith("--") and not narrow else f"  {name}"
        if len(indented) < begin - 1:
            indented = f"{indented:<{begin}}{lines.pop(0)}"
        yield from textwrap.wrap(indented, columns, subsequent_indent=" " * begin) if narrow else [indented]
        yield from (" " * begin + line for line in lines)
