"""TYPE/NAME and manifests: which object the user means, before any server is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kubectl_nsexec.errors import UsageError

if TYPE_CHECKING:
    from kubectl_nsexec.model.http import Json

NOTHING_NAMED = "pod, type/name or --filename must be specified"


class Kind(NamedTuple):
    """A kind of object that leads to a pod; ``words`` are the names that kubectl takes for it, in lower case."""

    name: str
    group: str
    version: str
    plural: str
    words: frozenset[str]
    labels_only: bool = False
    """``spec.selector`` is a plain map of labels, not a LabelSelector (the older kinds)."""

    @property
    def root(self) -> str:
        """Where the API server serves the group: ``/api/v1`` or ``/apis/GROUP/VERSION``."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


def _kind(name: str, group: str, plural: str, *short: str, labels_only: bool = False) -> Kind:
    words = frozenset({name.lower(), plural, *short})
    return Kind(name, group, "v1", plural, words, labels_only)


POD = _kind("Pod", "", "pods", "po")
KINDS = (
    POD,
    _kind("Deployment", "apps", "deployments", "deploy"),
    _kind("StatefulSet", "apps", "statefulsets", "sts"),
    _kind("DaemonSet", "apps", "daemonsets", "ds"),
    _kind("ReplicaSet", "apps", "replicasets", "rs"),
    _kind("ReplicationController", "", "replicationcontrollers", "rc", labels_only=True),
    _kind("Job", "batch", "jobs"),
    _kind("Service", "", "services", "svc", labels_only=True),
    _kind("DeploymentConfig", "apps.openshift.io", "deploymentconfigs", "dc", labels_only=True),
)
"""What polymorphichelpers.SelectorsForObject of kubectl (and oc) knows."""


class Named(NamedTuple):
    """One object. ``str()`` of it is what ``parse`` takes."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        if self.kind is POD:
            return self.name
        suffix = f".{self.kind.group}" if self.kind.group else ""
        return f"{self.kind.plural}{suffix}/{self.name}"


def parse(word: str) -> Named:
    """The object of ``NAME``, ``TYPE/NAME``, ``TYPE.GROUP/NAME`` or ``TYPE.VERSION.GROUP/NAME``.

    Raises UsageError, in kubectl's words (cli-runtime, resource.splitResourceTypeName).
    """
    if "/" not in word:
        return Named(POD, _checked(word))
    if word.count("/") > 1:
        raise UsageError("arguments in resource/name form may not have more than one slash")
    kind, _, name = word.partition("/")
    if not kind or not name or "," in kind:
        raise UsageError("arguments in resource/name form must have a single resource and name")
    return Named(kind_of(kind), _checked(name))


def kind_of(word: str) -> Kind:
    """The kind of TYPE, TYPE.GROUP or TYPE.VERSION.GROUP, in singular, plural or short. Raises UsageError."""
    resource, _, group = word.lower().partition(".")
    for kind in KINDS:
        if resource in kind.words and (group or kind.group) in (kind.group, f"{kind.version}.{kind.group}".rstrip(".")):
            return kind
    raise UsageError(f'cannot attach to "{word}": {_leads_to_a_pod()}')


def _leads_to_a_pod() -> str:
    *first, last = (kind.name.lower() for kind in KINDS)
    return f"a pod is named by itself or through a {', '.join(first[1:])} or {last}"


def _checked(name: str) -> str:
    if not name:
        raise UsageError(NOTHING_NAMED)
    if not all(c.isascii() and (c.isalnum() or c in "-.") for c in name):
        raise UsageError(
            f'"{name}" is not the name of a pod or another object (lower-case letters, digits, "-" and ".")'
        )
    return name


def manifest_text(filename: str, stdin_fd: int, *, stdin_taken: bool) -> str:
    """What ``--filename`` names: a file, or stdin (``-``) unless the command takes that. Raises UsageError."""
    if filename == "-" and stdin_taken:
        raise UsageError("--filename=- reads stdin, which --stdin gives to the command: only one of them can have it")
    if "://" in filename:
        raise UsageError(f"--filename: {filename} is an address; fetch it and give the file")
    try:
        with open(stdin_fd if filename == "-" else filename, "rb", closefd=filename != "-") as file:
            return file.read().decode()
    except OSError as error:
        raise UsageError(f'the path "{filename}" cannot be read: {error.strerror}') from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--filename: {filename} is not text") from error


def from_manifest(text: str, source: str) -> tuple[Named, str | None]:
    """``(object, its namespace)`` of a manifest, YAML or JSON, that holds exactly one.

    ``source`` is its name in messages. Raises UsageError.
    """
    import yaml  # noqa: PLC0415 - not for --help

    try:
        documents: list[Any] = [found for found in yaml.safe_load_all(text) if found is not None]
    except yaml.YAMLError as error:
        raise UsageError(f"{source} is neither YAML nor JSON: {' '.join(str(error).split())}") from error
    objects = [item for document in documents for item in _flat(document, source)]
    if not objects:
        raise UsageError(f"{source} names no object")
    if len(objects) > 1:
        raise UsageError("cannot exec into multiple objects at a time")
    kind, group = str(objects[0].get("kind") or ""), str(objects[0].get("apiVersion") or "").rpartition("/")[0]
    metadata = objects[0].get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not kind or not name:
        raise UsageError(f"{source}: the object has no {'metadata.name' if kind else 'kind'}")
    found = next((known for known in KINDS if (known.name, known.group) == (kind, group)), None)
    if found is None:
        raise UsageError(f"cannot attach to {kind} {name} of {source}: {_leads_to_a_pod()}")
    return Named(found, _checked(str(name))), str(namespace) if namespace else None


def _flat(document: object, source: str) -> list[Json]:
    if not isinstance(document, dict):
        raise UsageError(f"{source} holds something that is no object")
    if document.get("kind") == "List":
        return [item for part in document.get("items") or [] for item in _flat(part, source)]
    return [document]
