"""The identity's format: what is bad is refused by name, and no input does harm."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.node.shim_lab import CPUS, NONCE, PLAIN, QUIET_SANITIZERS, error_event, identity

if TYPE_CHECKING:
    from pathlib import Path

BAD = [
    *({key: None} for key in PLAIN if key != "env"),
    *({key: [str(value), str(value)]} for key, value in PLAIN.items() if key not in ("env", "arg")),
    *(
        {key: bad}
        for key in ("uid", "gid")
        for bad in ("", "-1", "x", "4294967295", "99999999999999999999", "1 ", "0x1")
    ),
    *({"groups": bad} for bad in (",", "1,", ",1", "1,,2", "a", "4294967295", ",".join(["1"] * 65537))),
    *({key: bad} for key in ("bounding", "ambient") for bad in ("", "g", "10000000000000000", "FF", "0x1")),
    *({"umask": bad} for bad in ("", "8", "1777", "-1")),
    *({key: bad} for key in ("no_new_privs", "stdin", "verify", "tty") for bad in ("", "2", "true")),
    *(
        {"rlimit": bad}
        for bad in ("", "7", "7:1", "7::", ":1:1", "16:1:1", "7:1:1:1", "7:-1:1", "x:1:1", "7:1:18446744073709551616")
    ),
    *({key: bad} for key in ("rows", "columns") for bad in ("", "-1", "65536", "x")),
    *({"limit_ms": bad} for bad in ("", "-1", "1s", "18446744073709551616", "9223372036854775807")),
    {"rlimit": ["7:1:1", "7:1:1"]},
    *({"seccomp": bad} for bad in ("0", "0" * 15, "g" * 16, "0" * 32 + "-", "0" * 16 * 4097)),
    *({"seccomp_flags": bad} for bad in ("", "-1", "4294967296")),
    *({"cwd": bad} for bad in ("", "srv", "./")),
    {"colour": "red"},
    {"": "x"},
    {"uid ": "0"},
]


@pytest.fixture
def parse(shim: Path, tmp_path: Path) -> Parse:
    """A shim that gets no further than the identity: there is no target where it runs."""
    return Parse(shim, tmp_path)


class Parse:
    """Runs ``shim enter`` on an identity outside any target's folder."""

    def __init__(self, shim: Path, folder: Path) -> None:
        self._shim, self._folder, self._fifo = shim, folder, folder / "lease"
        os.mkfifo(self._fifo)

    def __call__(self, blob: bytes, size: str | None = None) -> dict[str, str]:
        """The error event: ``identity`` when it is bad, ``shim`` (there is no target) when it is good."""
        lease = os.open(self._fifo, os.O_RDWR)
        words = [NONCE, CPUS, str(len(blob)) if size is None else size, str(self._fifo), *("-", "0", "-", "-", "-")]
        done = subprocess.run(
            [str(self._shim), "enter", *words],
            input=blob,
            capture_output=True,
            cwd=self._folder,
            env=QUIET_SANITIZERS,
            timeout=20,
            check=False,
        )
        os.close(lease)
        assert (done.returncode, done.stderr) == (125, b""), done
        return error_event(done.stdout)


@pytest.mark.parametrize("changes", BAD, ids=lambda changes: str(changes)[:40])
def test_bad_record_is_refused(parse: Parse, changes: dict[str, str | list[str] | None]) -> None:
    """Missing, repeated or unknown keys and bad values: one line of JSON that names the record."""
    assert parse(identity(**changes))["code"] == "identity"


@pytest.mark.parametrize(
    "changes",
    [
        {"groups": ",".join(["1"] * 65536)},
        {"gid": "passwd"},
        {"arg": None, "verify": "1"},
        {"env": None},
        {"arg": ["", "="]},
        {"env": ["", "="]},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_good_record_is_taken(parse: Parse, changes: dict[str, str | list[str] | None]) -> None:
    """What may be empty, many or absent."""
    assert parse(identity(**changes))["code"] == "shim"


@pytest.mark.parametrize("size", ["", "0", "-1", "x", "8388609", "99999999999999999999", "5 "])
def test_bad_size_is_refused(parse: Parse, size: str) -> None:
    """An identity has 1 byte to 8 MiB."""
    assert parse(identity(), size)["code"] == "identity"


@pytest.mark.parametrize("left_out", [1, 2, 100])
def test_identity_cut_short_is_refused(parse: Parse, left_out: int) -> None:
    """Whether the announced bytes do not come, or the last record has no NUL."""
    blob = identity()
    assert parse(blob[:-left_out])["code"] == "identity"
    assert parse(blob[:-left_out], str(len(blob)))["code"] == "identity"


RECORDS = st.one_of(
    st.binary(max_size=40),
    st.tuples(st.sampled_from([*PLAIN, "rlimit"]), st.text("0123456789abcdef:,=/-", max_size=24)).map(
        lambda pair: os.fsencode("=".join(pair))
    ),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORDS, min_size=1, max_size=12), st.booleans(), st.booleans())
def test_any_bytes_end_in_one_error(parse: Parse, records: list[bytes], whole: bool, terminated: bool) -> None:  # noqa: FBT001
    """No input crashes it, hangs it or starts anything, alone or behind a good identity; sanitizers watch."""
    blob = (identity() if whole else b"") + b"\0".join(records) + (b"\0" if terminated else b"")
    if blob:
        assert parse(blob)["code"] in ("identity", "shim")
