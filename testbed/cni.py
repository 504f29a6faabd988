"""The network of the pods: their own namespace with nothing but loopback in it.

containerd insists on a plugin that reports an address for eth0 (https://www.cni.dev/docs/spec/), so this one reports
one of TEST-NET-1 (RFC 5737) and makes no interface. No bridge, no route, no packet on the machine's network.
"""

import json
from pathlib import Path
from typing import Final

PLUGIN: Final = """#!/bin/sh
# CNI plugin of the test bed: brings the pod's loopback up and makes nothing else.
case $CNI_COMMAND in
ADD)
    cat >/dev/null
    nsenter --net="$CNI_NETNS" ip link set lo up || exit 1
    echo '{"cniVersion":"1.0.0","interfaces":[{"name":"'"$CNI_IFNAME"'","sandbox":"'"$CNI_NETNS"'"}],' \\
        '"ips":[{"address":"192.0.2.1/32","interface":0}]}'
    ;;
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0","1.0.0"]}' ;;
*) cat >/dev/null ;;
esac
"""

_NAME: Final = "testbed-loopback-only"
CONFIG: Final = json.dumps({"cniVersion": "1.0.0", "name": _NAME, "plugins": [{"type": _NAME}]}) + "\n"


def files(bin_folder: str, config_folder: str) -> dict[str, tuple[int, str]]:
    """Return path → (mode, content) of plugin and configuration; ``loopback`` is what containerd calls for lo."""
    return {
        f"{bin_folder}/{_NAME}": (0o755, PLUGIN),
        f"{bin_folder}/loopback": (0o755, PLUGIN),
        f"{config_folder}/10-{_NAME}.conflist": (0o644, CONFIG),
    }


def write(bin_folder: Path, config_folder: Path) -> None:
    """Write plugin and configuration into the two folders."""
    for path, (mode, content) in files(str(bin_folder), str(config_folder)).items():
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        target.chmod(mode)
