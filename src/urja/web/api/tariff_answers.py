"""Answers about tariffs and the prices of a day."""

from datetime import date

from urja.web.api.answers import Shown


class TariffUsed(Shown, frozen=True, kw_only=True):
    """The version of a tariff by which an entry was rated."""

    code: str
    version: str
    sha256: str


class PriceSpan(Shown, frozen=True, kw_only=True):
    """A part of a local day with one price of imported energy, without duties."""

    begins: str
    """By the wall clock: `09:00`."""
    ends: str
    """Exclusive, up to `24:00`."""
    zone: str
    """Name of the time zone in the tariff."""
    title: str
    """As the calendar names it."""
    price_minor: str | None
    """Exact minor units for one `unit`; null where it depends on how much is used."""
    percent: str
    """By how much it is above the usual price (below, where negative); part of `price_minor`."""
    unit: str


class DayPrices(Shown, frozen=True, kw_only=True):
    """The prices of a local day by the time zones of the agreement's tariff."""

    agreement_id: int
    day: date
    tariff: TariffUsed | None
    """Null where one price counts at all hours, or no version is in force."""
    calendar: str | None
    """Code and version of the calendar."""
    currency: str | None
    items: list[PriceSpan]


class Tariff(Shown, frozen=True, kw_only=True):
    """A version of a tariff."""

    id: int
    code: str
    version: str
    valid_from: date
    sha256: str


class TariffDocument(Shown, frozen=True, kw_only=True):
    """A version of a tariff with the text of its document."""

    tariff: Tariff
    text: str
