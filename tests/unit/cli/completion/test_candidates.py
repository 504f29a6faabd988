"""What ``kubectl_complete-nsexec`` prints, against a server on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubectl_nsexec.cli import parser
from kubectl_nsexec.cli.completion import candidates, main, unfinished
from kubectl_nsexec.cli.error_pages import PAGES
from kubectl_nsexec.cli.flags import GROUPS
from kubectl_nsexec.model.request import ClusterOptions
from kubectl_nsexec.ui.console import Console
from tests.unit.cli.completion.asking import TYPES, Complete
from tests.unit.fake_api import PODS, FakeApi

if TYPE_CHECKING:
    from pathlib import Path


def test_first_come_pods_and_what_leads_to_one(words: Complete) -> None:
    """Of the context's namespace; a space follows where the word may be a pod."""
    assert words("") == (["du-0", "web-1", *TYPES], candidates.NO_FILES)
    assert words("w") == (["web-1"], candidates.NO_FILES)
    assert words("-it", "d") == (["du-0", "deployments/", "daemonsets/", "deploymentconfigs/"], candidates.NO_FILES)


def test_no_space_follows_a_type(words: Complete) -> None:
    """Where no pod begins like this, only a name can follow."""
    assert words("depl") == (["deployments/", "deploymentconfigs/"], candidates.NO_FILES | candidates.NO_SPACE)


@pytest.mark.parametrize("kind", ["deployments", "deploy", "deployments.apps", "deployment.v1.apps"])
def test_names_of_a_type(words: Complete, kind: str) -> None:
    """Whatever the user calls it."""
    assert words(f"{kind}/") == ([f"{kind}/web", f"{kind}/db"], candidates.NO_FILES)
    assert words(f"{kind}/w") == ([f"{kind}/web"], candidates.NO_FILES)


@pytest.mark.parametrize(
    "before", [("du-0",), ("--filename=x",), ("-f", "x"), ("du-0", "--"), ("--",), ("du-0", "--", "ls", "-c")]
)
def test_nothing_follows_a_target(words: Complete, api: FakeApi, before: tuple[str, ...]) -> None:
    """No second pod, and no file of this machine for the command in the container, as in kubectl exec."""
    assert words(*before, "") == ([], candidates.NO_FILES)
    assert api.asked == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (("du-0", "-c", ""), ["main", "dpdk", "debugger", "prepare"]),
        (("du-0", "--container", "d"), ["dpdk", "debugger"]),
        (("du-0", "-c=", ""), []),
        (("du-0", "-c=m"), ["main"]),
        (("du-0", "-itc", "m"), ["main"]),
        (("du-0", "--container="), ["main", "dpdk", "debugger", "prepare"]),
        (("pod/du-0", "--container=p"), ["prepare"]),
        (("-c", ""), []),
    ],
)
def test_containers_of_the_pod(words: Complete, line: tuple[str, ...], found: list[str]) -> None:
    """Those of every kind, the value alone also after ``=``: the shells put the flag before it."""
    assert words(*line) == (found, candidates.NO_FILES)


def test_containers_of_the_pod_of_a_deployment(words: Complete, api: FakeApi) -> None:
    """The one that the run would enter."""
    api.objects["/apis/apps/v1/namespaces/ran/deployments/web"] = {
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    }
    api.objects[PODS] = [
        {
            "metadata": {"name": "web-1", "uid": "1"},
            "spec": {"nodeName": "n", "containers": [{"name": "serve"}]},
            "status": {"phase": "Running"},
        }
    ]
    assert words("deploy/web", "-c", "") == (["serve"], candidates.NO_FILES)


@pytest.mark.parametrize("line", [("-n", "o"), ("--namespace=o",), ("du-0", "--helper-namespace", "o")])
def test_namespaces(words: Complete, line: tuple[str, ...]) -> None:
    """Also for the helper's."""
    assert words(*line) == (["other"], candidates.NO_FILES)


def test_codes_of_errors(words: Complete, api: FakeApi, capfd: pytest.CaptureFixture[str]) -> None:
    """For --explain, each with what it means; no server is asked."""
    assert words("--explain", "cp") == (["cpu-policy"], candidates.NO_FILES)
    assert words("--explain=no-t") == (["no-target"], candidates.NO_FILES)
    assert {*words("--explain", "")[0]} == {*PAGES}
    assert api.asked == []
    main.run(["--explain", "gone"], Console())
    assert capfd.readouterr().out.startswith("gone\tThe helper pod that was kept (--keep) ended just")


def test_nodes(words: Complete, api: FakeApi) -> None:
    """For --node, which may be there already."""
    api.put("/api/v1/nodes", "worker-0", "worker-1", "infra")
    assert words("--node", "worker-0", "--node", "w") == (["worker-0", "worker-1"], candidates.NO_FILES)


def test_performance_profiles(words: Complete, api: FakeApi) -> None:
    """For --profile."""
    api.put("/apis/performance.openshift.io/v2/performanceprofiles", "rt", "cnf")
    assert words("du-0", "--profile", "r") == (["rt"], candidates.NO_FILES)


@pytest.mark.parametrize(
    ("flag", "names"), [("--context", ["first", "second/api:6443"]), ("--cluster", ["k"]), ("--user", ["u", "v"])]
)
def test_names_of_the_kubeconfig(words: Complete, api: FakeApi, flag: str, names: list[str]) -> None:
    """No server is asked; a name that would do something to the terminal is left out."""
    assert words(flag, "") == (names, candidates.NO_FILES)
    assert api.asked == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (("-n", "other", ""), "du-other"),
        (("-n=other", ""), "du-other"),
        (("--context", "second/api:6443", ""), "du-other"),
        (("--context=second/api:6443", "-n", "ran", ""), "du-0"),
    ],
)
def test_flags_on_the_line_decide_where_to_look(words: Complete, line: tuple[str, ...], found: str) -> None:
    """As they decide where the run will go."""
    assert words(*line)[0][0] == found


