"""What can come next on a command line, as ``kubectl exec`` completes it.

Sources: k8s.io/kubectl, pkg/util/completion (PodResourceNameCompletionFunc, ContainerCompletionFunc), and for flags
github.com/spf13/cobra, completions.go. Pods and the like are asked for by name only, in one list.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from kubectl_nsexec.cli import validate
from kubectl_nsexec.cli.options import Options
from kubectl_nsexec.cpus.profiles import profile_name
from kubectl_nsexec.kube import lists
from kubectl_nsexec.kube.api import kind_path, list_performance_profiles
from kubectl_nsexec.model import resource_reference
from kubectl_nsexec.target import container_choice, find_pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kubectl_nsexec.kube import Cluster
    from kubectl_nsexec.kube.kubeconfig import Kubeconfig
    from kubectl_nsexec.model.http import Json
    from kubectl_nsexec.model.request import ClusterOptions

ERROR, NO_SPACE, NO_FILES, BY_ENDING = 1, 2, 4, 8
"""cobra's ShellCompDirective: bits, of which none means that the shell completes files."""
FILES = 0

REQUEST_SECONDS = 2.0
RUNNING_SECONDS = 0.1
"""kubectl's own patience for a pod of TYPE/NAME that is not there yet (convertResourceNameToPodName)."""
_SELECTING = ("selector", "field_selector", "all_namespaces")
_SAMPLE = "20"
"""So many of many pods are looked at for the names of containers."""
_PAGES = 10
"""Beyond so many the list would be of no use to anybody."""
_NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches; the second for old servers."""
_LISTED = {
    "namespace": "/api/v1/namespaces",
    "helper_namespace": "/api/v1/namespaces",
    "node": "/api/v1/nodes",
}
"""Flags whose value is an object's name → where those are."""
_MANIFESTS = ("json", "yaml", "yml")
"""resource.FileExtensions of cli-runtime."""


class Flag(NamedTuple):
    """One option of the command line: ``words`` such as ``-c`` and ``--container``."""

    name: str
    words: tuple[str, ...]
    text: str
    metavar: str | None
    is_switch: bool
    repeatable: bool


class UnfinishedLine(NamedTuple):
    """An unfinished command line. ``word`` is what has been typed of the word, or of the value after ``=``."""

    word: str
    values: Mapping[str, Any]
    """What stands before: the parser's destination → text, texts, or True."""
    flags: tuple[Flag, ...] = ()
    awaited: Flag | None = None
    """The option whose value ``word`` is."""
    of_switch: bool = False
    """``word`` is the value of an option that takes none but true and false, as in ``--stdin=``."""
    of_command: bool = False
    """``word`` belongs to CMD, after ``--``."""


class Candidates(NamedTuple):
    """Words, or a word with its explanation after a tab; ``directive`` is the sum of cobra's bits."""

    lines: Sequence[str] = ()
    directive: int = NO_FILES


def candidates(
    line: UnfinishedLine,
    connect: Callable[[ClusterOptions], Cluster],
    kubeconfig: Callable[[ClusterOptions], Kubeconfig],
) -> Candidates:
    """What ``line.word`` can become. Asks the cluster, or reads the kubeconfig, only where the answer is in there.

    Raises ApiError, TargetError and UsageError.
    """
    options = connection(line.values)
    if line.of_command:
        return Candidates()  # files of this machine are not those of the container
    if line.of_switch:
        return Candidates(_matching(line.word, ("true", "false")))
    if line.awaited is not None:
        return _values(line, line.awaited, options, connect, kubeconfig)
    if line.word.startswith("-"):
        return Candidates(_flags(line))
    if line.values.get("pod") or line.values.get("filename") or _names_no_pod(line.values):
        return Candidates()
    cluster = connect(options)
    namespace = line.values.get("namespace") or cluster.namespace
    return _objects(line.word, cluster, namespace, of_one=not line.values.get("all_pods"))


def _names_no_pod(values: Mapping[str, Any]) -> bool:
    """Whether the line says by itself which pods are meant, so that a name would be a mistake."""
    return any(values.get(field) for field in _SELECTING) or bool(values.get("node") and not values.get("check"))


def connection(values: Mapping[str, Any]) -> ClusterOptions:
    """The connection's flags among ``values``; one request never takes longer than REQUEST_SECONDS.

    Raises UsageError for a time-out that is none.
    """
    options = validate.connection(Options({**values, "v": None}))  # nothing is shown to who only pressed TAB
    seconds = min(options.request_timeout_seconds or REQUEST_SECONDS, REQUEST_SECONDS)
    return options._replace(request_timeout_seconds=seconds)


