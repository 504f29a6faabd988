"""kubectl's flags for reaching the API server, as the option parser needs them.

They are hidden from --help and listed by --options, as kubectl has them under ``kubectl options``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

Kubeconfig = Annotated[
    str | None, typer.Option("--kubeconfig", metavar="FILE", help="The kubeconfig to use.", hidden=True)
]
Context = Annotated[
    str | None, typer.Option("--context", metavar="NAME", help="A context of the kubeconfig.", hidden=True)
]
Cluster = Annotated[
    str | None, typer.Option("--cluster", metavar="NAME", help="A cluster of the kubeconfig.", hidden=True)
]
User = Annotated[
    list[str] | None,
    typer.Option(
        "--user",
        metavar="UID[:GID]|NAME",
        help="Digits: run the command as this user (GID: else by the container's /etc/passwd). "
        "A name: a user of the kubeconfig. May be given once for each.",
    ),
]
Server = Annotated[
    str | None, typer.Option("-s", "--server", metavar="URL", help="The address of the API server.", hidden=True)
]
Token = Annotated[
    str | None, typer.Option("--token", metavar="TOKEN", help="Bearer token for the API server.", hidden=True)
]
AsUser = Annotated[
    str | None, typer.Option("--as", metavar="USER", help="Impersonate this user or service account.", hidden=True)
]
AsGroup = Annotated[
    list[str] | None,
    typer.Option("--as-group", metavar="GROUP", help="Impersonate this group; may be repeated.", hidden=True),
]
AsUid = Annotated[str | None, typer.Option("--as-uid", metavar="UID", help="Impersonate this UID.", hidden=True)]
CertificateAuthority = Annotated[
    str | None,
    typer.Option("--certificate-authority", metavar="FILE", help="Certificate of the authority to trust.", hidden=True),
]
ClientCertificate = Annotated[
    str | None, typer.Option("--client-certificate", metavar="FILE", help="Client certificate.", hidden=True)
]
ClientKey = Annotated[
    str | None, typer.Option("--client-key", metavar="FILE", help="Key of the client certificate.", hidden=True)
]
Insecure = Annotated[
    bool,
    typer.Option("--insecure-skip-tls-verify", help="Trust whatever certificate the server shows.", hidden=True),
]
TlsServerName = Annotated[
    str | None,
    typer.Option("--tls-server-name", metavar="NAME", help="The name that the certificate must have.", hidden=True),
]
RequestTimeout = Annotated[
    str | None,
    typer.Option(
        "--request-timeout", metavar="DURATION", help="For one request, e.g. 30 or 1m; 0 for none.", hidden=True
    ),
]
Verbosity = Annotated[
    int,
    typer.Option("-v", "--v", metavar="LEVEL", help="6 shows each request, 8 its size; never secrets.", hidden=True),
]
Options = Annotated[bool, typer.Option("--options", help="Show the flags of the connection and exit.")]


def listed(parameters: Iterable[Any]) -> str:
    """The hidden options among a command's parameters, and --user, which is not only one of these; one a line."""
    hidden = [option for option in parameters if getattr(option, "hidden", False) or "--user" in option.opts]
    named = [(f"{', '.join(o.opts)} {'' if o.is_flag else o.metavar}".rstrip(), o.help) for o in hidden]
    width = max(len(name) for name, _ in named)
    first = "The connection to the API server, as kubectl takes it (else by KUBECONFIG, ~/.kube/config or the pod):"
    return "\n".join([first, *(f"  {name:<{width}}  {text}" for name, text in named)])
