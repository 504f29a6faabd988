"""Every code that an error can have is explained, and nothing is explained that no error has."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from kubectl_nsexec import errors, node
from kubectl_nsexec.cli.error_pages import GROUPS, PAGES
from kubectl_nsexec.protocol import commands
from kubectl_nsexec.transport import common_end

_PACKAGE = Path(errors.__file__).parent
_SHIM = "".join(
    path.read_text(encoding="utf-8") for path in sorted((Path(node.__file__).parent / "shim").glob("*.[ch]"))
)


def family(kind: type[errors.NsexecError] = errors.NsexecError) -> list[type[errors.NsexecError]]:
    """KIND and all that is derived from it."""
    return [kind, *(each for derived in kind.__subclasses__() for each in family(derived))]


@cache
def calls() -> tuple[ast.Call, ...]:
    """Every call in the client's source."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in _PACKAGE.rglob("*.py"))
    return tuple(each for tree in trees for each in ast.walk(tree) if isinstance(each, ast.Call))


def made(name: str) -> bool:
    """Whether the class NAME is called anywhere."""
    return any(isinstance(call.func, ast.Name) and call.func.id == name for call in calls())


def by_class() -> set[str]:
    """The codes of the classes of which errors are made; those of the API server's answers by their status."""
    return {kind.code for kind in family() if made(kind.__name__)} | {*errors.API_CODES.values()}


def by_argument() -> set[str]:
    """The codes that stand where an error is made."""
    given = (word.value for call in calls() for word in call.keywords if word.arg == "code")
    return {str(value.value) for value in given if isinstance(value, ast.Constant)}


def by_node() -> set[str]:
    """The codes that the agent and the shim send."""
    names = {str(name) for name in re.findall(r"\bfail\((\w+),", _SHIM)}
    defined = dict(
        re.findall(r'#define (\w+) "([a-z-]+)"\n', (Path(node.__file__).parent / "shim/report.h").read_text())
    )
    said = re.findall(r"(?m)^[^#\n]*\bfail ([a-z-]+) [\"']", node.agent_script()) + re.findall(
        r'fail\("([a-z-]+)"', _SHIM
    )
    return {*said, *(defined[name] for name in names)}


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    """Of the client's errors, of those that it makes of a node's, and of the API server's answers."""
    assert by_class() | by_argument() | by_node() == {*PAGES}
    assert {"usage", "websocket", "output-file"} <= by_class()
    assert by_argument() == {"identity"}
    assert {"gone", "process", "user-namespace"} <= by_node()


def test_the_head_of_the_family_is_never_raised() -> None:
    """It has no page: who raises says what is the matter."""
    assert not made("NsexecError")
    assert errors.NsexecError.code not in PAGES
    assert common_end.EndedError in family()


def test_a_code_has_one_page() -> None:
    """No two groups explain the same."""
    assert sum(map(len, GROUPS.values())) == len(PAGES)


@pytest.mark.parametrize("code", PAGES)
def test_the_page_says_the_status_that_the_process_ends_with(code: str) -> None:
    """Whatever makes the error: a class of its own, a status of the API server's, or the node."""
    kinds = {kind for kind in family() if kind.code == code and made(kind.__name__)}
    kinds |= {errors.ApiError} if code in errors.API_CODES.values() else set()
    kinds |= {commands._KINDS.get(code, errors.AgentError)} if code in by_node() else set()
    assert {kind.exit_status for kind in kinds} == {PAGES[code].exit_status}


@pytest.mark.parametrize("code", PAGES)
def test_a_page_is_sentences(code: str) -> None:
    """What it means, at least one cause and one step; each begins with a capital or what is typed, and ends."""
    page = PAGES[code]
    assert page.causes
    assert page.steps
    for sentence in (page.meaning, *page.causes, *page.steps):
        assert re.match(r"[A-Z`]|sudo|ssh", sentence), sentence
        assert sentence.endswith("."), sentence
        assert sentence.count("`") % 2 == 0, sentence


@pytest.mark.parametrize("code", PAGES)
def test_a_page_names_only_flags_that_there_are(code: str) -> None:
    """Those of nsexec; other programs' stand behind their names."""
    from kubectl_nsexec.cli.options import WORDS  # noqa: PLC0415 - of this test alone

    typed = re.findall(r"`([^`]+)`", " ".join((PAGES[code].meaning, *PAGES[code].causes, *PAGES[code].steps)))
    ours = [each for each in typed if each.startswith(("-", "oc nsexec"))]
    flags = {word for each in ours for word in each.split() if word.startswith("-") and word != "--"}
    assert flags <= {*WORDS, "--help"}


@pytest.mark.parametrize(
    ("status", "code"), [(0, "no-answer"), (401, "unauthorized"), (403, "forbidden"), (404, "not-found"), (500, "api")]
)
def test_an_answer_of_the_api_server_has_the_code_of_its_status(status: int, code: str) -> None:
    """A proxy that lets no WebSocket through has one of its own."""
    assert errors.ApiError("x", status=status).code == code
    assert errors.WebSocketRefusedError("x", http_status=status).code == "websocket"
