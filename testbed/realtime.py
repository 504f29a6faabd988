"""Real-time priority for a container of the host node, which its cgroup would refuse."""

from pathlib import Path
from typing import Final

from testbed.errors import ClusterError

RUNTIME_US: Final = 940_000
"""Of every second; below the 950000 that the root cgroup has to give (sched_rt_runtime_us(5))."""

_CPU: Final = Path("/sys/fs/cgroup/cpu")


def allow(pod_uid: str, container_id: str, runtime_us: int = RUNTIME_US) -> None:
    """Give the container CONTAINER_ID of the pod POD_UID real-time bandwidth, from ``kubepods`` down to it.

    With CONFIG_RT_GROUP_SCHED and cgroup v1 every cgroup starts with ``cpu.rt_runtime_us`` 0, and chrt(1) fails with
    EPERM there. On other kernels there is nothing to give. Raises ClusterError when no such cgroup is found.
    """
    if not (_CPU / "cpu.rt_runtime_us").exists():
        return
    top = _CPU / "kubepods"
    found = [path for path in top.glob(f"**/pod{pod_uid}/*{container_id}") if path.is_dir()]
    if len(found) != 1:
        raise ClusterError(f"no single cgroup of container {container_id} in pod {pod_uid} below {top}")
    chain = [found[0], *found[0].parents]
    for folder in reversed(chain[: chain.index(top) + 1]):
        (folder / "cpu.rt_runtime_us").write_text(str(runtime_us))