def _values(
    line: UnfinishedLine,
    flag: Flag,
    options: ClusterOptions,
    connect: Callable[[ClusterOptions], Cluster],
    kubeconfig: Callable[[ClusterOptions], Kubeconfig],
) -> Candidates:
    """What can follow ``flag``."""
    word, metavar = line.word, flag.metavar or ""
    if flag.name in ("container", "profile"):
        cluster = connect(options)
        names = _containers(line, cluster) if flag.name == "container" else _profiles(cluster)
        return Candidates(_matching(word, names))
    if flag.name in _LISTED:
        return Candidates(_matching(word, _names(connect(options), _LISTED[flag.name])))
    if flag.name in ("context", "cluster", "user"):
        sections = kubeconfig(options)
        known = {"context": sections.contexts, "cluster": sections.clusters, "user": sections.users}
        return Candidates(_matching(word, known[flag.name]))
    if flag.name == "explain":
        return Candidates(_codes(word))
    if metavar in ("FILE", "DIR"):
        return Candidates([*_MANIFESTS], BY_ENDING) if flag.name == "filename" else Candidates([], FILES)
    return Candidates(_matching(word, metavar.split("|") if metavar.islower() else ()))


def _codes(word: str) -> list[str]:
    """Those of errors, each with what it means."""
    from kubectl_nsexec.cli.error_pages import PAGES  # noqa: PLC0415 - of no other completion

    return [f"{code}\t{page.summary.replace('`', '')}" for code, page in PAGES.items() if code.startswith(word)]


def _flags(line: UnfinishedLine) -> list[str]:
    """As cobra's getFlagNameCompletions: not those that are there already, unless they may be repeated."""
    wanted = [flag for flag in line.flags if flag.repeatable or flag.name not in line.values]
    lines = [
        f"{word}\t{' '.join(flag.text.split())}" for flag in wanted for word in flag.words if word.startswith(line.word)
    ]
    return sorted(lines)


def _objects(word: str, cluster: Cluster, namespace: str, *, of_one: bool) -> Candidates:
    """Pods, and the types that lead to one (not ``of_one``: to many); after ``TYPE/`` the objects of that type."""
    kind, slash, name = word.partition("/")
    if slash:
        found = _names(cluster, kind_path(resource_reference.kind_of(kind), namespace))
        return Candidates([f"{kind}/{each}" for each in _matching(name, found)])
    pods = _matching(word, _names(cluster, kind_path(resource_reference.POD, namespace))) if of_one else []
    kinds = [known for known in resource_reference.KINDS if of_one or known is not resource_reference.POD]
    types = _matching(word, (f"{known.plural}/" for known in kinds))
    return Candidates([*pods, *types], NO_FILES if pods else NO_FILES | NO_SPACE)


def _names(cluster: Cluster, path: str) -> list[str]:
    """The names of the objects at ``path``, without the objects."""
    listed = islice(lists.pages(cluster, path, accept=_NAMES_ONLY), _PAGES)
    return [str((item.get("metadata") or {}).get("name") or "") for page in listed for item in page]


def _profiles(cluster: Cluster) -> list[str]:
    return [profile_name(profile) for profile in list_performance_profiles(cluster) or ()]


def _containers(line: UnfinishedLine, cluster: Cluster) -> list[str]:
    """Those of the pod that the run would enter, by the tool's own rules; of many pods, those of the first."""
    words: list[str] = list(line.values.get("pod") or ())
    namespace = line.values.get("namespace") or cluster.namespace
    if _names_no_pod(line.values):
        pods = _first_pods(line.values, cluster, namespace)
    elif len(words) == 1:
        pods = [find_pod.find(cluster, namespace, words[0], RUNNING_SECONDS)]
    else:
        return []
    names = (name for pod in pods for name, _, _ in container_choice.containers(pod.get("spec") or {}))
    return [*dict.fromkeys(names)]


def _first_pods(values: Mapping[str, Any], cluster: Cluster, namespace: str) -> list[Json]:
    """Of those that the line selects."""
    fields = [values["field_selector"]] if values.get("field_selector") else []
    fields += [f"spec.nodeName={values['node'][0]}"] if values.get("node") else []
    query = [("labelSelector", values["selector"])] if values.get("selector") else []
    query += [("fieldSelector", ",".join(fields))] if fields else []
    path = "/api/v1/pods" if values.get("all_namespaces") else kind_path(resource_reference.POD, namespace)
    return list(cluster.request("GET", path, [*query, ("limit", _SAMPLE)]).get("items") or [])


def _matching(word: str, names: Iterable[str]) -> list[str]:
    """Those that begin with ``word`` and can be shown: a control character would be the terminal's, not a name's."""
    return [name for name in names if name and name.startswith(word) and name.isprintable()]
