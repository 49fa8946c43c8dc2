"""Errors of the broker, sorted by what the caller can do about them."""


class StreamError(Exception):
    """Root of the errors of the broker and of the messages read from it."""


class BrokerUnavailableError(StreamError):
    """No answer: the broker is away, restarting, or not ready. Whether a publish was stored is unknown.

    Publish the same message under the same id again: the broker stores it once (within two minutes).
    """


class StreamFullError(StreamError):
    """The bound of a stream is reached and it refuses new messages: hold back and try later."""


class NotPermittedError(StreamError):
    """The user has no right to the subject: a wrong configuration or an intruder; a retry does not help."""


class BrokerRefusedError(StreamError):
    """The broker processed the request and refused it; the text is the broker's."""


class RevisionConflictError(StreamError):
    """Another writer changed the key since it was read."""


class PoisonMessageError(StreamError):
    """A stored message that is not what its headers or its subject promise."""
