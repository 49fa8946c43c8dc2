"""Exceptions of work orders. Every message is a sentence for the user."""


class WorkError(Exception):
    """A request that work orders refuse."""


class PhotoError(WorkError):
    """Bytes that are no JPEG or PNG image, a file that is too large, or one photo too many."""
