"""Errors of adoption and of tariffs. Every message is a sentence for the caller."""

from urja.apps.journal.errors import RegistryError


class AlreadyAdoptedError(RegistryError):
    """The same meter with the same system title is adopted already: nothing was changed."""


class MeterConflictError(RegistryError):
    """Another meter has this serial number or this system title."""


class TransformerConflictError(RegistryError):
    """No transformer has this code, or a transformer on another feeder has it."""


class UnsharedTariffError(RegistryError):
    """A tariff with a share of common areas, and an agreement that names it and has none."""


class OtherCommodityError(RegistryError):
    """A tariff for another commodity than the service points of its agreements supply."""
