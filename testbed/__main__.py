"""Command line of the test bed: prepare, up, down, status, env, clean, packages. Talk on stderr, data on stdout."""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from testbed import (
    binaries,
    control_plane,
    crds,
    host_node,
    images,
    kubectl,
    machine,
    packages,
    processes,
    rt_accelerator,
    rt_config,
    rt_disk,
    rt_node,
    rt_runtime,
    rt_vm,
)
from testbed.errors import ClusterError, unexpected
from testbed.go_build import Build
from testbed.paths import CACHE, KUBECONFIG, STATE
from testbed.progress import say

_NODES: Final = {"host": ("host",), "rt": ("rt",), "both": ("host", "rt")}
_DISK_MINUTES: Final = 3
_NODE_SECONDS: Final = {"host": 25, "rt": 150}


def main(argv: list[str]) -> int:
    """Run one command and return its exit status: 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python3 -m testbed", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("prepare", "packages, programs and disk that up needs; nothing is started"),
        ("up", "control plane and node(s); what runs already is left alone"),
    ):
        commands.add_parser(name, help=what).add_argument("--node", choices=sorted(_NODES), default="rt")
    commands.add_parser("down", help="end what up started and leave nothing of it on the machine")
    commands.add_parser("status", help="which parts run")
    commands.add_parser("env", help="shell lines that point kubectl and oc-nsexec at the cluster")
    commands.add_parser("clean", help="down, and forget state and cache")
    install = commands.add_parser("packages", help="install the Debian packages that are missing")
    install.add_argument("purpose", choices=sorted(packages.BY_PURPOSE), nargs="+")
    arguments = parser.parse_args(argv)
    actions: dict[str, Callable[[], None]] = {
        "prepare": lambda: _prepare(_NODES[arguments.node]),
        "up": lambda: _up(_NODES[arguments.node]),
        "down": _down,
        "status": _status,
        "env": _env,
        "clean": _clean,
        "packages": lambda: packages.ensure(*arguments.purpose),
    }
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # whatever blocks signals would be inherited by all that is started
    try:
        actions[arguments.command]()
    except ClusterError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("testbed: interrupted; `make cluster-down` ends what has been started", file=sys.stderr)
        return 130
    except Exception as error:  # noqa: BLE001 - whoever tries the demo for the first time gets a sentence
        print(f"testbed: {unexpected(error)}", file=sys.stderr)
        return 1
    return 0


def _up(wanted: tuple[str, ...]) -> None:
    began = time.monotonic()
    if "host" in wanted:
        host_node.refuse_if_not_allowed()
    say(f"bringing up the cluster ({_told(wanted)}): {_expected(wanted)}")
    _make(wanted)
    control_plane.up()
    if "host" in wanted:
        host_node.up()
    if "rt" in wanted:
        crds.ensure(crds.profile("worker-rt", reserved=rt_config.RESERVED, isolated=rt_config.ISOLATED))
        rt_node.up()
    say(
        f"the cluster is up in {time.monotonic() - began:.0f} s: {', '.join(_ready_nodes())}; KUBECONFIG={KUBECONFIG}",
    )


def _prepare(wanted: tuple[str, ...]) -> None:
    if making := _making(wanted):
        say(f"preparing the cluster ({_told(wanted)}): {making}")
    _make(wanted)


def _told(wanted: tuple[str, ...]) -> str:
    return f"{' and '.join(wanted)} node"


def _make(wanted: tuple[str, ...]) -> None:
    """Compile the programs and build the disk, side by side: one waits for CPUs, the other mostly for packages."""
    packages.ensure("cluster", *wanted)

    def compile_all() -> None:
        for build in _builds(wanted):  # a Ctrl-C ends the one at work, and none begins after it
            build.ensure()

    steps: list[Callable[[], object]] = [compile_all, images.ensure]
    if "rt" in wanted:
        steps.append(lambda: rt_accelerator.chosen(rt_disk.ensure()))
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(step) for step in steps]
        for step in running:
            step.result()


def _builds(wanted: tuple[str, ...]) -> list[Build]:
    runtime = "host" in wanted or rt_runtime.compiled()
    return [binaries.KUBERNETES, *([binaries.RUNTIME] if runtime else [])]


def _expected(wanted: tuple[str, ...]) -> str:
    seconds = sum(0 if _runs(node) else _NODE_SECONDS[node] for node in wanted)
    if making := _making(wanted, seconds):
        return making
    return f"about {seconds} s" if seconds else "it runs already, a few seconds"


def _making(wanted: tuple[str, ...], more_seconds: float = 0) -> str:
    """What is not in the cache and how long it takes to make, with ``more_seconds``; "" where all is there."""
    missing = [build for build in _builds(wanted) if not build.cached()]
    disk = "rt" in wanted and not (CACHE / f"rt-{rt_disk.key()}").exists()
    steps = [f"compiling {build.title}" for build in missing] + (["building a disk"] if disk else [])
    if not steps:
        return ""
    minutes = sum(build.expected_minutes() for build in missing) + (_DISK_MINUTES if disk else 0) + more_seconds / 60
    return f"about {minutes:.0f} min, most of it {' and '.join(steps)}, kept for the next time in {CACHE}"


def _runs(node: str) -> bool:
    return host_node.running() if node == "host" else rt_vm.running()


def _down() -> None:
    ends = (rt_node.down, host_node.down, control_plane.down)
    failures = [failure for failure in map(_attempt, ends) if failure]  # one that fails must not spare the others
    for name in processes.noted():
        processes.stop(name)
    if failures:
        raise ClusterError("\n".join(failures))
    say("the cluster is down: no process, mount or cgroup of it is left")


def _attempt(end: Callable[[], None]) -> str:
    try:
        end()
    except ClusterError as error:
        return str(error)
    return ""


def _clean() -> None:
    _down()
    rt_node.clean()
    for folder in (STATE, CACHE):
        machine.remove_tree(folder)
    say(f"forgotten: {STATE} and {CACHE}")


def _status() -> None:
    for name in processes.noted():
        pid = processes.pid_of(name)
        print(f"{name:28} {f'pid {pid}' if pid else 'ended'}")
    if not control_plane.ready():
        raise ClusterError("the API server does not answer; `make cluster` or `make cluster NODE=host` brings it up")
    for line in _ready_nodes():
        print(line)


def _env() -> None:
    print(f"export KUBECONFIG={KUBECONFIG}")
    print(f'export PATH="{binaries.KUBERNETES.folder()}:$PATH"')


def _ready_nodes() -> list[str]:
    path = '{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
    rows = [line.split() for line in kubectl.run("get", "nodes", "-o", f"jsonpath={path}").splitlines()]
    return [f"node {name} {'is Ready' if ready == 'True' else 'is not Ready'}" for name, ready in rows]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
