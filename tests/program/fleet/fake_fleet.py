"""A server on loopback that plays API server, kubelets and agents for many pods on many nodes, WebSockets included."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.unit.fake_session import (
    ERROR,
    HELPERS,
    STDERR,
    STDOUT,
    FakeSession,
    Handler,
    WebSocket,
    say_held,
    say_started,
    target_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]

ROOT: Final = Path(__file__).parents[3]
WORDS = b"from %s\n"


class Command(NamedTuple):
    """A command that has just been started in a container."""

    fleet: Fleet
    pod: str
    helper: str
    stream: WebSocket
    received: Iterator[bytes]
    """Its stdin: first what came with the handshake."""

    def stdin(self) -> bytes:
        """All of it."""
        return b"".join(self.received)

    def write(self, data: bytes) -> None:
        """To its stdout."""
        self.stream.send(STDOUT, data)


def says_its_name(command: Command) -> int:
    """What a pod's command does where nothing else is said."""
    command.write(WORDS % command.pod.encode())
    return 0


def exits(status: int) -> Callable[[Command], int]:
    """One that does only that."""
    return lambda _: status


class Fleet(FakeSession):
    """Pods by ``NAMESPACE/NAME``, nodes by name; ``scripts``: what the command does, by the pod's name."""

    def __init__(self) -> None:
        self.pods: dict[str, Json] = {}
        self.nodes: dict[str, Json] = {}
        self.scripts: dict[str, Callable[[Command], int]] = {}
        self.refused: dict[str, str] = {}
        """Pods whose agent finds no such container, and its words."""
        self.objects: dict[str, Json] = {}
        """What else there is, by its path."""
        self.forbidden: set[str] = set()
        """Paths that may not be read."""
        self.client = "kubectl_nsexec"
        """The module that is run."""
        self.environment: dict[str, str] = {}
        """Of clients, beside this process's."""
        self.by_hand = True
        """Whether the client names the CPUs."""
        self.clueless = ""
        """A node that does not know which of its CPUs are reserved; the others do."""
        self.never_runs = ""
        """A node on which helper pods stay Pending."""
        self.lost = ""
        """A node whose helper pod ends while it looks."""
        self.refuse_helpers_on = ""
        """A node where none is admitted."""
        self.journal: list[str] = []
        self.denied: set[tuple[str, str]] = set()
        """Rights that the user lacks: (verb, RESOURCE[/SUBRESOURCE])."""
        self.live: dict[str, Json] = {}
        self.made = threading.Condition()
        """Another helper pod is there."""
        self.closed = False
        self.one_gone = threading.Event()
        """A helper pod has been deleted."""
        self.all_gone = threading.Event()
        """Every helper pod that was made has been deleted."""
        self.attached: dict[str, WebSocket] = {}
        self.affinity = ""
        """What each container's config.json says of execs."""
        self.leases = 0
        self.let_go = threading.Condition()
        """One lease less is there: the server may hear of it when the client has ended already."""
        self.most_at_once = self._now = 0
        self._counting = threading.Lock()
        super().__init__(_Handler)

    def add(self, name: str, node: str, *, phase: str = "Running", namespace: str = "ran", **labels: str) -> Json:
        """A pod that runs there, on a node that is ready."""
        self.nodes.setdefault(node, ready(node))
        pod = {
            "metadata": {"name": name, "namespace": namespace, "uid": f"u-{namespace}-{name}", "labels": labels},
            "spec": {"nodeName": node, "containers": [{"name": "main", "image": "i"}]},
            "status": {
                "phase": phase,
                "containerStatuses": [{"name": "main", "state": {"running": {}}, "containerID": f"cri-o://c-{name}"}],
            },
        }
        self.pods[f"{namespace}/{name}"] = pod
        return pod

    def count(self, change: int) -> None:
        """One command more, or less, runs."""
        with self._counting:
            self._now += change
            self.most_at_once = max(self.most_at_once, self._now)

    def end_helper(self, helper: str) -> None:
        """Its main process ends, as on a node that evicts it."""
        self.attached[helper].send(ERROR, b'{"status": "Failure", "message": "evicted"}')

    def close(self) -> None:
        """Ends its watches, too."""
        with self.made:
            self.closed = True
            self.made.notify_all()
        super().close()

    def argv(self, *words: str) -> list[str]:
        """A client's command line."""
        cpus = ["--cpus", "0-1"] if self.by_hand else []
        return [sys.executable, "-m", self.client, "--server", self.url, *cpus, *words]

    def play(self, stream: WebSocket, nonce: str, container_id: str, helper: str) -> None:
        """A session's agent, and its command."""
        pod = container_id.removeprefix("c-")
        self.journal.append(f"enter {pod}")
        if words := self.refused.get(pod):
            error = {"event": "error", "code": "no-target", "message": words}
            stream.send(STDOUT, f"{nonce} {json.dumps(error)}\n".encode())
            return
        _, stdin = say_started(stream, nonce, container_id=container_id, affinity=self.affinity)
        self.count(1)
        script = self.scripts.get(pod, says_its_name)
        status = script(Command(self, pod, helper, stream, stdin))
        self.count(-1)
        causes = [{"reason": "ExitCode", "message": str(status)}]
        failed = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
        with suppress(OSError):  # the client may be gone
            stream.send(STDERR, f'\0{nonce} {{"event":"ended","status":{status}}}\n'.encode())
            stream.send(ERROR, json.dumps(failed if status else {"status": "Success"}).encode())

    def look(self, nonce: str, node: str) -> bytes:
        """What a node says about its CPUs."""
        self.journal.append("look")
        reserved = base64.b64encode(b'[crio.runtime]\ninfra_ctr_cpuset = "0-1"\n').decode()
        files = [] if node == self.clueless else [{"of": "crio", "path": "/etc/crio/x", "data": reserved}]
        return f"{nonce} {json.dumps({**target_event(), 'event': 'node', 'files': files})}\n".encode()

    def run(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """A client's run."""
        self.journal.clear()
        self.most_at_once = 0
        done = subprocess.run(
            self.argv(*words),
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=60,
            env={**os.environ, **self.environment},
        )
        with self.let_go:
            assert self.let_go.wait_for(lambda: not self.leases, 60)
        return done


def ready(name: str) -> Json:
    """A v1 Node."""
    return {
        "metadata": {"name": name},
        "status": {"nodeInfo": {"architecture": "amd64"}, "conditions": [{"type": "Ready", "status": "True"}]},
    }


class _Handler(Handler):
    session: Fleet
    disable_nagle_algorithm = True  # what a command has said is with the client before anything else happens

    def do_GET(self) -> None:  # noqa: N802 - as http.server calls it
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        fleet, path = self.session, parts.path
        if self.headers["Upgrade"]:
            self._session(path, [value for name, value in parse_qsl(parts.query) if name == "command"])
            return
        fleet.journal.append(f"GET {path}{' watch' if query.get('watch') else ''}")
        *_, kind, name = path.split("/")
        if path in fleet.forbidden:
            self.answer(403, {"kind": "Status", "reason": "Forbidden", "message": f"{path} is forbidden"})
        elif path in fleet.objects:
            self.answer(200, fleet.objects[path])
        elif query.get("watch"):
            self._watch(query.get("fieldSelector", "").removeprefix("metadata.name="))
        elif name == "pods":
            self.answer(200, self._page(self._matching(path, query), query))
        elif name == "nodes":
            self.answer(200, self._page([*fleet.nodes.values()], query))
        elif kind == "nodes" and name in fleet.nodes:
            self.answer(200, fleet.nodes[name])
        else:
            self.answer(404, {"kind": "Status", "reason": "NotFound", "message": f"no {path}"})

    def _watch(self, name: str) -> None:
        """Of one helper, or of all that there are to come, until the client goes away."""
        fleet = self.session
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        told: set[str] = set()
        with suppress(OSError), fleet.made:
            while not fleet.closed:
                for helper in [each for each in fleet.live if each not in told and name in ("", each)]:
                    told.add(helper)
                    event = {"type": "ADDED", "object": self.running(helper)}
                    self.wfile.write(json.dumps(event).encode() + b"\n")
                if name and told:
                    return
                fleet.made.wait()

    def _matching(self, path: str, query: dict[str, str]) -> list[Json]:
        namespace = path.removeprefix("/api/v1/namespaces/").partition("/")[0] if "/namespaces/" in path else ""
        key, _, value = query.get("labelSelector", "").partition("=")
        _, _, node = query.get("fieldSelector", "").partition("spec.nodeName=")
        return [
            pod
            for pod in self.session.pods.values()
            if namespace in ("", pod["metadata"]["namespace"])
            and (not key or pod["metadata"]["labels"].get(key) == value)
            and node in ("", pod["spec"]["nodeName"])
        ]

    def _page(self, items: list[Json], query: dict[str, str]) -> Json:
        begin, limit = int(query.get("continue", 0)), int(query["limit"])
        more = {"continue": str(begin + limit)} if begin + limit < len(items) else {}
        return {"kind": "PodList", "metadata": more, "items": items[begin : begin + limit]}

    def do_POST(self) -> None:  # noqa: N802 - as above
        body: Json = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fleet = self.session
        name = (body.get("metadata") or {}).get("name", "")
        fleet.journal.append(f"POST {self.path.rpartition('/')[2]}")
        if self.path == HELPERS and body["spec"]["nodeName"] == fleet.refuse_helpers_on:
            fleet.journal.pop()
            self.answer(422, {"kind": "Status", "reason": "Invalid", "message": "no room"})
        elif self.path == HELPERS:
            fleet.helpers.append(body)
            fleet.all_gone.clear()
            self.answer(201, {**self.running(name, body), "status": {"phase": "Pending", "qosClass": "BestEffort"}})
            with fleet.made:
                fleet.live[name] = body
                fleet.made.notify_all()
        else:
            asked = (body.get("spec") or {}).get("resourceAttributes") or {}
            resource = "/".join(part for part in (asked.get("resource"), asked.get("subresource")) if part)
            allowed = (asked.get("verb"), resource) not in fleet.denied
            self.answer(201, {"status": {"allowed": allowed, "userInfo": {"username": "joe"}}})

    def do_DELETE(self) -> None:  # noqa: N802 - as above
        self.session.live.pop(self.path.rpartition("/")[2], None)
        self.session.journal.append("DELETE pod")
        super().do_DELETE()
        self.session.one_gone.set()
        if not self.session.live:
            self.session.all_gone.set()

    def running(self, name: str = "", made: Json | None = None) -> Json:
        helper = made or self.session.live[name]
        status = {"phase": "Running", "qosClass": "BestEffort", "containerStatuses": [{"state": {"running": {}}}]}
        if helper["spec"]["nodeName"] == self.session.never_runs:
            status = {"phase": "Pending", "qosClass": "BestEffort"}
        metadata = {**helper["metadata"], "namespace": "nsexec", "resourceVersion": "1", "uid": f"u-{name}"}
        return {**helper, "metadata": metadata, "status": status}

    def _helper(self) -> str:
        return urlsplit(self.path).path.split("/")[-2]

    def attached(self, stream: WebSocket) -> None:
        fleet = self.session
        with fleet.let_go:
            fleet.leases += 1
            fleet.journal.append("attach")
        try:
            self._lease(stream)
        finally:
            with fleet.let_go:
                fleet.leases -= 1
                fleet.journal.append("let go")
                fleet.let_go.notify_all()

    def _lease(self, stream: WebSocket) -> None:
        helper = self._helper()
        held: list[str] = self.session.live[helper]["spec"]["containers"][0]["command"]
        stdin, nonce = stream.stdin(), held[held.index("hold") + 1]
        given = next(stdin)
        if given == b"look\n":
            stream.send(STDOUT, self.session.look(nonce, self.session.live[helper]["spec"]["nodeName"]))
        while not given.endswith(b"hold\n"):
            if not (more := next(stdin, b"")):
                return
            given += more
        self.session.attached[helper] = stream
        say_held(stream, nonce)
        for _ in stdin:
            pass

    def _surveyed(self, stream: WebSocket, nonce: str) -> None:
        """The node is looked at, container by container as they are asked for."""
        node = self.session.live[self._helper()]["spec"]["nodeName"]
        self.session.journal.append(f"survey {node}")
        if node == self.session.lost:
            self.session.end_helper(self._helper())
            return

        def say(**event: object) -> None:
            stream.send(STDOUT, f"{nonce} {json.dumps(event)}\n".encode())

        say(**{**target_event(), "event": "survey"}, release="6.1.0-rt", rt_runtime="-1", stalld=False)
        asked = b""
        for part in stream.stdin():
            asked += part
            if asked.endswith(b"end\n"):
                break
        pids: dict[str, int] = {}
        for line in asked.decode().splitlines()[:-1]:
            _, _, container_id = line.split()
            pids[container_id] = 100 + len(pids)
            cpus = {"cpus": "2-3", "exec_folder": None, "affinity": "", "processes": [pids[container_id]]}
            say(event="container", id=container_id, missing="", **cpus)

        def blob(text: str) -> str:
            return base64.b64encode(text.encode()).decode()

        zeros = "0 " * 16
        stat = "".join(f"{pid}/task/{pid}/stat:{pid} (loop) R {zeros}0 0 5 {zeros}3 1 1\n" for pid in pids.values())
        masks = "".join(f"{pid}/task/{pid}/status:Cpus_allowed_list:\t3\n" for pid in pids.values())
        for look in (1, 2):
            say(event="threads", look=look, uptime=f"{look}.00", stat=blob(stat), status=blob(masks))
        say(event="surveyed")
        with suppress(OSError):
            stream.send(ERROR, b'{"status": "Success"}')

    def executed(self, stream: WebSocket, command: list[str]) -> None:
        if "survey" in command:
            self._surveyed(stream, command[command.index("survey") + 1])
            return
        _, nonce, _, _, _, container_id, *_ = command[command.index("enter") :]
        self.session.play(stream, nonce, container_id, self._helper())
