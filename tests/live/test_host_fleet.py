"""On the host node: one command in sixty pods, by one helper pod, and nothing left of it whatever goes wrong."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.live.api import pods_of
from tests.live.many_pods import labelled
from tests.live.pods import container, pod
from tests.live.processes import reapers, running, unique_seconds, within
from tests.live.sessions import folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.api import Api
    from tests.live.harness import Finished, Program

    Json = dict[str, Any]
    Run = Callable[..., Finished]

pytestmark = [pytest.mark.host_node, pytest.mark.timeout(300)]

_TARGETS: Final = 60
_GONE_WITHIN_SECONDS: Final = 30.0
_SHOWN_WITHIN_SECONDS: Final = 60.0
MASK: Final = ("grep", "Cpus_allowed_list", "/proc/self/status")


@pytest.fixture(scope="module")
def label(kubectl: Program, namespace: str, host_node: str) -> Iterator[str]:
    """Of sixty pods that run."""
    with labelled(kubectl, namespace, "many", {f"many-{n}": host_node for n in range(_TARGETS)}) as selector:
        yield selector


@pytest.fixture
def run(nsexec: Program, namespace: str, label: str) -> Run:
    """``oc nsexec`` in all of them."""
    return lambda *words: nsexec("-n", namespace, "-l", label, *words)


@pytest.fixture
def many(nsexec: Program, namespace: str, label: str, helpers: str, api: Api) -> Iterator[Many]:
    """Thirty commands at once, which run until somebody ends them."""
    made = Many(nsexec, api, helpers, namespace, ("-l", label, "--per-node", "30"))
    yield made
    made.close()


class Many:
    """A running client, of whose commands as many run as it starts at once."""

    def __init__(self, nsexec: Program, api: Api, helpers: str, namespace: str, words: tuple[str, ...]) -> None:
        self.seconds = unique_seconds()
        self.client = nsexec.start("-n", namespace, *words, "--", "sleep", self.seconds)
        self._api, self._helpers, self._namespace = api, helpers, namespace
        assert within(_SHOWN_WITHIN_SECONDS, lambda: len(running("sleep", self.seconds)) == 30), self.client.poll()

    def helper_pods(self) -> list[str]:
        """Their names."""
        return self._api.names(pods_of(self._helpers))

    def left(self) -> dict[str, object]:
        """What is still there after a while: processes and folders on the node, helper pods, and who would clear up."""
        looks: dict[str, Callable[[], Any]] = {
            "processes": lambda: running("sleep", self.seconds),
            "helper pods": self.helper_pods,
            "folders": lambda: folders(self._api, self._helpers, self._namespace),
            "reapers": lambda: reapers(self._helpers),
        }
        return {what: look() for what, look in looks.items() if not within(_GONE_WITHIN_SECONDS, _none(look))}

    def close(self) -> None:
        """End the client if it still runs."""
        if self.client.poll() is None:
            self.client.kill()
        self.client.communicate()


def _none(look: Callable[[], Any]) -> Callable[[], bool]:
    """Whether ``look`` sees nothing."""
    return lambda: not look()


def test_each_answers_on_the_reserved_cpus_and_nothing_is_left(run: Run, api: Api, helpers: str) -> None:
    """A line each, with the pod's name before it, and a word at the end."""
    done = run("--per-node", "8", "--", *MASK)
    assert done.status == 0, done.stderr
    lines = dict(line.split(": ", 1) for line in done.text.splitlines())
    assert {name.partition("/")[2] for name in lines} == {f"many-{number}" for number in range(_TARGETS)}
    assert set(lines.values()) == {"Cpus_allowed_list:\t0"}
    assert f"{_TARGETS} of {_TARGETS} ok." in done.stderr
    assert api.names(pods_of(helpers)) == []


def test_equal_answers_are_one_block_and_statuses_are_told(run: Run) -> None:
    """The largest status is ours."""
    done = run("--per-node", "8", "--gather", "--", "sh", "-c", "echo same; exit 3")
    assert done.status == 3
    assert f"/many-[0-{_TARGETS - 1}] ({_TARGETS})" in done.text
    assert done.text.count("same") == 1


def test_a_killed_client_leaves_nothing(many: Many) -> None:
    """``kill -9`` with thirty commands running, by one helper pod."""
    assert len(many.helper_pods()) == 1
    many.client.kill()
    assert many.left() == {}


def test_a_helper_pod_that_is_killed_is_told_and_leaves_nothing(many: Many, kubectl: Program, helpers: str) -> None:
    """Of those that ran the end is unknown, the others are not started: 125."""
    (helper,) = many.helper_pods()
    kubectl.ok("delete", "pod", "-n", helpers, helper, "--grace-period=0", "--force")
    _, errors = many.client.communicate(timeout=_SHOWN_WITHIN_SECONDS)
    assert many.client.returncode == 125, errors.decode()
    assert f"0 of {_TARGETS} ok" in errors.decode()
    assert many.left() == {}


