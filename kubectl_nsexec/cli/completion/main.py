"""The entry point of ``kubectl_complete-nsexec`` and ``oc_complete-nsexec``, which kubectl and oc ask on TAB.

kubectl runs it with the words after ``nsexec``, the last of which is to be completed, and reads candidates, one a line,
and at the end ``:DIRECTIVE`` (k8s.io/kubectl, pkg/cmd/plugin/plugin_completion.go). A status other than 0 would throw
all of that away and make the shell offer files.
"""

# As in __main__, nothing is imported here but what Python has by itself.
import _signal  # type: ignore[import-not-found]  # see early_signals
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.kube.kubeconfig import Kubeconfig
    from kubectl_nsexec.model.request import ClusterOptions
    from kubectl_nsexec.ui.console import Console

LIMIT_SECONDS = 3.0
"""For everything: a name server or an exec plugin may be slow too."""


def main() -> "NoReturn":
    """Answers for the process's own command line."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # no word of Python's while the next line is imported
    from kubectl_nsexec.ui import early_signals  # noqa: PLC0415 - see above

    early_signals.end_the_process()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # no exec plugin may ask the user who only pressed TAB
    from kubectl_nsexec.ui.console import Console, OutputClosedError  # noqa: PLC0415 - as above
    from kubectl_nsexec.ui.quick_exit import quick_exit  # noqa: PLC0415 - as above

    try:
        run(sys.argv[1:], Console())
    except OutputClosedError:
        quick_exit(1)
    quick_exit(0)


def run(words: list[str], console: "Console", limit_seconds: float = LIMIT_SECONDS) -> None:
    """Prints what the last of ``words`` can become; of an error one line on stderr. Raises OutputClosedError."""
    from kubectl_nsexec.cli import parser  # noqa: PLC0415 - as above
    from kubectl_nsexec.cli.completion import candidates, unfinished  # noqa: PLC0415 - as above
    from kubectl_nsexec.model.background import Background  # noqa: PLC0415 - as above

    asked = Background(lambda: candidates.candidates(unfinished.read(parser.parser(), words), _connect, _kubeconfig))
    try:
        found = asked.result(limit_seconds)
    except Exception as error:  # noqa: BLE001 - a defect of ours must not spoil the user's line either
        console.say("".join(c if c.isprintable() else " " for c in _words(error)))
        found = candidates.Candidates([], candidates.ERROR)
    console.print("\n".join([*found.lines, f":{found.directive}"]))


def _words(error: Exception) -> str:
    from kubectl_nsexec.errors import NsexecError  # noqa: PLC0415 - as above

    if isinstance(error, NsexecError):
        return error.rendered()
    return f"error: {error}" if isinstance(error, TimeoutError) else f"error: {type(error).__name__}: {error}"


def _connect(options: "ClusterOptions") -> "Cluster":
    from kubectl_nsexec.kube import load  # noqa: PLC0415 - as above

    return load(options, lambda _: None)


def _kubeconfig(options: "ClusterOptions") -> "Kubeconfig":
    from pathlib import Path  # noqa: PLC0415 - as above

    from kubectl_nsexec.kube import kubeconfig  # noqa: PLC0415 - as above

    return kubeconfig.read(kubeconfig.paths(options.kubeconfig, os.environ, Path.home()))
