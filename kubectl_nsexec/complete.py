"""The entry point of ``kubectl_complete-nsexec`` and ``oc_complete-nsexec``, which kubectl and oc ask on TAB.

kubectl runs it with the words after ``nsexec``, the last of which is to be completed, and reads candidates, one a line,
and at the end ``:DIRECTIVE`` (k8s.io/kubectl, pkg/cmd/plugin/plugin_completion.go). A status other than 0 would throw
all of that away and make the shell offer files.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kubectl_nsexec import command_line, completion, typed
from kubectl_nsexec.background import Background
from kubectl_nsexec.cluster import kubeconfig, load
from kubectl_nsexec.console import Console, OutputClosedError
from kubectl_nsexec.errors import NsexecError
from kubectl_nsexec.quick_exit import quick_exit

if TYPE_CHECKING:
    from kubectl_nsexec.cluster import Cluster
    from kubectl_nsexec.cluster.kubeconfig import Kubeconfig
    from kubectl_nsexec.request import ClusterOptions

LIMIT_SECONDS = 3.0
"""For everything: a name server or an exec plugin may be slow too."""


def main() -> NoReturn:
    """Answers for the process's own command line."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # no exec plugin may ask the user who only pressed TAB
    try:
        run(sys.argv[1:], Console())
    except (KeyboardInterrupt, OutputClosedError):
        quick_exit(1)
    quick_exit(0)


def run(words: list[str], console: Console, limit_seconds: float = LIMIT_SECONDS) -> None:
    """Prints what the last of ``words`` can become; of an error one line on stderr. Raises OutputClosedError."""
    asked = Background(lambda: completion.candidates(typed.read(command_line.parser(), words), _connect, _kubeconfig))
    try:
        found = asked.result(limit_seconds)
    except Exception as error:  # noqa: BLE001 - a defect of ours must not spoil the user's line either
        console.say("".join(c if c.isprintable() else " " for c in _words(error)))
        found = completion.Candidates([], completion.ERROR)
    console.print("\n".join([*found.lines, f":{found.directive}"]))


def _words(error: Exception) -> str:
    if isinstance(error, NsexecError):
        return error.rendered()
    return f"error: {error}" if isinstance(error, TimeoutError) else f"error: {type(error).__name__}: {error}"


def _connect(options: ClusterOptions) -> Cluster:
    return load(options, lambda _: None)


def _kubeconfig(options: ClusterOptions) -> Kubeconfig:
    return kubeconfig.read(kubeconfig.paths(options.kubeconfig, os.environ, Path.home()))
