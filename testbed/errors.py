"""The one error of the test bed."""


class ClusterError(Exception):
    """The test bed cannot go on; the message says what was tried, what was found and what to do next."""
