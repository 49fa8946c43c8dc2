"""Answers about what meters have measured, and what bills are calculated from."""

from datetime import date, datetime

from urja.web.api.answers import Shown


class Interval(Shown, frozen=True, kw_only=True):
    """Energy (Wh) or volume of gas (litres) of one interval, in its newest version."""

    start_at: datetime
    length_s: int
    import_wh: int | None
    """Null for gas."""
    export_wh: int | None
    volume_l: int | None
    """Litres at the conditions of the meter; null for electricity."""
    status: str
    """`measured`, `known_zero`, `estimated`, `edited` or `suspect`."""
    device_id: int


class Readings(Shown, frozen=True, kw_only=True):
    """The intervals of an agreement between two instants."""

    agreement_id: int
    begins_at: datetime
    ends_at: datetime
    items: list[Interval]


class Determinant(Shown, frozen=True, kw_only=True):
    """One determinant, by the name of its quantity."""

    name: str
    unit: str
    """Wh, VAh, varh, W, VA, permille, L (litres), or s: Unix seconds of the instant of a maximum."""
    value: int
    origin: str
    """`register`, `blocks`, `shaped`, `meter` or `derived`."""
    estimated: int
    """The part of an energy that rests on estimated or missing intervals."""
    change: int | None
    """What this version has more than the one before it; null in a first version."""


class RegisterValue(Shown, frozen=True, kw_only=True):
    """A register or a maximum demand of a billing profile, by the name of its quantity."""

    name: str
    unit: str
    """Wh, VAh, varh, W, VA, or s: Unix seconds of the instant of a maximum."""
    value: int


class BillingProfile(Shown, frozen=True, kw_only=True):
    """What a meter had counted when it ended a billing period of its own; no transformer ratio is applied."""

    device_id: int
    ended_at: datetime
    by_date: bool
    """Whether it ended at a local midnight, as by its billing day; otherwise by an order or a button."""
    registers: list[RegisterValue]
    zone_residuals: dict[str, int]
    """By total with zones: what it is above their sum; truncation makes up to one step of each zone."""


class MeterCalendar(Shown, frozen=True, kw_only=True):
    """The calendar of time of day that a meter was last known to hold."""

    device_id: int
    held_at: datetime
    was_set: bool
    """Whether it was set then; otherwise it was read."""
    name: str
    compared: str
    """With the tariff's calendar in the present billing period: `agrees`, `differs`, `no_zones` (the tariff has none, so
    that no calendar is needed), or `not_in_force` (no version of the tariff's calendar covers the period).
    """
    differs_from: str | None
    """Code of the tariff's calendar where they differ in the present billing period; null where they do not."""
    first_difference: date | None
    """The first local day on which they differ."""


class BillingProfiles(Shown, frozen=True, kw_only=True):
    """The newest 13 billing profiles of an agreement's time, newest first, and the calendars of its present meters."""

    agreement_id: int
    items: list[BillingProfile]
    calendars: list[MeterCalendar]


class RegisterKey(Shown, frozen=True, kw_only=True):
    """The key of a register read."""

    device_id: int
    read_at: datetime
    kind: int
    version: int


class HeatOfDays(Shown, frozen=True, kw_only=True):
    """The heat value of gas from a local day on."""

    valid_from: date
    joules_per_m3: int
    """Of one cubic metre at the base conditions."""


class HeatValuesUsed(Shown, frozen=True, kw_only=True):
    """What gas was converted by from a local day on; all other fields are null where no heat value covers it."""

    valid_from: date
    code: str | None
    version: str | None
    sha256: str | None
    """Hash of the document of heat values, hexadecimal."""
    area: str | None
    """Area of the zone; empty for all that no other zone has."""
    basis: str | None
    """`gross` or `net`."""
    base_temperature_dc: int | None
    """Tenths of a degree Celsius."""
    base_pressure_pa: int | None
    supply_temperature_dc: int | None
    """Of the gas at the meters, tenths of a degree Celsius; null where it is not stated."""
    supply_pressure_pa: int | None
    """Absolute; null where it is not stated."""
    values: list[HeatOfDays]


class GasRegister(Shown, frozen=True, kw_only=True):
    """The conditions at which a gas meter's register counts."""

    device_id: int
    conditions: str
    """`line`, `temperature-compensated` or `converted`."""
    temperature_dc: int | None
    """The temperature that it refers to, in tenths of a degree Celsius; null where it counts gas as it flows."""
    pressure_pa: int | None
    """The absolute pressure that it refers to; null unless it is converted."""


class GasConversion(Shown, frozen=True, kw_only=True):
    """How the volume of gas became standard volume and energy."""

    registers: list[GasRegister]
    heat_values: list[HeatValuesUsed]


class DeterminantsRow(Shown, frozen=True, kw_only=True):
    """Determinants from the first day of a billing period to a day, both included, in one version."""

    as_of: date
    version: int
    determinants: list[Determinant]
    load_factor_permille: int | None
    known_from: datetime
    known_to: datetime | None
    """End of what is known of the billed energy without a gap."""
    reads: list[RegisterKey]
    intervals: int
    """How many intervals it was calculated from."""
    intervals_hash: str
    """SHA-256 over their keys, versions, states and values, hexadecimal."""
    rules: str
    """Version of the arithmetic, demand period, reactive energy, and versions of calendar and heat values with their hashes."""
    gas: GasConversion | None
    """Null for electricity."""
    notes: list[str]
    """Why a determinant is not known, and why the meter's own totals or maxima are not used, in English."""
    sha256: str
    calculated_at: datetime


class Determinants(Shown, frozen=True, kw_only=True):
    """The determinants of an agreement in a billing period, oldest first."""

    agreement_id: int
    period_from: date | None
    """First day of the period, and the day after its last; null where nothing is stored of it."""
    period_to: date | None
    items: list[DeterminantsRow]
