"""The container's seccomp filter, compiled to BPF as runc and libseccomp do it.

It may import ``errors`` only. Begin with ``compiler.compile_filter``.
"""
