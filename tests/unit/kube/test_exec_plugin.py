"""Exec credential plugins: shell scripts that print what client-go would take."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.kube import exec_plugin

if TYPE_CHECKING:
    from pathlib import Path

_V1 = "client.authentication.k8s.io/v1"


def answer(**status: str) -> bytes:
    """An ExecCredential with this status."""
    return json.dumps({"apiVersion": _V1, "kind": "ExecCredential", "status": status}).encode()


def script(path: Path, text: str) -> dict[str, Any]:
    """An exec stanza that runs a shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return {"apiVersion": _V1, "command": str(path), "args": ["a b"], "env": [{"name": "MINE", "value": "x"}]}


def test_a_token_and_its_end() -> None:
    """It is asked for again a while before it expires."""
    lasting = exec_plugin.answered(answer(token="t", expirationTimestamp="2999-01-01T00:00:00Z"), _V1)
    ended = exec_plugin.answered(answer(token="t", expirationTimestamp="2020-01-01T00:00:00.5Z"), _V1)
    assert (lasting.token, lasting.stale(), ended.stale()) == ("t", False, True)
    assert not exec_plugin.answered(answer(token="t"), _V1).stale()
    assert exec_plugin.Credentials("t", "", "", time.time() + 5).stale()


@pytest.mark.parametrize(
    ("stdout", "words"),
    [
        (b"s3cret", "printed no JSON"),
        (b"[]", "printed no ExecCredential"),
        (b'{"kind": "ExecCredential", "apiVersion": "v0"}', "plugin returned version v0"),
        (json.dumps({"kind": "ExecCredential", "apiVersion": _V1}).encode(), "didn't return a status field"),
        (answer(), "didn't return a token or cert/key pair"),
        (answer(clientCertificateData="c"), "returned only certificate or key, not both"),
        (answer(token="s3cret", expirationTimestamp="soon"), '"soon" of the exec plugin is not a time'),
    ],
)
def test_other_answers_are_refused_without_being_quoted(stdout: bytes, words: str) -> None:
    """In client-go's words; what a plugin prints may be a secret."""
    with pytest.raises(UsageError) as refused:
        exec_plugin.answered(stdout, _V1)
    assert words in refused.value.message
    assert "s3cret" not in refused.value.message


def test_what_a_plugin_is_given(tmp_path: Path) -> None:
    """Its arguments, its environment, what it is asked for, and never the stdin that belongs to the command."""
    text = (
        f'[ "$1" = "a b" ] && [ "$MINE" = x ] && [ -z "$(cat)" ] && echo "$KUBERNETES_EXEC_INFO" >{tmp_path}/info\n'
        f"echo '{answer(token='t').decode()}'"
    )
    stanza = {**script(tmp_path / "plugin", text), "provideClusterInfo": True, "interactiveMode": "Never"}
    (tmp_path / "ca").write_text("CA")
    cluster = {
        "server": "https://s",
        "certificate-authority": str(tmp_path / "ca"),
        "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"realm": 1}}],
    }
    assert exec_plugin.run(stanza, cluster).token == "t"
    assert json.loads((tmp_path / "info").read_text()) == {
        "apiVersion": _V1,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {"server": "https://s", "certificate-authority-data": "Q0E=", "config": {"realm": 1}},
        },
    }


@pytest.mark.parametrize(
    ("stanza", "words"),
    [
        ({"apiVersion": _V1}, "has no command"),
        ({"apiVersion": "v0", "command": "true"}, 'unknown apiVersion "v0"'),
        ({"apiVersion": _V1, "command": "false"}, "exec: executable false failed with exit code 1"),
        (
            {"apiVersion": _V1, "command": "no-such-plugin", "installHint": "get it"},
            "exec: executable no-such-plugin not found\n\nget it",
        ),
        ({"apiVersion": _V1, "command": "/"}, "exec: /: Permission denied"),
    ],
)
def test_a_plugin_that_cannot_be_asked(stanza: dict[str, Any], words: str) -> None:
    """It ends the run, instead of a request without credentials."""
    with pytest.raises(UsageError) as refused:
        exec_plugin.run({"interactiveMode": "Never", **stanza}, {})
    assert words in refused.value.message
