"""What the commands refuse, by type."""


class CommandsError(Exception):
    """The caller asked for something that the commands do not do."""


class NotIssuableError(CommandsError):
    """A command that would be void from the start: no kind, or an end that is not after its beginning."""
