"""What --help says round the options."""

from __future__ import annotations

HELP = """\
Run a command in a container of a pod, off its isolated CPUs.

Like `oc exec`, but the command runs on the node's reserved CPUs, inside every
namespace of the container and with its identity. Without a command: a shell.
A privileged helper pod on the
node starts it; when the command or this client ends, nothing of it runs on.
"""

EPILOG = """\
\b
Examples:
  oc nsexec du-0 -- ps aux
  oc nsexec du-0 -n ran -c dpdk -- cat /proc/self/status
  oc nsexec -it du-0 -- top
  oc nsexec du-0
  tar c . | oc nsexec -i du-0 -- tar x -C /tmp
  oc nsexec deploy/web -- id
  oc nsexec du-0 --verify
  oc nsexec du-0 --host-tools -- ss -ltnp
\b
Use --options for the flags of the connection: --context, --server, --as and the like.
\b
Exit status:
  the command's own; 128+n when signal n ended it
  126 not executable, 127 not found
  125 nsexec itself failed; 130 interrupted before the command started
  1   bad input, or the API server's own answer
"""
