"""What the registry refuses, by type. Every message is a sentence for the person who asked."""

# ruff: noqa: N818  (these names say what happened; that they are errors their base class says)


class RegistryError(Exception):
    """The caller asked for something that the registry does not do."""


class AlreadyAdopted(RegistryError):
    """The same meter, with the same system title, is there already: nothing was changed."""


class MeterConflict(RegistryError):
    """Another meter has this serial number or this system title."""


class PeriodOverlap(RegistryError):
    """Two periods of one role on one service point, of one device, or of one supply would overlap."""


class NoOpenPeriod(RegistryError):
    """There is no open period to end, or it would end before it began."""


class TransformerConflict(RegistryError):
    """No transformer has this code, or one on another feeder has it."""
