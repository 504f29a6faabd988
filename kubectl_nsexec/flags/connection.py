"""kubectl's flags for reaching the API server, as the option parser needs them."""

from __future__ import annotations

from typing import Annotated

import typer

from kubectl_nsexec.errors import UsageError

Kubeconfig = Annotated[str | None, typer.Option("--kubeconfig", metavar="FILE", help="The kubeconfig to use.")]
Context = Annotated[str | None, typer.Option("--context", metavar="NAME", help="A context of the kubeconfig.")]
Cluster = Annotated[str | None, typer.Option("--cluster", metavar="NAME", help="A cluster of the kubeconfig.")]
User = Annotated[
    list[str] | None,
    typer.Option(
        "--user",
        metavar="UID[:GID]|NAME",
        help="Digits: run the command as this user (GID: else by the container's /etc/passwd). "
        "A name: a user of the kubeconfig. May be given once for each.",
    ),
]
Server = Annotated[str | None, typer.Option("-s", "--server", metavar="URL", help="The address of the API server.")]
Token = Annotated[str | None, typer.Option("--token", metavar="TOKEN", help="Bearer token for the API server.")]
AsUser = Annotated[str | None, typer.Option("--as", metavar="USER", help="Impersonate this user or service account.")]
AsGroup = Annotated[
    list[str] | None,
    typer.Option("--as-group", metavar="GROUP", help="Impersonate this group; may be repeated."),
]
AsUid = Annotated[str | None, typer.Option("--as-uid", metavar="UID", help="Impersonate this UID.")]
CertificateAuthority = Annotated[
    str | None,
    typer.Option("--certificate-authority", metavar="FILE", help="Certificate of the authority to trust."),
]
ClientCertificate = Annotated[
    str | None, typer.Option("--client-certificate", metavar="FILE", help="Client certificate.")
]
ClientKey = Annotated[str | None, typer.Option("--client-key", metavar="FILE", help="Key of the client certificate.")]
Insecure = Annotated[
    bool,
    typer.Option("--insecure-skip-tls-verify", help="Trust whatever certificate the server shows."),
]
TlsServerName = Annotated[
    str | None,
    typer.Option("--tls-server-name", metavar="NAME", help="The name that the certificate must have."),
]
RequestTimeout = Annotated[
    str | None,
    typer.Option("--request-timeout", metavar="DURATION", help="For one request, e.g. 30 or 1m; 0 for none."),
]
Verbosity = Annotated[
    str | None, typer.Option("-v", "--v", metavar="LEVEL", help="6 shows each request, 8 its size; never secrets.")
]


def level(text: str) -> int:
    """The number that --v gives. Raises UsageError in kubectl's words (pflag, strconv.ParseInt)."""
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(
            f'invalid argument "{text}" for "-v, --v" flag: strconv.ParseInt: parsing "{text}": invalid syntax'
        ) from error
