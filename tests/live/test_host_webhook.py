"""A webhook that puts ``env NAME=VALUE`` before the words of execs, as the Security Profiles Operator's does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.pods import container, pod
from tests.live.webhooks import as_spo, exec_webhook

if TYPE_CHECKING:
    from tests.live.harness import Pods, Program
    from tests.live.pods import Pod

pytestmark = pytest.mark.host_node

_OWN_FAILURE = 125


@pytest.fixture(scope="module")
def target(shared_pods: Pods, host_node: str) -> Pod:
    """A pod whose container has variables of these names itself."""
    own = [{"name": name, "value": "container"} for name in ("SPO_EXEC_REQUEST_UID", "OTHER", "LATER")]
    return shared_pods.start(pod("hooked", container(env=own), node=host_node))


@pytest.fixture
def ready(nsexec: Program, target: Pod, helpers: str) -> str:
    """The helpers' namespace, which is there: so a webhook can be asked about execs in it."""
    nsexec.ok(target.name, "-n", target.namespace, "--", "true")
    return helpers


@pytest.mark.parametrize("flags", [(), ("-i",), ("--keep", "1m"), ("--keep", "1m", "-i")], ids=" ".join)
def test_the_operators_uid_is_in_the_commands_environment(
    nsexec: Program, kubectl: Program, target: Pod, ready: str, flags: tuple[str, ...]
) -> None:
    """That of an exec of this very run, which is in the API server's audit log; the container's own gives way."""
    with exec_webhook(kubectl, as_spo, ready) as webhook:
        shown = nsexec.ok(target.name, "-n", target.namespace, *flags, "--", "sh", "-c", "echo $SPO_EXEC_REQUEST_UID")
    assert shown.strip() in webhook.uids
    assert all(words[1] == "init" for words in webhook.words)


def test_the_command_has_the_environment_that_kubectl_exec_gives_it(
    nsexec: Program, kubectl: Program, target: Pod, ready: str
) -> None:
    """Two webhooks' variables and the container's own, the later one counts; a PATH leads to the command."""
    prefix = ["env", "OTHER=webhook", "NEW=a=b c", "LATER=1", "PATH=/usr/bin:/bin", "env", "LATER=2"]
    with exec_webhook(kubectl, lambda words, _: [*prefix, *words], ready, target.namespace):
        expected = kubectl.ok("exec", "-n", target.namespace, target.name, "--", "env")
        shown = nsexec.ok(target.name, "-n", target.namespace, "--", "env")
    assert sorted(shown.splitlines()) == sorted(expected.splitlines())
    assert {"LATER=2", "OTHER=webhook", "NEW=a=b c"} <= set(shown.splitlines())


def test_what_the_user_gives_goes_behind_the_webhook_and_before_the_container(
    nsexec: Program, kubectl: Program, target: Pod, ready: str
) -> None:
    """KEP-6035, "Environment Variable Precedence"."""
    given = ("--env", "OTHER=user", "--env", "LATER=user", "--env", "EMPTY=")
    with exec_webhook(kubectl, lambda words, _: ["env", "LATER=webhook", *words], ready):
        shown = nsexec.ok(target.name, "-n", target.namespace, *given, "--", "env").splitlines()
    assert {"OTHER=user", "LATER=webhook", "EMPTY=", "SPO_EXEC_REQUEST_UID=container"} <= set(shown)


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        (["env", "-i", "A=b"], "something has put '-i' before the command of the helper pod"),
        (["sh", "-c", 'exec "$@"', "sh"], "executable file not found in $PATH"),
    ],
)
def test_a_webhook_that_wraps_an_exec_otherwise_keeps_the_command_from_starting(
    nsexec: Program, kubectl: Program, target: Pod, ready: str, prefix: list[str], words: str
) -> None:
    """It is told, and no program of the image, nor of the node, is run by it."""
    with exec_webhook(kubectl, lambda own, _: [*prefix, *own], ready):
        done = nsexec(target.name, "-n", target.namespace, "--", "echo", "started")
    assert (done.status, done.stdout) == (_OWN_FAILURE, b"")
    assert words in done.stderr
