"""The one error of the bench."""


class BenchError(Exception):
    """Something could not be measured; the message says what and why."""
