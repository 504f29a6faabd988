"""What is claimed, and which tests show it: a row of docs/reference/tried.md each.

A test is named as ``FOLDER/FILE.py`` of tests/, or ``FOLDER/FILE.py::NAME`` for one function or class of it. Where it
runs is not said here: tools/tried.py reads that from the file's marks.
"""

from __future__ import annotations

from typing import NamedTuple


class Claim(NamedTuple):
    """A sentence, and the tests that would fail if it were not so."""

    words: str
    tests: tuple[str, ...]


CPUS = (
    Claim(
        "The command answers beside a SCHED_FIFO loop where `kubectl exec` starves, and the loop goes on",
        ("live/test_rt_node.py::test_it_answers_where_kubectl_exec_starves_or_steals",),
    ),
    Claim(
        "The command cannot leave the reserved CPUs",
        (
            "live/test_rt_node.py::test_the_command_cannot_leave",
            "live/test_host_hostile.py::test_the_command_and_its_children_stay_on_their_cpus",
            "live/test_host_powers.py::test_the_pin_holds",
        ),
    ),
    Claim(
        "Neither the kubelet nor systemd moves it to other CPUs",
        (
            "live/test_rt_node.py::test_it_stays_reserved_while_cpus_are_given_away_and_the_kubelet_restarts",
            "live/test_rt_node.py::test_the_kubelet_cannot_widen_the_helper",
            "live/test_rt_node.py::test_it_stays_reserved_under_strict_reservation",
            "live/test_rt_via.py::test_nothing_widens_its_mask",
            "live/test_host_lifecycle.py::test_kubelet_restart_ends_the_command_in_its_place",
        ),
    ),
    Claim(
        "Where it cannot be pinned nothing starts",
        ("live/test_rt_node.py::test_where_its_folder_is_refused_nothing_starts",),
    ),
    Claim(
        "Which CPUs are reserved: PerformanceProfile, files of CRI-O and of workload pinning, kubelet",
        (
            "live/test_host_sources.py",
            "live/test_host_profiles.py",
            "live/test_host_configz.py",
            "node/test_agent_sources.py",
        ),
    ),
    Claim("CPUs that the kernel, a driver or docker gave away are nobody else's", ("live/test_rt_owners.py",)),
    Claim("CPUs that share a core with somebody's own are named", ("live/test_host_siblings.py",)),
    Claim("A LimitRange or quota that makes the helper pod a danger is refused", ("live/test_host_placement.py",)),
)
IDENTITY = (
    Claim("The command is who `kubectl exec` makes it", ("live/test_host_identity.py", "live/test_rt_identity.py")),
    Claim("Pods with a user namespace of their own", ("live/test_users.py",)),
    Claim("The container's devices, and no other", ("live/test_devices.py", "node/test_shim_devices.py")),
    Claim(
        "Entering, identity and seccomp filter on other architectures' kernels",
        ("machines/test_other_architectures.py",),
    ),
    Claim(
        "SELinux's label, on a node that enforces, and no denial; a container with other categories is not reached",
        ("live/test_rt_selinux.py", "machines/test_selinux.py"),
    ),
    Claim(
        "AppArmor: signals between the command and its supervisor",
        (
            "machines/test_apparmor.py",
            "live/test_rt_identity.py::test_signals_go_both_ways_as_with_kubectl_exec",
        ),
    ),
    Claim("`--privileged`, `--host-tools`, `--user`, `--process`", ("live/test_host_powers.py",)),
    Claim("Variables that a webhook puts before an exec", ("live/test_host_webhook.py",)),
)
STREAMS = (
    Claim("Every byte arrives, arguments as they are", ("live/test_host_streams.py",)),
    Claim("Files by tar and rsync through a pipe", ("live/test_host_copying.py", "node/test_copying.py")),
    Claim(
        "The terminal is the container's own",
        ("live/test_host_terminal.py", "live/test_rt_terminal.py"),
    ),
    Claim("tmux, screen and sudo on that terminal", ("live/test_host_multiplexers.py",)),
    Claim(
        "Exit statuses, time limits, lost connections: the same by every transport",
        ("live/test_host_transports.py", "live/test_host_transports_direct.py", "node/test_transports.py"),
    ),
)
WAYS = (
    Claim("`--via ssh` and `--via local`", ("live/test_host_via.py", "live/test_rt_via.py")),
    Claim("A kept helper pod (`--keep`)", ("live/test_host_keep.py",)),
    Claim("The helper pod's program comes from the API server", ("live/test_host_program.py",)),
    Claim("Images that take a pull secret", ("live/test_host_private_images.py",)),
    Claim(
        "Many pods of one node",
        ("live/test_host_fleet.py", "live/test_host_fleet_ssh.py", "live/test_host_fleet_output.py"),
    ),
    Claim("Many pods of two nodes", ("live/test_both_nodes_fleet.py",)),
    Claim(
        "Targets: TYPE/NAME, manifests, and what is refused",
        ("live/test_host_targets.py", "live/test_host_refusals.py"),
    ),
)
END = (
    Claim(
        "A client that is killed leaves nothing",
        (
            "live/test_host_kills.py",
            "live/test_host_lifecycle.py",
            "live/test_rt_node.py::test_a_killed_client_leaves_nothing",
            "live/test_rt_via.py::test_a_killed_client_leaves_nothing",
        ),
    ),
    Claim("`--max-duration` and `--cleanup`", ("live/test_host_limits.py",)),
    Claim(
        "Runtime, kubelet, node or proxy that fails meanwhile", ("live/test_host_faults.py", "live/test_host_front.py")
    ),
)
SERVER = (
    Claim("Rights: what is missing is named, and the commands that grant it do", ("live/test_host_rights.py",)),
    Claim(
        "Kubeconfigs, credentials, proxies as kubectl reads them",
        ("live/test_host_connection.py", "live/test_host_flags.py"),
    ),
    Claim("A container that attacks who enters it", ("live/test_host_hostile.py",)),
    Claim("Nothing of an image that attacks runs", ("live/test_hostile_images.py",)),
)
CHECK = (
    Claim(
        "`--check`, also on the node",
        ("live/test_host_check.py", "live/test_host_check_on_node.py", "live/test_rt_check.py"),
    ),
    Claim(
        "`--check` says where CRI-O keeps execs, and `kubectl exec` is there (by hand, see below)",
        ("live/test_rt_crio.py", "node/test_agent_survey.py"),
    ),
    Claim("`deploy/check`: the image of `make dist` as a Job", ("live/test_host_check_job.py",)),
)
CLIENT = (
    Claim("The archive, started by kubectl and as oc starts plugins", ("live/test_host_packages.py",)),
    Claim("TAB in bash, zsh and fish", ("live/test_host_completion.py",)),
    Claim(
        "Installed by pipx, uv and pip, with every Python and library from the oldest on", ("release/test_install.py",)
    ),
    Claim("By krew", ("release/test_krew.py",)),
    Claim("With no algorithms but those of a FIPS provider", ("release/test_fips.py",)),
    Claim("On a Linux without what macOS and Windows lack", ("program/test_other_clients.py",)),
)
CLAIMS = {
    "The CPUs": CPUS,
    "Who the command is": IDENTITY,
    "Streams and terminals": STREAMS,
    "Transports and targets": WAYS,
    "The end": END,
    "API server and security": SERVER,
    "The check": CHECK,
    "The client": CLIENT,
}
