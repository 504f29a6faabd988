"""``--env NAME=VALUE``: what is taken, and what KEP-6035 has the API server refuse."""

from __future__ import annotations

import pytest

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.model.environment import variables


@pytest.mark.parametrize("word", ["A=b", "A=", "A=b=c", "a-b.C_9=x", "_=$HOME", ".=\n", "-=x", "A=\udcff"])
def test_what_a_container_may_have_a_command_may_have(word: str) -> None:
    """The first ``=`` ends the name; a value may be empty or anything, and nothing in it is expanded."""
    assert variables([word]) == (word.encode(errors="surrogateescape"),)


def test_each_is_taken_in_its_order() -> None:
    """However many there are: the limits of the KEP are those of URLs."""
    words = [f"V{number}={'x' * 200}" for number in range(300)]
    assert variables(words) == tuple(word.encode() for word in words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["A"], '--env: "A" is not NAME=VALUE'),
        ([""], '--env: "" is not NAME=VALUE'),
        (["=x"], '--env: "" cannot be the name of a variable'),
        (["1A=x"], '--env: "1A" cannot be the name of a variable'),
        (["A B=x"], '--env: "A B" cannot be the name of a variable'),
        (["A\n=x"], "cannot be the name of a variable"),
        (["Ä=x"], "cannot be the name of a variable"),
        (["A=1", "B=2", "A=1"], "--env: A is given twice"),
        (["KUBERNETES_EXEC_AUDIT_ID=fake"], "--env: KUBERNETES_EXEC_AUDIT_ID is reserved by the API server"),
    ],
)
def test_what_the_api_server_would_refuse_is_refused(words: list[str], message: str) -> None:
    """Before anything is asked of it."""
    with pytest.raises(UsageError) as caught:
        variables(words)
    assert message in str(caught.value)
