"""``make bench``: what `oc nsexec` costs, measured on the host node as ratios against kubectl."""
