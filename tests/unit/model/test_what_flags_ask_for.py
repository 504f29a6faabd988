"""What the flags beyond ``oc exec`` ask for, and what is refused before anything is asked of a cluster."""

from __future__ import annotations

import pytest

from kubectl_nsexec.errors import UsageError
from kubectl_nsexec.model import cpu_choice
from kubectl_nsexec.model.cpu_choice import CpuChoice
from kubectl_nsexec.model.privileges import Privileges, User, check, process, user, users


@pytest.mark.parametrize(
    ("given", "kubeconfig", "command"),
    [
        ([], None, None),
        (["admin"], "admin", None),
        (["1000"], None, "1000"),
        (["1000:0"], None, "1000:0"),
        (["admin", "1000"], "admin", "1000"),
        (["1000", "admin"], "admin", "1000"),
        (["a", "b", "1", "2"], "b", "2"),
        ([""], "", None),
        *(
            ([name], name, None)
            for name in ("1000:", ":0", "1000:0:0", "-1", "1000x", "1 0", "\u0661\u0660", "1000/c", "1000\n")
        ),
    ],
)
def test_digits_are_the_commands_user_and_all_else_the_kubeconfigs(
    given: list[str], kubeconfig: str | None, command: str | None
) -> None:
    """kubectl's flag and ours are told apart by form alone; of several of a kind the last one wins."""
    assert users(given) == (kubeconfig, command)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("0", User(0)),
        ("1000", User(1000)),
        ("01000", User(1000)),
        ("1000:0", User(1000, 0)),
        ("4294967294:4294967294", User(4294967294, 4294967294)),
    ],
)
def test_a_user_is_a_number_and_perhaps_a_group(word: str, expected: User) -> None:
    """Without a group it is not decided yet."""
    assert user(word) == expected


@pytest.mark.parametrize("word", ["4294967295", "1:4294967295", "99999999999999999999", "root", ""])
def test_what_cannot_be_an_id_is_refused(word: str) -> None:
    """-1 in 32 bits would mean "leave it as it is" to the kernel, which is root."""
    with pytest.raises(UsageError, match="--user"):
        user(word)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("1", 1), ("0007", 7), ("4194304", 4194304), ("du", "du"), ("a b", "a b"), ("7z", "7z"), ("é", "é")],
)
def test_a_process_is_a_number_or_a_name(word: str, expected: int | str) -> None:
    """All digits are a number."""
    assert process(word) == expected


@pytest.mark.parametrize("word", ["", "0", "4194305", "a\0b", "\udcff"])
def test_what_cannot_be_a_process_is_refused(word: str) -> None:
    """Empty, out of range, or not to be sent."""
    with pytest.raises(UsageError, match="--process"):
        process(word)


@pytest.mark.parametrize(
    ("privileges", "words"),
    [
        (Privileges(privileged=True, user=User(0)), "--privileged and --user UID"),
        (Privileges(privileged=True, host_tools=True), "--privileged and --host-tools"),
        (Privileges(host_tools=True, user=User(1, 1)), "--host-tools and --user UID"),
    ],
)
def test_contradictions_are_refused(privileges: Privileges, words: str) -> None:
    """Each in a sentence that names both flags."""
    with pytest.raises(UsageError, match=words):
        check(privileges)


@pytest.mark.parametrize(
    "privileges", [Privileges(privileged=True), Privileges(user=User(1)), Privileges(host_tools=True), Privileges()]
)
def test_a_process_goes_with_all_of_them(privileges: Privileges) -> None:
    """It says where, the others say who."""
    check(privileges)
    check(Privileges(privileges.privileged, privileges.host_tools, privileges.user, process="x"))


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (CpuChoice("0", "perf"), "--cpus and --profile together"),
        (CpuChoice("0", source="node"), "--cpus and --cpu-source together"),
        (CpuChoice(profile="perf", source="node"), "--profile and --cpu-source node together"),
        (CpuChoice(profile="perf", source="kubelet"), "--profile and --cpu-source kubelet together"),
        (CpuChoice(source="crio"), '"crio" is neither profile, node nor kubelet'),
        (CpuChoice(source=""), '"" is neither profile, node nor kubelet'),
        (CpuChoice(profile=""), "--profile: the name is empty"),
    ],
)
def test_cpus_by_two_words_at_once_are_refused(choice: CpuChoice, words: str) -> None:
    """Whose word counts must be clear."""
    with pytest.raises(UsageError) as caught:
        cpu_choice.check(choice)
    assert words in caught.value.message


@pytest.mark.parametrize(
    "choice",
    [
        CpuChoice(),
        CpuChoice("0"),
        CpuChoice(profile="p"),
        CpuChoice(profile="p", source="profile"),
        CpuChoice(None, None, "node"),
    ],
)
def test_cpus_by_one_word_are_fine(choice: CpuChoice) -> None:
    """Also a profile by name, by the profile's word."""
    cpu_choice.check(choice)
