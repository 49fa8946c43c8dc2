"""What adoption refuses, by type. Every message is a sentence for the person who asked."""

# ruff: noqa: N818  (these names say what happened; that they are errors their base class says)

from urja.apps.journal.errors import RegistryError


class AlreadyAdopted(RegistryError):
    """The same meter, with the same system title, is there already: nothing was changed."""


class MeterConflict(RegistryError):
    """Another meter has this serial number or this system title."""


class TransformerConflict(RegistryError):
    """No transformer has this code, or one on another feeder has it."""
