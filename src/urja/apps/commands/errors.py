"""What the commands refuse, by type."""

# ruff: noqa: N818  (these names say what happened; that they are errors their base class says)


class CommandsError(Exception):
    """The caller asked for something that the commands do not do."""


class NotIssuable(CommandsError):
    """A command that would be void from the start: no kind, or an end that is not after its beginning."""
