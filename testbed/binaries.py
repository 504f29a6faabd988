"""What the test bed compiles: Kubernetes, the container runtime of its nodes, krew, and actionlint."""

from typing import Final

from testbed.go_build import Build
from testbed.paths import REPOSITORY

_VERSION: Final = "k8s.io/component-base/version"

KUBERNETES: Final = Build(
    title="Kubernetes 1.36",
    module=REPOSITORY / "testbed" / "kubernetes",
    programs=("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl"),
    packages=2720,
    core_minutes=9,
    linker_flags=(
        f"-s -w -X {_VERSION}.gitVersion=v1.36.3 -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=36 "
        f"-X {_VERSION}.gitTreeState=clean"
    ),
)

RUNTIME: Final = Build(
    title="containerd 2.2 and runc 1.4",
    module=REPOSITORY / "testbed" / "runtime",
    programs=("containerd", "containerd-shim-runc-v2", "ctr", "runc"),
    packages=1100,
    core_minutes=2.5,
    # Static, for the real-time node: its C library and its libseccomp are not this machine's.
    linker_flags="-s -w -extldflags=-static -X github.com/containerd/containerd/v2/version.Version=v2.2.9",
    # seccomp: without it runc refuses every pod that wants a filter; no_*: file systems that need more of C; the rest:
    # what a static program has to do without.
    tags="seccomp,no_btrfs,no_zfs,no_devmapper,netgo,osusergo,static_build",
    c_compiler=True,  # runc's first steps are in C, and its seccomp filters are libseccomp's
)
"""Debian 12's own, 1.6 and 1.1, knows no user namespaces of pods."""

KREW: Final = Build(
    title="krew",
    module=REPOSITORY / "testbed" / "krew",
    programs=("krew", "validate-krew-manifest"),
    packages=460,
    core_minutes=1,
    linker_flags="-s -w",
)
"""Krew, and its own check of manifests, for the tests of the packages."""

ACTIONLINT: Final = Build(
    title="actionlint",
    module=REPOSITORY / "testbed" / "actionlint",
    programs=("actionlint",),
    packages=120,
    core_minutes=1,
    linker_flags="-s -w",
)
"""Reads the release workflow as GitHub would, and its shell scripts with shellcheck."""