def test_who_asks(words: Complete, api: FakeApi, tmp_path: Path) -> None:
    """Kubeconfig, user and impersonation of the line are heeded; without TLS there is no more that tells."""
    words("--as=joe", "--as-group", "a", "--as-group", "b", "")
    words("--user", "v", "--token", "t", "--kubeconfig", str(tmp_path / "config"), "")
    words("--server", api.url, "--request-timeout=0", "")
    assert [asked.headers["Impersonate-User"] for asked in api.asked] == ["joe", "of-v", "of-u"]
    assert api.asked[0].headers.get_all("Impersonate-Group") == ["a", "b"]
    assert [asked.headers["Authorization"] for asked in api.asked] == [None, None, None]


def _spelt(flag: candidates.Flag) -> str:
    """The flag as it is typed, with a value that it takes."""
    value = "" if flag.is_switch else "=1s" if flag.name == "request_timeout" else "=x"
    return f"{flag.words[-1]}{value}"


def test_every_flag_of_the_connection_is_heeded() -> None:
    """A flag that is added to ClusterOptions and forgotten here shows."""
    command = parser.parser()
    (known,) = (group for title, group in GROUPS.items() if title.startswith("The API server"))
    line = [_spelt(flag) for flag in unfinished.read(command, [""]).flags if flag.name in known]
    options = candidates.connection(unfinished.read(command, [*line, ""]).values)
    plain = ClusterOptions()
    same = {name for name, value in options._asdict().items() if value == getattr(plain, name)}
    assert same == {"verbosity", "not_a_user"}  # neither has a say in where to look


def test_one_list_of_names_is_asked_for(words: Complete, api: FakeApi) -> None:
    """No specs and no status of thousands of pods, and a page of them at a time."""
    words("")
    (asked,) = api.asked
    assert asked.path == PODS
    assert asked.headers["Accept"].startswith("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
    assert asked.query == {"limit": "500"}


def test_a_huge_namespace_is_read_in_pages_and_not_to_its_end(words: Complete, api: FakeApi) -> None:
    """All of what anybody would look through."""
    api.put(PODS, *(f"x-{number:04}" for number in range(1200)))
    assert len(words("x")[0]) == 1200
    assert len(api.asked) == 3
    api.put(PODS, *(f"x-{number:04}" for number in range(9000)))
    assert len(words("x")[0]) == 5000


def test_names_are_data(words: Complete, api: FakeApi) -> None:
    """A name with a line break or an escape sequence is not shown, and none looks like our last line."""
    api.put(PODS, "du-0", "du\n:1", "du\x1b[2J", "du\tx", "")
    assert words("du") == (["du-0"], candidates.NO_FILES)


def test_flags(words: Complete) -> None:
    """Those of the tool, the connection's too; one that is there already only where it may be repeated."""
    assert words("--con") == (["--container", "--context"], candidates.NO_FILES)
    assert words("--cluster", "x", "--as=a", "--as-group=g", "--cl") == (
        ["--cleanup", "--client-certificate", "--client-key"],
        candidates.NO_FILES,
    )
    assert words("--as=a", "--as-group=g", "--as") == (["--as-group", "--as-uid"], candidates.NO_FILES)
    assert {"-c", "-n", "-s", "-h", "--help", "--container"} <= set(words("-")[0])


def test_every_flag_has_its_own_explanation(kubeconfig: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The help's, on one line after a tab."""
    assert kubeconfig.exists()
    main.run(["--conta"], Console())
    assert capfd.readouterr().out == (
        "--container\tThe container (else the pod's default one). With many pods it may be repeated.\n:4\n"
    )


@pytest.mark.parametrize(
    ("line", "found", "directive"),
    [
        (("--kubeconfig", ""), [], candidates.FILES),
        (("--client-key=",), [], candidates.FILES),
        (("--output-dir", ""), [], candidates.FILES),
        (("--color", "a"), ["auto", "always"], candidates.NO_FILES),
        (("--selector", ""), [], candidates.NO_FILES),
        (("-f", ""), ["json", "yaml", "yml"], candidates.BY_ENDING),
        (("--dry-run", ""), ["none", "client"], candidates.NO_FILES),
        (("-o", "y"), ["yaml"], candidates.NO_FILES),
        (("--cpu-source=",), ["profile", "node", "kubelet"], candidates.NO_FILES),
        (("--fail-on", ""), ["danger", "latency", "any"], candidates.NO_FILES),
        (("--token", ""), [], candidates.NO_FILES),
        (("--explain", "zz"), [], candidates.NO_FILES),
        (("--stdin=t",), ["true"], candidates.NO_FILES),
        (("--nonsense=",), None, candidates.ERROR),
    ],
)
def test_values_of_other_flags(
    kubeconfig: Path,
    capfd: pytest.CaptureFixture[str],
    line: tuple[str, ...],
    found: list[str] | None,
    directive: int,
) -> None:
    """Files where a file is wanted, the words where there is a choice, else nothing."""
    assert kubeconfig.exists()
    main.run([*line], Console())
    assert capfd.readouterr().out == "\n".join([*(found or []), f":{directive}", ""])
