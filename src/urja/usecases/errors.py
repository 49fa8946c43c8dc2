"""What adoption refuses, by type. Every message is a sentence for the person who asked."""

from urja.apps.journal.errors import RegistryError


class AlreadyAdoptedError(RegistryError):
    """The same meter, with the same system title, is there already: nothing was changed."""


class MeterConflictError(RegistryError):
    """Another meter has this serial number or this system title."""


class TransformerConflictError(RegistryError):
    """No transformer has this code, or one on another feeder has it."""
