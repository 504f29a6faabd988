"""What the live tests run: kubectl, ``oc nsexec``, and pods that are gone afterwards."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from testbed.paths import HOST_NODE, KUBECONFIG
from tests.live.api import pods_of
from tests.live.pods import Pod, takes_a_cpu

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.live.api import Api

Json = dict[str, Any]

_PATIENCE_SECONDS: Final = 330.0
"""Nothing in these tests may hang for ever; what takes this long has failed."""


_POLL_SECONDS: Final = 0.2
_NO_CPU_YET: Final = "UnexpectedAdmissionError"
"""What a kubelet says when all isolated CPUs are taken, for a moment also after the pod that had one is gone."""
_LEADS_TO_ITS_PAGE: Final = re.compile(r"\[[a-z-]+\] more: oc nsexec --explain [a-z-]+\n\Z")
"""The last line of an error of ours, which kubectl has not."""


def without_code(errors: str) -> str:
    """ERRORS without the line that has the code of an error of ours, where there is one."""
    return _LEADS_TO_ITS_PAGE.sub("", errors)


@dataclass(frozen=True)
class Finished:
    """What came of one command."""

    status: int
    stdout: bytes
    stderr: str
    seconds: float

    @property
    def text(self) -> str:
        """Stdout as text."""
        return self.stdout.decode(errors="surrogateescape")

    @property
    def words(self) -> str:
        """Stderr ``without_code``."""
        return without_code(self.stderr)


@dataclass(frozen=True)
class Program:
    """A command line that arguments are added to: kubectl or ``oc nsexec``, pointed at the cluster."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self, *arguments: str | bytes, stdin: bytes = b"", timeout_seconds: float = _PATIENCE_SECONDS
    ) -> Finished:
        """Run it to its end, whatever the status."""
        began = time.monotonic()
        done = subprocess.run(
            [*self.argv, *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=timeout_seconds,
            env=self.variables(),
        )
        return Finished(done.returncode, done.stdout, done.stderr.decode(errors="replace"), time.monotonic() - began)

    def start(self, *arguments: str | bytes) -> subprocess.Popen[bytes]:
        """Start it with pipes at stdin, stdout and stderr; the caller ends it."""
        pipe = subprocess.PIPE
        return subprocess.Popen([*self.argv, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, env=self.variables())

    def ok(self, *arguments: str | bytes, stdin: bytes = b"") -> str:
        """Run it, insist on status 0, and return its stdout as text."""
        done = self(*arguments, stdin=stdin)
        assert done.status == 0, f"{[*self.argv[-1:], *arguments]}: status {done.status}: {done.stderr}"
        return done.text

    def variables(self) -> dict[str, str]:
        """Its whole environment."""
        return {**os.environ, "KUBECONFIG": str(KUBECONFIG), **self.environment}


def kubectl_program(folder: Path) -> Program:
    """Return kubectl of the binaries in FOLDER."""
    return Program((str(folder / "kubectl"),))


def nsexec_program() -> Program:
    """Return ``oc nsexec`` of this checkout, by the Python that runs the tests."""
    return Program((sys.executable, "-m", "kubectl_nsexec"))


class Pods:
    """Makes pods in one namespace and removes them, each by its uid, so that no other pod of that name is hit."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._path = pods_of(namespace)
        self._made: list[Pod] = []
        self.namespace = namespace

    def start(self, manifest: Json, *, condition: str = "Ready") -> Pod:
        """Create the pod, wait for CONDITION, and return it as the API server then describes it."""
        name = manifest["metadata"]["name"]
        if takes_a_cpu(manifest) and manifest["spec"]["nodeName"] == HOST_NODE:
            assert "PYTEST_XDIST_WORKER" not in os.environ, "the host node has one CPU to give: mark the test alone"
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            self._made.append(self._pod(self._api.create(self._path, manifest)))
            made = self._wait(name, condition, deadline)
            if made["status"].get("reason") != _NO_CPU_YET:
                return self._pod(made)
            self._delete(self._made[-1])
            self._api.wait_until_gone(self._path, self._made.pop().name, _PATIENCE_SECONDS)
            time.sleep(_POLL_SECONDS)

    def get(self, name: str) -> Json:
        """Return the pod NAME as the API server has it now."""
        found = self._api.get(f"{self._path}/{name}")
        assert found, f"there is no pod {name} in namespace {self.namespace}"
        return found

    def delete_all(self) -> None:
        """Delete every pod that was made here and wait until each is gone."""
        for made in self._made:
            self._delete(made)
        for made in self._made:
            self._api.wait_until_gone(self._path, made.name, _PATIENCE_SECONDS)
        self._made.clear()

    def _delete(self, made: Pod) -> None:
        self._api.delete(f"{self._path}/{made.name}", preconditions={"uid": made.uid}, gracePeriodSeconds=1)

    def _wait(self, name: str, condition: str, deadline: float) -> Json:
        """Return the pod once CONDITION (``TYPE`` or ``TYPE=STATUS``) holds or its node lacks a free CPU.

        A pod that has failed for any other reason fails the test at once.
        """
        kind, _, wanted = condition.partition("=")

        def holds(status: Json) -> bool:
            found = {row["type"]: row["status"] for row in status.get("conditions") or []}
            no_cpu_yet = status.get("reason") == _NO_CPU_YET and time.monotonic() < deadline
            return no_cpu_yet or found.get(kind) == (wanted or "True")

        def over(pod: Json | None) -> bool:
            return pod is None or holds(pod["status"]) or pod["status"].get("phase") == "Failed"

        found = self._api.wait(self._path, name, over, deadline - time.monotonic())
        assert found, f"pod {name} is not there any more"
        if not holds(found["status"]):
            events = self._api.items(f"/api/v1/namespaces/{self.namespace}/events")
            told = [f"{each['reason']}: {each['message']}" for each in events if _is_about(each, name)]
            raise AssertionError("\n".join([f"pod {name} did not become {condition}: {found['status']}", *told]))
        return found

    def _pod(self, got: Json) -> Pod:
        statuses = got.get("status", {}).get("containerStatuses") or [{}]
        runtime, _, identity = str(statuses[0].get("containerID") or "").rpartition("://")
        meta, node = got["metadata"], got["spec"].get("nodeName", "")
        return Pod(meta["namespace"], meta["name"], meta["uid"], node, identity, runtime)


def _is_about(event: Json, name: str) -> bool:
    return bool(event["involvedObject"].get("name") == name)