def test_the_first_ctrl_c_tells_who_runs_and_the_second_ends_all(many: Many) -> None:
    """130, with what there was."""
    assert many.client.stderr is not None
    many.client.send_signal(signal.SIGINT)
    told = next(line for line in iter(many.client.stderr.readline, b"") if b"running" in line)
    assert b"30" in told, told
    rest = threading.Thread(target=many.client.stderr.read)
    rest.start()
    many.client.send_signal(signal.SIGINT)
    assert many.client.wait(_SHOWN_WITHIN_SECONDS) == 130
    rest.join()
    assert many.left() == {}


def test_a_pod_that_ends_meanwhile_does_not_hinder_the_others(
    nsexec: Program, kubectl: Program, namespace: str, label: str, host_node: str
) -> None:
    """Of a hundred and one ways to go: it is deleted while its command runs. The others are told as they ended."""
    manifest = pod("goes", container(), node=host_node, terminationGracePeriodSeconds=0)
    manifest["metadata"]["labels"] = {"app": "goes"}
    kubectl.ok("create", "-n", namespace, "-f", "-", stdin=json.dumps(manifest).encode())
    kubectl.ok("wait", "-n", namespace, "--for=condition=Ready", "pod/goes", "--timeout=120s")
    seconds = unique_seconds()
    script = f"case $(cat /proc/sys/kernel/hostname) in goes) exec sleep {seconds} ;; esac"
    words = ("-n", namespace, "-l", f"app in ({label.partition('=')[2]},goes)", "--per-node", "8", "--pick", "100%")
    client = nsexec.start(*words, "-o", "json", "--", "sh", "-c", script)
    assert within(_SHOWN_WITHIN_SECONDS, lambda: bool(running("sleep", seconds)))
    kubectl.ok("delete", "-n", namespace, "pod/goes", "--timeout=120s")
    output, errors = client.communicate(timeout=_SHOWN_WITHIN_SECONDS)
    ended = {each.get("pod"): each for each in map(json.loads, output.decode().splitlines())}
    assert ended["goes"]["status"] != 0, errors.decode()
    assert [ended[f"many-{number}"]["status"] for number in range(_TARGETS)] == [0] * _TARGETS


@pytest.fixture
def lost(kubectl: Program, namespace: str, host_node: str) -> Iterator[str]:
    """The label of two pods: one that runs, and one that is said to run on a node of which nobody has heard."""
    name = f"lost-{unique_seconds()}"
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    kubectl.ok("create", "-f", "-", stdin=json.dumps(node).encode())
    for pod_name, where in (("found", host_node), ("lost", name)):
        manifest = pod(pod_name, container(), node=where, terminationGracePeriodSeconds=0)
        manifest["metadata"]["labels"] = {"app": "lost"}
        kubectl.ok("create", "-n", namespace, "-f", "-", stdin=json.dumps(manifest).encode())
    main = {"name": "main", "image": "i", "imageID": "i", "ready": True, "restartCount": 0}
    main |= {"containerID": "containerd://lost", "state": {"running": {}}}
    status = json.dumps({"status": {"phase": "Running", "containerStatuses": [main]}})
    kubectl.ok("patch", "-n", namespace, "pod/lost", "--subresource=status", "--type=merge", "-p", status)
    kubectl.ok("wait", "-n", namespace, "--for=condition=Ready", "pod/found", "--timeout=120s")
    yield "app=lost"
    kubectl.ok("delete", "-n", namespace, "pod", "-l", "app=lost", "--force", "--grace-period=0")
    kubectl.ok("delete", "node", name)


def test_a_node_that_is_not_ready_stops_all_unless_the_rest_is_to_go_on(
    nsexec: Program, api: Api, namespace: str, lost: str, helpers: str
) -> None:
    """Nothing is created; with --skip-unsafe its pods are reported."""
    words = ("-n", namespace, "-l", lost)
    refused = nsexec(*words, "--", "true")
    assert (refused.status, refused.text) == (125, ""), refused.stderr
    assert f"error: {namespace}/lost: node lost-" in refused.stderr
    assert "is not ready" in refused.stderr
    assert api.names(pods_of(helpers)) == []
    done = nsexec(*words, "--skip-unsafe", "--", "echo", "here")
    assert (done.status, done.text) == (125, f"{namespace}/found: here\n"), done.stderr
    assert "1 of 2 ok, 1 not started" in done.stderr
