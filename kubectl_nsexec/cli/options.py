"""What stands on the command line before ``--``, as one value with a field for each flag.

The names of the fields are those of the flags: this table and ``flags`` are what the option parser, the help, the man
page and the completion are made from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubectl_nsexec.model.fleet import DEFAULT_FANOUT, DEFAULT_PER_NODE
from kubectl_nsexec.model.severity import DEFAULT_FAIL_ON
from kubectl_nsexec.model.via import DEFAULT_SSH_USER, POD

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_TIMEOUT = "60s"
DEFAULT_POD_RUNNING_TIMEOUT = "1m0s"
DEFAULT_SHELL = "/bin/sh"


class Options:
    """Texts as they were typed, None or a default where nothing was.

    The default says what a flag is: False a switch, () what may be given several times, all else takes a value.
    """

    pod: tuple[str, ...] = ()
    """The words that are no flag."""
    namespace: str | None = None
    container: tuple[str, ...] = ()
    stdin: bool = False
    tty: bool = False
    no_tty: bool = False
    env: tuple[str, ...] = ()
    shell: str = DEFAULT_SHELL
    filename: str | None = None
    pod_running_timeout: str = DEFAULT_POD_RUNNING_TIMEOUT
    quiet: bool = False
    selector: str | None = None
    field_selector: str | None = None
    all_namespaces: bool = False
    node: tuple[str, ...] = ()
    all_pods: bool = False
    exclude: tuple[str, ...] = ()
    pick: str | None = None
    skip_unsafe: bool = False
    yes: bool = False
    fanout: str = str(DEFAULT_FANOUT)
    per_node: str = str(DEFAULT_PER_NODE)
    deadline: str | None = None
    max_fail: str | None = None
    fail_fast: bool = False
    gather: bool = False
    diff: bool = False
    group: bool = False
    keep_order: bool = False
    output_dir: str | None = None
    color: str | None = None
    base64: bool = False
    verify: bool = False
    cpus: str | None = None
    profile: str | None = None
    cpu_source: str | None = None
    via: str = POD
    ssh_user: str = DEFAULT_SSH_USER
    ssh_option: tuple[str, ...] = ()
    timeout: str = DEFAULT_TIMEOUT
    max_duration: str | None = None
    keep: str | None = None
    image: str | None = None
    helper_namespace: str | None = None
    dry_run: str = "none"
    output: str | None = None
    record_args: bool = False
    cleanup: bool = False
    force: bool = False
    check: bool = False
    on_node: bool = False
    fail_on: str = DEFAULT_FAIL_ON
    privileged: bool = False
    host_tools: bool = False
    process: str | None = None
    kubeconfig: str | None = None
    context: str | None = None
    cluster: str | None = None
    user: tuple[str, ...] = ()
    server: str | None = None
    token: str | None = None
    as_: str | None = None
    as_group: tuple[str, ...] = ()
    as_uid: str | None = None
    certificate_authority: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    insecure_skip_tls_verify: bool = False
    tls_server_name: str | None = None
    request_timeout: str | None = None
    v: str | None = None
    explain: str | None = None
    options: bool = False
    version: bool = False

    def __init__(self, values: Mapping[str, Any]) -> None:
        """``values`` by the names of the fields; None and what is missing: not given."""
        known = {field: value for field, value in values.items() if value is not None and field in FIELDS}
        vars(self).update(known | {field: tuple(value) for field, value in known.items() if isinstance(value, list)})


FIELDS = tuple(Options.__annotations__)
SHORT = {
    "-n": "namespace",
    "-c": "container",
    "-i": "stdin",
    "-t": "tty",
    "-T": "no_tty",
    "-f": "filename",
    "-l": "selector",
    "-A": "all_namespaces",
    "-y": "yes",
    "-q": "quiet",
    "-o": "output",
    "-s": "server",
    "-v": "v",
}
"""Flags of one letter, and their fields."""
VARIABLES = {
    "via": "NSEXEC_VIA",
    "ssh_user": "NSEXEC_SSH_USER",
    "keep": "NSEXEC_KEEP",
    "image": "NSEXEC_IMAGE",
    "helper_namespace": "NSEXEC_NAMESPACE",
}
"""What stands in for a flag that is not given, where it is not empty."""
WITHOUT_VALUE = {"--explain": "list"}
"""Flags whose value may be missing, and what that means."""


def long_flag(field: str) -> str:
    """``--as-group`` for ``as_group``."""
    return "--" + field.rstrip("_").replace("_", "-")


WORDS = SHORT | {long_flag(field): field for field in FIELDS if field != "pod"}
"""Every flag, as it is typed, and its field."""
SWITCHES = {word: field for word, field in WORDS.items() if getattr(Options, field) is False}
"""Those of them that take no value."""
