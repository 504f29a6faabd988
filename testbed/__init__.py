"""The live cluster that this project is tested against: a control plane on loopback, a host node, a real-time node."""
