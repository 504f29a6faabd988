"""What a run imports before it has to: a start is mostly imports."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.fake_api import FakeApi

PARSER = {"kubectl_nsexec", "typer", "annotated_doc", "shellingham"}
"""The option parser and what it imports itself; neither rich nor pydantic."""
KUBECONFIG = {"yaml", "_yaml", "durationpy"}
CLIENT = {"kubernetes", "urllib3", "dateutil", "six", "certifi", "typing_extensions"}
CLIENT |= {"pydantic", "pydantic_core", "annotated_types", "typing_inspection"}
"""The kubernetes client's Configuration and ApiClient, and what these import."""
SIBLINGS = {f"kubernetes.{name}" for name in ("config", "dynamic", "informer", "leaderelection", "stream", "watch")}
MOST_MODULES = 700
"""Of everything that a first request imports; it may only fall. November 2026, Python 3.11: 6 hundred and some."""
_SHOW = """\
import atexit, importlib, json, sys
before = {*sys.modules}
atexit.register(lambda: print("\\n" + json.dumps([*({*sys.modules} - before)])))
importlib.import_module(sys.argv.pop(1)).main()
"""


def modules(program: str, *words: str) -> set[str]:
    """Those that the module PROGRAM has imported when it ends."""
    done = subprocess.run([sys.executable, "-c", _SHOW, program, *words], capture_output=True, text=True, check=False)
    return {*json.loads(done.stdout.splitlines()[-1])}


def third_party(names: set[str]) -> set[str]:
    """The packages among NAMES that are not Python's own."""
    packages = {name.partition(".")[0] for name in names if "cython" not in name}
    pythons = {*sys.stdlib_module_names, "__mp_main__", "org"}
    return {name for name in packages - pythons if not name.startswith("_sysconfigdata")}


@pytest.mark.parametrize("flag", ["--help", "--options", "--no-such-flag", "--explain"])
def test_what_asks_no_server_needs_the_option_parser_only(flag: str) -> None:
    """Neither YAML nor HTTP, nor what a session needs: so --explain works without a network."""
    found = modules("kubectl_nsexec.__main__", flag)
    assert third_party(found) == PARSER
    assert not {"kubectl_nsexec.session.run", "kubectl_nsexec.kube", "ssl", "json"} & found


def test_the_version_needs_the_option_parser_only() -> None:
    """It is asked of the packages' metadata."""
    assert third_party(modules("kubectl_nsexec.__main__", "--version")) == PARSER


def test_the_first_request_needs_no_more_than_is_asked_for_it(api: FakeApi, kubeconfig: Path) -> None:
    """No typed models, no other part of the kubernetes client, nothing of a session that comes later."""
    found = modules("kubectl_nsexec.__main__", "--kubeconfig", str(kubeconfig), "no-such-pod", "--", "true")
    assert api.asked
    assert third_party(found) <= PARSER | KUBECONFIG | CLIENT
    assert not [name for name in found if name.startswith(("kubernetes.client.models.", "kubernetes.client.api."))]
    assert not [name for name in found if name.rpartition(".")[0] in SIBLINGS]  # lazy: there, and not yet loaded
    later = (
        "session.admission",
        "identity",
        "identity.seccomp",
        "transport.shell",
        "ui.output",
        "check",
        "kube.listing",
        "ui.line",  # of a terminal alone
        "ui.waiting_line",
        "cli.explain",
        "cli.error_pages",
    )
    assert not {f"kubectl_nsexec.{name}" for name in later} & found
    assert len(found) < MOST_MODULES


def test_a_completion_needs_no_session(api: FakeApi, kubeconfig: Path) -> None:
    """Pods are completed by what a first request needs."""
    found = modules("kubectl_nsexec.cli.completion.main", "--kubeconfig", str(kubeconfig), "du")
    assert api.asked
    assert third_party(found) <= PARSER | KUBECONFIG | CLIENT
    assert "kubectl_nsexec.session.run" not in found
