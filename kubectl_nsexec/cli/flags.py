"""The flags of the command line by what they are about: for each field of ``Options`` what --options says of it.

The group in which a flag stands is the one under which --options and the man page list it; ``help_text`` names the few
that stand in --help as well.
"""

from __future__ import annotations

from typing import NamedTuple

from kubectl_nsexec.model.fleet import COLORS
from kubectl_nsexec.model.request import CHECK_OUTPUTS
from kubectl_nsexec.model.severity import FAIL_ON


class Flag(NamedTuple):
    """``metavar`` stands for its value; a switch has none."""

    help: str
    metavar: str | None = None


GROUPS = {
    "As oc exec and oc rsh have them": {
        "namespace": Flag("The pod's namespace (else the context's).", "NAME"),
        "container": Flag("The container (else the pod's default one). With many pods it may be repeated.", "NAME"),
        "stdin": Flag("Pass stdin to the command."),
        "tty": Flag("With -i: give the command a terminal."),
        "no_tty": Flag("Give the shell no terminal."),
        "env": Flag("A variable for the command, over the container's own; may be repeated.", "NAME=VALUE"),
        "shell": Flag("What to run when no command is given.", "PATH"),
        "filename": Flag("A manifest that names it, instead of POD; - is stdin.", "FILE"),
        "pod_running_timeout": Flag("How long to wait for a pod of TYPE/NAME.", "DURATION"),
        "quiet": Flag("Only the command's own output."),
    },
    "Many pods at once": {
        "selector": Flag("Every pod with these labels.", "SELECTOR"),
        "field_selector": Flag("Every pod with these fields, as kubectl get has it.", "SELECTOR"),
        "all_namespaces": Flag("Those of every namespace."),
        "node": Flag("Those on this node; may be repeated. With --check -f: as if it ran there.", "NAME"),
        "all_pods": Flag("All pods of TYPE/NAME, not one of them."),
        "exclude": Flag("Not in these; * and ? stand for any characters; may be repeated.", "NAMESPACE/POD"),
        "pick": Flag("In so many of them only, drawn evenly over the nodes.", "N|N%"),
        "skip_unsafe": Flag("Go on without those in which it cannot run safely, and report them."),
        "yes": Flag("Do not ask before it runs in more than 10 pods, or as the node's root."),
        "fanout": Flag("So many commands at once. 1: one after the other.", "N"),
        "per_node": Flag("So many of them on one node.", "N"),
        "deadline": Flag("End all that has not ended after so long.", "DURATION"),
        "max_fail": Flag("When more than so many have failed, start no more and let the others end.", "N|N%"),
        "fail_fast": Flag("The same as --max-fail 0."),
        "gather": Flag("Show equal outputs once, those of most pods first."),
        "diff": Flag("With --gather: show the others by what differs from the first."),
        "group": Flag("Show the output of each pod when it has ended."),
        "keep_order": Flag("With --group: in the order of the pods."),
        "output_dir": Flag("Write outputs and statuses to files in DIR, by namespace, pod and container.", "DIR"),
        "color": Flag("Colour of names (else by terminal, NO_COLOR, FORCE_COLOR).", "|".join(COLORS)),
        "base64": Flag("With -o json: outputs in base64, for those that are no text."),
    },
    "The CPUs": {
        "verify": Flag("Print the proof of the pin; without CMD only check."),
        "cpus": Flag("Run on these CPUs (else the reserved ones).", "LIST"),
        "profile": Flag("Take the reserved CPUs from this PerformanceProfile.", "NAME"),
        "cpu_source": Flag(
            "Whose word counts: PerformanceProfile, CRI-O and workload pinning on the node, kubelet's configuration.",
            "profile|node|kubelet",
        ),
    },
    "How the node is reached": {
        "via": Flag(
            "How the node is reached: a helper pod, your own ssh, or local: this machine is the node, you its root.",
            "pod|ssh|local",
        ),
        "ssh_user": Flag(
            "Who to log in as with --via ssh, root or with sudo; '' leaves it to ssh's configuration.", "NAME"
        ),
        "ssh_option": Flag("Passed to ssh as -o; may be repeated.", "NAME=VALUE"),
    },
    "The helper pod": {
        "timeout": Flag("How long it may take to start the command.", "DURATION"),
        "max_duration": Flag("End the command after so long, by the node's clock.", "DURATION"),
        "keep": Flag("Leave the helper pod for your next command on that node, for so long. 0 ends it.", "DURATION"),
        "image": Flag("Image with util-linux, for nodes without it.", "IMAGE"),
        "helper_namespace": Flag("Where the helper pod runs. Without it: nsexec.", "NAME"),
        "dry_run": Flag(
            "client: only print the helper pod, the pods that are meant, or what --cleanup finds.", "none|client"
        ),
        "output": Flag(
            "With --verify, --dry-run=client, --cleanup or many pods (json): for scripts; with --check any of these.",
            "|".join(CHECK_OUTPUTS),
        ),
        "record_args": Flag("Write CMD's arguments into the Event and the helper pod."),
    },
    "More than oc exec gives": {
        "privileged": Flag("Run as root with every capability, as nsenter -a would."),
        "host_tools": Flag("Run the node's own program as root. Every namespace but the mounts is the container's."),
        "process": Flag("Enter this process of the container instead of its first one.", "NAME|PID"),
    },
    "Instead of a command": {
        "cleanup": Flag("List the helper pods, and delete those that are over."),
        "force": Flag("With --cleanup: delete all, those in use as well."),
        "check": Flag(
            "Say where plain oc exec, exec probes and exec hooks land, and where that is dangerous. Of POD, TYPE/NAME, "
            "a manifest (-f), or all pods of the namespace; also with -l, -A and --node."
        ),
        "on_node": Flag(
            "With --check: look at the threads themselves, by a helper pod on each node; nothing is run in a container."
        ),
        "fail_on": Flag("With --check: exit with 3 for a finding as bad as this.", "|".join(FAIL_ON)),
    },
    "The API server (else by KUBECONFIG, ~/.kube/config or the pod's own account)": {
        "kubeconfig": Flag("The kubeconfig to use.", "FILE"),
        "context": Flag("A context of the kubeconfig.", "NAME"),
        "cluster": Flag("A cluster of the kubeconfig.", "NAME"),
        "user": Flag(
            "Digits: run the command as this user (GID: else by the container's /etc/passwd). "
            "A name: a user of the kubeconfig. May be given once for each.",
            "UID[:GID]|NAME",
        ),
        "server": Flag("The address of the API server.", "URL"),
        "token": Flag("Bearer token for the API server.", "TOKEN"),
        "as_": Flag("Impersonate this user or service account.", "USER"),
        "as_group": Flag("Impersonate this group; may be repeated.", "GROUP"),
        "as_uid": Flag("Impersonate this UID.", "UID"),
        "certificate_authority": Flag("Certificate of the authority to trust.", "FILE"),
        "client_certificate": Flag("Client certificate.", "FILE"),
        "client_key": Flag("Key of the client certificate.", "FILE"),
        "insecure_skip_tls_verify": Flag("Trust whatever certificate the server shows."),
        "tls_server_name": Flag("The name that the certificate must have.", "NAME"),
        "request_timeout": Flag("For one request, e.g. 30 or 1m; 0 for none.", "DURATION"),
        "v": Flag("6 shows each request, 8 its size; never secrets.", "LEVEL"),
    },
    "The tool itself": {
        "explain": Flag("Explain an error by the code at its end, and exit; without CODE list them.", "CODE"),
        "options": Flag("Show every flag, by what it is about, and exit."),
        "version": Flag("Show the versions of the tool and of what it runs with, and exit."),
    },
}
"""A title → the flags below it, by their fields; the parser's own --help stands in the last group."""
FLAGS = {field: flag for group in GROUPS.values() for field, flag in group.items()}
