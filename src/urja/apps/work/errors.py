"""What the work orders refuse, by type. Every message is a sentence for the person who asked."""

# ruff: noqa: N818  (these names say what happened; that they are errors their base class says)


class WorkError(Exception):
    """The caller asked for something that the work orders do not do."""


class NoPhoto(WorkError):
    """Bytes that are no JPEG or PNG picture, or too many of them, or a picture too many."""
