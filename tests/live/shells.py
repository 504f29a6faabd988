"""Interactive shells on a pseudo-terminal with kubectl's own completion script: what a line is after TAB."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pexpect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PATIENCE_SECONDS = 60
_READY = "ready> "
_SHOW = "\x18\x10"
"""Ctrl-X Ctrl-P, which the scripts below bind to printing the line that is being edited."""
_CLEAR = "\x15"
_ROWS, _COLUMNS = 50, 400
"""So wide that no line is folded."""

_BASH = """
. /usr/share/bash-completion/bash_completion
. <(kubectl completion bash)
PS1='ready> '
bind 'set bell-style none'
bind -x '"\\C-x\\C-p": printf "\\n<<%s>>\\n" "$READLINE_LINE"'
"""
_ZSH = """
autoload -Uz compinit
compinit -D -u
. <(kubectl completion zsh)
PS1='ready> '
unsetopt beep prompt_sp
bindkey -e
show() { printf '\\n<<%s>>\\n' "$BUFFER" }
zle -N show
bindkey '^X^P' show
"""
_FISH = """
set -g fish_greeting
set -g fish_autosuggestion_enabled 0
kubectl completion fish | source
function fish_prompt; printf 'ready> '; end
bind \\cx\\cp 'printf "\\n<<%s>>\\n" (commandline | string collect)'
"""


@dataclass(frozen=True)
class Shell:
    """One that waits at its prompt, in ``folder``."""

    session: Any  # a pexpect.spawn: pexpect carries no types
    folder: Path

    def completed(self, line: str) -> str:
        """LINE as it stands after TAB at its end, without the white space after it; the line is thrown away then."""
        return self.with_space(line).rstrip()

    def with_space(self, line: str) -> str:
        """The same with the space that the shell has put after the word, or not."""
        self.session.send(f"{line}\t{_SHOW}")
        self.session.expect(r"<<([^>]*)>>")
        shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.session.match.group(1).decode())
        self.session.send(_CLEAR)
        return shown


@contextmanager
def shell(name: str, folder: Path, environment: Mapping[str, str]) -> Iterator[Shell]:
    """bash, zsh or fish with an empty home FOLDER, in which it runs as well."""
    argv = _argv(name, folder)
    session = pexpect.spawn(
        argv[0],
        argv[1:],
        cwd=str(folder),
        env={"TERM": "xterm", "LANG": "C.UTF-8", "HOME": str(folder), **environment},
        dimensions=(_ROWS, _COLUMNS),
        timeout=_PATIENCE_SECONDS,
    )
    session.delaybeforesend = None
    try:
        session.expect_exact(_READY)
        yield Shell(session, folder)
    finally:
        session.close(force=True)


def _argv(name: str, folder: Path) -> list[str]:
    if name == "bash":
        (folder / ".rc").write_text(_BASH)
        return ["bash", "--noprofile", "--rcfile", str(folder / ".rc"), "-i"]
    if name == "zsh":
        (folder / ".zshrc").write_text(_ZSH)
        return ["zsh", "--no-globalrcs", "-i"]
    (folder / ".rc").write_text(_FISH)
    return ["fish", "--no-config", "--interactive", "--init-command", f"source {folder}/.rc"]
