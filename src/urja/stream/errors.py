"""What can go wrong with the broker, sorted by what the caller can do about it."""


class StreamError(Exception):
    """The broker, or what was read from it."""


class BrokerUnavailableError(StreamError):
    """No answer: away, restarting, or not yet ready. Whether a publish was stored is unknown.

    Publish the same message under the same id again: the broker stores it once (within two minutes).
    """


class StreamFullError(StreamError):
    """The bound of a stream is reached and it refuses new messages: hold back and try later."""


class NotPermittedError(StreamError):
    """This user may not use the subject. A wrong configuration, or an intruder; trying again does not help."""


class BrokerRefusedError(StreamError):
    """The broker understood and said no; the text is the broker's."""


class RevisionConflictError(StreamError):
    """Another writer changed the key since it was read."""


class PoisonMessageError(StreamError):
    """A stored message is not what its headers or its subject promise."""
