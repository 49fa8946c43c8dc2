"""What the work orders refuse, by type. Every message is a sentence for the person who asked."""


class WorkError(Exception):
    """The caller asked for something that the work orders do not do."""


class PhotoError(WorkError):
    """Bytes that are no JPEG or PNG picture, or too many of them, or a picture too many."""
