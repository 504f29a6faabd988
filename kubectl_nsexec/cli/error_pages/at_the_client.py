"""What goes wrong before the node is asked, over which CPUs, and while the command runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubectl_nsexec.cli.error_pages.page import ErrorPage
from kubectl_nsexec.errors import EXIT_TIMED_OUT, EXIT_USAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

LINE_AND_API: Mapping[str, ErrorPage] = {
    "usage": ErrorPage(
        "The command line, or a manifest of `-f`, asks for something that makes no sense. Nothing was started.",
        (
            "A flag is misspelt, has a value that it does not take, or contradicts another flag.",
            "The command does not stand behind `--`.",
        ),
        ("Compare the line with `oc nsexec --help`; `oc nsexec --options` has every flag.",),
        EXIT_USAGE,
    ),
    "kubeconfig": ErrorPage(
        "The kubeconfig, a flag of the connection, or the credentials cannot be used. No server was asked.",
        (
            "KUBECONFIG or `--kubeconfig` names no file, or one that is no kubeconfig.",
            "`--context`, `--cluster` or `--user` names something that is not in it.",
            "An exec plugin of the kubeconfig is not installed, or gave no credentials.",
            "A certificate, a key or the address of the server or its proxy is not what it should be.",
        ),
        (
            "Try `oc get pods` with the same flags: where that fails too, log in again.",
            "See what is chosen: `oc config view --minify`.",
        ),
        EXIT_USAGE,
    ),
    "target": ErrorPage(
        "The pod or container cannot be entered, now or at all. Nothing was started.",
        (
            "The pod has ended or is being deleted, or the container does not run.",
            "The pod has no container of that name; the message lists those that it has.",
            "No pod that runs has these labels (`-l`), or belongs to that TYPE/NAME.",
            "It is a Windows pod, or one with a kernel of its own (Kata, gVisor): nothing on the node can enter it.",
        ),
        ("See its state: `oc describe pod POD`.", "Where it has a kernel of its own, use `oc exec`."),
        EXIT_USAGE,
    ),
    "no-answer": ErrorPage(
        "The API server could not be reached, or what answered is no API server.",
        (
            "The network, a VPN or a firewall is in the way, or a proxy (HTTPS_PROXY, `proxy-url` of the kubeconfig).",
            "The certificate of the server is not one that the kubeconfig trusts.",
            "The node's kubelet hangs, so that a stream to it does not open.",
        ),
        (
            "Try `oc get pods`: where that fails too, it is the connection.",
            "See each request: `oc nsexec -v 6`.",
            "Where only streams fail, reach the node by `--via ssh`.",
        ),
        EXIT_USAGE,
    ),
    "websocket": ErrorPage(
        "A proxy or load balancer before the API server does not let a WebSocket through. Nothing was started.",
        ("It does not pass `Upgrade: websocket` on; `oc exec` falls back to SPDY, which it does let through.",),
        (
            "Let the proxy pass WebSockets, or go round it by `--server` or NO_PROXY.",
            "Reach the node by `--via ssh`, which takes no stream through the API server.",
        ),
        EXIT_USAGE,
    ),
    "unauthorized": ErrorPage(
        "The API server does not know who you are (HTTP 401).",
        ("The token or the certificate has expired, or is another cluster's.",),
        ("Log in again, and see who you are: `oc auth whoami`.",),
        EXIT_USAGE,
    ),
    "forbidden": ErrorPage(
        "The API server knows you, and does not let you do it (HTTP 403). Nothing is left behind.",
        (
            "You lack rights: to exec into the target, or to create helper pods in their namespace.",
            "The namespace of the helper pods lets no privileged pod in (Pod Security, security context constraints).",
            "A ResourceQuota, a LimitRange or a webhook refuses the helper pod, or would change it dangerously.",
        ),
        (
            "Have an administrator run the commands that the message ends with; they grant exactly what is missing.",
            "Name another namespace for the helper pod: `--helper-namespace NAME`.",
            "Where no privileged pod may run, use `--via ssh`.",
        ),
        EXIT_USAGE,
    ),
    "not-found": ErrorPage(
        "The API server has no object of that name (HTTP 404).",
        ("The name is misspelt, the object is in another namespace or cluster, or it has just been deleted.",),
        ("See what there is: `oc get pods -A`; name its namespace by `-n`, its cluster by `--context`.",),
        EXIT_USAGE,
    ),
    "api": ErrorPage(
        "The API server refused a request, or failed at it, for another reason; the message has its own words.",
        (
            "It is busy or being restarted: it was asked again for half a minute.",
            "An admission webhook or a validation refuses the object.",
        ),
        ("Try again later.", "See each request and its answer: `oc nsexec -v 8`."),
        EXIT_USAGE,
    ),
}
CPUS: Mapping[str, ErrorPage] = {
    "cpu-policy": ErrorPage(
        "It is not certain which CPUs the command may use, so nothing was started.",
        (
            "The PerformanceProfile and the node's files disagree: it was not rebooted since, or its pool is paused.",
            "No PerformanceProfile selects the node, and the node does not say which CPUs are reserved.",
            "A container owns some of the CPUs.",
        ),
        (
            "Compare both sides, which the message names: `oc get performanceprofile -o yaml`, `oc get mcp`.",
            "Take one side's word: `--cpu-source profile|node|kubelet`, or `--profile NAME`.",
            "Name CPUs yourself: `--cpus LIST`. They are checked on the node all the same.",
        ),
    ),
    "overlap": ErrorPage(
        "The target runs on some of the CPUs that the command would have. Nothing was started.",
        ("`--cpus` names CPUs of the target, or the profile changed while the target ran.",),
        ("Name CPUs that the target does not use: `--cpus LIST`; the message has the target's.",),
    ),
    "isolated": ErrorPage(
        "The kernel isolates some of the CPUs that the command would have, so they are somebody's own. Nothing was "
        "started.",
        ("`--cpus`, or the source of the reserved CPUs, names CPUs of `isolcpus` or of an isolated cpuset partition.",),
        ("Name CPUs that the kernel does not isolate: `--cpus LIST`.", "Correct the source that the message names."),
    ),
    "placement": ErrorPage(
        "The node did not put the process on the CPUs that were asked for. Nothing was started.",
        (
            "The CPUs are offline, or the kernel refuses them in the cpuset folder of the helper pod.",
            "Something on the node changed its cpuset meanwhile.",
        ),
        ("Compare them with the node's online CPUs, which the message names.", "Name others: `--cpus LIST`."),
    ),
}
END: Mapping[str, ErrorPage] = {
    "connection-lost": ErrorPage(
        "The connection to the command broke. Whether the command ended, and how, is not known, unless the message "
        "says it.",
        (
            "The API server, a proxy or the node went away or was silent for a minute.",
            "The container runtime or the kubelet was restarted; the helper pod was evicted or deleted.",
        ),
        ("Nothing is left behind: the node ends the command. Run it again if it may run twice.",),
    ),
    "timed-out": ErrorPage(
        "The command was ended because its time was over.",
        ("It ran for longer than `--max-duration`.",),
        ("Give it longer: `--max-duration DURATION`.",),
        EXIT_TIMED_OUT,
    ),
    "ended": ErrorPage(
        "The command in one of many pods was ended by this client, or not started.",
        ("More had failed than `--max-fail` allows, `--deadline` was over, or Ctrl-C came a second time.",),
        ("Run it again in those that are missing.",),
    ),
    "output-file": ErrorPage(
        "What the commands print, or read, cannot be kept on this machine's disk.",
        ("The disk is full, or the folder of `--output-dir` or TMPDIR may not be written.",),
        ("Name another folder: `--output-dir DIR`, or TMPDIR for what is held back.",),
    ),
    "defect": ErrorPage(
        "The tool has a defect.",
        ("It met something that nobody thought of.",),
        ("Report it with the output of the same command under `NSEXEC_TRACEBACK=1` and with `-v 6`.",),
    ),
}
