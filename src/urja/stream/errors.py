# ruff: noqa: N818 - the names say what is the case
"""What can go wrong with the broker, sorted by what the caller can do about it."""


class StreamError(Exception):
    """The broker, or what was read from it."""


class BrokerUnavailable(StreamError):
    """No answer: away, restarting, or not yet ready. Whether a publish was stored is unknown.

    Publish the same message under the same id again: the broker stores it once (within two minutes).
    """


class StreamFull(StreamError):
    """The bound of a stream is reached and it refuses new messages: hold back and try later."""


class NotPermitted(StreamError):
    """This user may not use the subject. A wrong configuration, or an intruder; trying again does not help."""


class BrokerRefused(StreamError):
    """The broker understood and said no; the text is the broker's."""


class RevisionConflict(StreamError):
    """Another writer changed the key since it was read."""


class PoisonMessage(StreamError):
    """A stored message is not what its headers or its subject promise."""
