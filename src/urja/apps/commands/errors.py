"""Errors of commands."""


class CommandsError(Exception):
    """A request that the commands app does not carry out."""


class NotIssuableError(CommandsError):
    """A command that would be void from the start: without a kind, or expired when it is issued."""
