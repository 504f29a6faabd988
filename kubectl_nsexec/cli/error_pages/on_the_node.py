"""What goes wrong on the node, by its helper pod and with the container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.cli.error_pages.page import ErrorPage
from kubectl_nsexec.errors import EXIT_USAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

NODE: Mapping[str, ErrorPage] = {
    "helper-pod": ErrorPage(
        "The helper pod could not be created, started, kept or deleted.",
        (
            "The node is not ready, or its kubelet does not take the pod up in time.",
            "The node cannot use the image that the helper pod names.",
            "A webhook, a ResourceQuota or a LimitRange gives it resources that could harm a workload.",
        ),
        (
            "See the node: `oc describe node NODE`; give it longer: `--timeout 3m`.",
            "Name an image that the node can use: `--image IMAGE`.",
            "Delete what is left: `oc nsexec --cleanup`.",
            "Do without a helper pod: `--via ssh`.",
        ),
    ),
    "gone": ErrorPage(
        "The helper pod that was kept (`--keep`) ended just when the command was to start in it.",
        ("Its time was over, or somebody deleted it.",),
        ("Run the command again: a new helper pod is made.",),
    ),
    "command": ErrorPage(
        "Something changes what an exec into the helper pod runs. Nothing was started.",
        ("An admission webhook puts something else than `env NAME=VALUE` before the command.",),
        (
            "Find it: `oc get mutatingwebhookconfigurations`.",
            "Leave the helpers' namespace out of it (`namespaceSelector`).",
        ),
    ),
    "node-access": ErrorPage(
        "The node cannot be reached by ssh or a shell, or its user does not become root.",
        (
            "ssh does not know the host key, the address is wrong, or the key is not accepted.",
            "sudo on the node asks for a password.",
            "`--via local` runs on another machine than the target's node, or not as root.",
        ),
        (
            "Try the command line of ssh that the message names by hand.",
            "Log in as another user: `--ssh-user NAME`; give ssh what it lacks: `--ssh-option NAME=VALUE`.",
        ),
    ),
    "node": ErrorPage(
        "Something that every node should have is missing there, or cannot be read. Nothing was started.",
        ("The node has no `nsenter` (util-linux), as Talos and Bottlerocket.", "A file of its kernel cannot be read."),
        ("Name an image that has util-linux: `--image IMAGE`; its own tools are used then.",),
    ),
    "shim": ErrorPage(
        "The program that enters the container could not do its work on the node. Nothing was started.",
        (
            "The node forbids it to run programs from memory, or a security module refuses it something.",
            "The program arrived damaged, or the helper pod ended meanwhile.",
        ),
        (
            "Look for refusals on the node: `journalctl -k`, `ausearch -m avc`.",
            "Reach the node by another way: `--via ssh`.",
        ),
    ),
    "agent": ErrorPage(
        "The agent on the node ended or answered something that it should not. Nothing was started.",
        (
            "The container runtime or the helper pod ended meanwhile.",
            "The login on the node prints too much, or ends the session.",
        ),
        ("Read the node's own words in the message, and try again.", "See each request: `oc nsexec -v 6`."),
    ),
}
CONTAINER: Mapping[str, ErrorPage] = {
    "no-target": ErrorPage(
        "The container, or its first process, is not on the node any more. Nothing was started.",
        ("It has just ended or been restarted.",),
        ("See its state, then try again: `oc get pod POD`.",),
        EXIT_USAGE,
    ),
    "process": ErrorPage(
        "`--process` means no process of the container, or several. Nothing was started.",
        ("Several processes have that name; the message lists them.", "The number is the node's, not the container's."),
        ("Name one by its number inside the container: `--process PID`.",),
    ),
    "host-namespace": ErrorPage(
        "The container sees the node's own file systems, so the command would run on the node itself. Nothing was "
        "started.",
        ("The process that was to be entered is in the node's mount namespace.",),
        ("For a shell on the node there is `oc debug node/NODE`.",),
        EXIT_USAGE,
    ),
    "user-namespace": ErrorPage(
        "The user namespace of the process is not the container's, so ids and rights would differ. Nothing was "
        "started.",
        ("`--process` names a process with a user namespace of its own.", "The runtime's spec of the container lies."),
        ("Enter the container's first process: leave out `--process`.", "Use `oc exec`."),
        EXIT_USAGE,
    ),
    "identity": ErrorPage(
        "The command cannot have the identity of the container's processes: user, rights, limits, seccomp filter, "
        "devices or label. Nothing was started.",
        ("The runtime's spec of the container has something that is not understood, or the node refuses to give it.",),
        ("Use `oc exec`.", "Report it with the message and `oc nsexec --version`."),
    ),
}
