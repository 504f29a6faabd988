"""The kubelet's configuration and the checkpoint of its CPU manager."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_nsexec.cpus.kubelet import CpuManagerState, KubeletCpus, parse_configz, parse_cpu_manager_state
from kubectl_nsexec.errors import CpuPolicyError
from kubectl_nsexec.model.cpuset import CpuSet


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, KubeletCpus("none", None)),
        ({"cpuManagerPolicy": "None"}, KubeletCpus("none", None)),
        ({"cpuManagerPolicy": "static"}, KubeletCpus("static", None)),
        ({"cpuManagerPolicy": "static", "reservedSystemCPUs": "2-3"}, KubeletCpus("static", CpuSet.of(2, 3))),
    ],
)
def test_configz_is_read(config: dict[str, Any], expected: KubeletCpus) -> None:
    """A kubelet that says nothing about CPUs has the policy none."""
    assert parse_configz({"kubeletconfig": config}) == expected


@pytest.mark.parametrize(
    ("configz", "words"),
    [
        ({}, "kubeletconfig"),
        ({"kubeletconfig": {"cpuManagerPolicy": "clever"}}, '"clever"'),
        ({"kubeletconfig": {"cpuManagerPolicy": "static", "reservedSystemCPUs": "2-"}}, '"2-" is not a CPU list'),
    ],
)
def test_a_configz_that_is_not_understood_stops_the_run(configz: dict[str, Any], words: str) -> None:
    """An unknown policy might give CPUs away in an unknown manner."""
    with pytest.raises(CpuPolicyError) as caught:
        parse_configz(configz)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("text", "exclusive"),
    [
        ('{"policyName":"none","defaultCpuSet":"","checksum":1353318690}', ""),
        ('{"policyName":"static","defaultCpuSet":"0-1,3","entries":{"uid":{"a":"2"}},"checksum":7}', "2"),
        ('{"policyName":"static","defaultCpuSet":"0","entries":{"u":{"a":"1","b":"2"},"v":{"c":"5-6"}}}', "1-2,5-6"),
        ('{"policyName":"static","defaultCpuSet":"0-1","entries":{"f00dcafe":"2-3"}}', "2-3"),
        ('{"policyName":"static","defaultCpuSet":"0","podEntries":{"uid":{"cpuSet":"4-5"}}}', "4-5"),
        ('{"policyName":"static","defaultCpuSet":"0-3","entries":null}\n', ""),
    ],
)
def test_every_format_of_the_checkpoint_is_read(text: str, exclusive: str) -> None:
    """V1 is flat by container, v2 nested by pod, v3 adds sets of whole pods."""
    state = parse_cpu_manager_state(text.encode())
    assert state is not None
    assert state.exclusive == CpuSet.parse(exclusive)


def test_policy_and_shared_pool_are_read() -> None:
    """The checkpoint holds the policy and the shared pool beside the owners."""
    assert parse_cpu_manager_state(b'{"policyName":"static","defaultCpuSet":"0-1"}') == CpuManagerState(
        "static", CpuSet.of(0, 1), CpuSet()
    )


def test_no_checkpoint_is_no_knowledge() -> None:
    """A file that is missing says neither that CPUs are owned nor that none is."""
    assert parse_cpu_manager_state(b"") is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        "{}",
        '{"policyName":"static","defaultCpuSet":"0-"}',
        '{"policyName":["static"],"defaultCpuSet":"0"}',
        '{"policyName":"static","defaultCpuSet":0}',
        '{"policyName":"static","defaultCpuSet":"0","entries":{"uid":{"a":["2"]}}}',
    ],
)
def test_a_damaged_checkpoint_stops_the_run(text: str) -> None:
    """An owner that cannot be read might be overlooked."""
    with pytest.raises(CpuPolicyError, match="cpu_manager_state cannot be read"):
        parse_cpu_manager_state(text.encode())
