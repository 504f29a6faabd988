"""What TAB offers: an unfinished command line, and what can come next on it.

It may import what ``cli`` may. Begin with ``main``, which kubectl and oc run.
"""
