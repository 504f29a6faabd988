"""The one error of this folder."""


class ReleaseError(Exception):
    """A package that would not be right; the message says what was found and what to do."""
