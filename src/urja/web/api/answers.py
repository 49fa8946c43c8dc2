"""The documents that the API answers with, by name and type; openapi.json describes them from here.

Instants are ISO 8601 with the offset of the utility's zone, money is in minor units beside its currency, energy in Wh.
"""

from datetime import date, datetime

from msgspec import UNSET, Struct, UnsetType

from urja.apps.statements.kinds import StatementContent
from urja.base.untyped_values import JsonObject


class Shown(Struct, frozen=True, kw_only=True):
    """Base of all answers."""


class Page[T](Shown, frozen=True, kw_only=True):
    """A page of a list."""

    items: list[T]
    next: str | None
    """The cursor of the next page; null on the last."""


class Consent(Shown, frozen=True, kw_only=True):
    """A consent that a person has given, and when it was withdrawn."""

    purpose: str
    given_at: datetime
    withdrawn_at: datetime | None


class Protection(Shown, frozen=True, kw_only=True):
    """A protected status of a person: the reason not to disconnect, and until when it holds."""

    kind: str
    valid_from: datetime
    valid_to: datetime | None


class ConsumerAccount(Shown, frozen=True, kw_only=True):
    """An account that a person may see, as owner or member of the household."""

    account_id: int
    role: str


class Consumer(Shown, frozen=True, kw_only=True):
    """A person or organisation with an agreement, or with access to an account."""

    id: int
    name: str
    email: str
    phone: str | None
    language: str
    address: str
    """Postal address for letters where it differs from the premise."""
    anonymised_at: datetime | None
    """When the personal data was erased; null while it is stored."""
    consents: list[Consent]
    protections: list[Protection]
    accounts: list[ConsumerAccount]


class Correction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The corrected fields of a person; fields that are left out do not change."""

    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone: str | UnsetType | None = UNSET
    language: str | UnsetType = UNSET
    address: str | UnsetType = UNSET


class Premise(Shown, frozen=True, kw_only=True):
    """A premise that is supplied: a flat, a tower, a society, a house."""

    id: int
    code: str | None
    kind: str
    name: str
    address: str
    pin_code: str
    latitude: float | None
    longitude: float | None
    part_of: int | None
    """The premise that contains it: a flat's tower, a tower's society."""


class Placement(Shown, frozen=True, kw_only=True):
    """The place of a service point in the administration or the grid, at present."""

    tree: str
    level: str
    code: str
    phase: str
    valid_from: datetime


class ServicePoint(Shown, frozen=True, kw_only=True):
    """A service point. Its consumer number stays when the consumer changes."""

    id: int
    consumer_number: str
    commodity: str
    purpose: str
    disconnected_at: datetime | None
    premise: Premise
    placements: list[Placement]


class NodeName(Shown, frozen=True, kw_only=True):
    """A node of the administration or the grid."""

    id: int
    tree: str
    level: str
    code: str
    name: str


class Node(NodeName, frozen=True, kw_only=True):
    """A node with the numbers of service points and meters under it, directly or further below."""

    consumer_service_points: int
    """Consumers' service points."""
    other_service_points: int
    """The utility's own supplies, common areas, bulk supplies and the like."""
    meters: int
    not_communicating: int | None
    """Supplies whose meter has not communicated for a day; null for an instant in the past."""
    disconnected: int | None
    """Supplies whose relay the meter has confirmed to be open; null for an instant in the past."""
    no_power: int | None
    """Connected supplies whose meter has no power; null for an instant in the past."""
    not_heard_from: int | None
    """Connected supplies of which it is not known whether they have power; null for an instant in the past."""
    credit_minor: int | None
    """Sum of the positive balances of electricity; null for an instant in the past, and without the right to read totals."""
    owed_minor: int | None
    """Sum of the negative balances of electricity as a positive number; null as above. Gas is no part of either."""
    gas_credit_minor: int | None
    """As `credit_minor`, of gas."""
    gas_owed_minor: int | None
    """As `owed_minor`, of gas."""


class Nodes(Shown, frozen=True, kw_only=True):
    """A list of nodes."""

    items: list[Node]


class NodeInTree(Shown, frozen=True, kw_only=True):
    """A node with the nodes above it, from the root down, and the nodes directly under it."""

    node: Node
    path: list[NodeName]
    children: list[Node]


class NodeServicePoint(Shown, frozen=True, kw_only=True):
    """A service point that is placed directly under a node."""

    service_point_id: int
    consumer_number: str
    premise: str
    purpose: str
    phase: str
    serial: str
    """Serial number of its meter; empty without one."""


class Installation(Shown, frozen=True, kw_only=True):
    """The service point at which a device is installed, and its role there."""

    service_point_id: int
    consumer_number: str
    role: str
    valid_from: datetime
    commissioned_at: datetime | None
    """When its commissioning passed: from then on its pushed reads are billed; null before."""
    taken_over_at: datetime | None
    """From when it is billed by reads of another system, for a meter taken over in service; else null."""
    ratio_primary: int
    ratio_secondary: int


class Device(Shown, frozen=True, kw_only=True):
    """A meter. Keys are never shown."""

    id: int
    serial: str
    device_type: str
    commodity: str
    """What it measures, as its type says: `electricity` or `gas`."""
    stock: str
    held_by: str
    firmware: str
    interval_s: int
    max_power_w: int
    load_switch: bool
    forward_only: bool
    nameplate: JsonObject
    sim: str | None
    """The SIM number, for staff; null for consumers."""
    address: str | None
    """Address of a meter that the head end calls: `host:port`, or its address on an HDLC bus; for staff."""
    installation: Installation | None


class Terms(Shown, frozen=True, kw_only=True):
    """The terms of an agreement in a period."""

    tariff_code: str
    sanctioned_load_w: int
    category: str
    policy: str
    """Code of a policy of its own; empty where its category selects the policy."""
    payment_mode: str
    metering_mode: str
    sanctioned_load_va: int | None
    """Null where the terms do not state it, as for the contracted loads."""
    contracted_load_w: int | None
    contracted_load_va: int | None
    carpet_area_dm2: int | None
    """Carpet area in hundredths of a square metre; null where the terms do not state it."""
    valid_from: datetime
    valid_to: datetime | None


class Agreement(Shown, frozen=True, kw_only=True):
    """An agreement: the account that pays for a service point in a period."""

    id: int
    account_id: int
    service_point_id: int
    consumer_number: str
    consumer_id: int | None
    billing_day: int | None
    bill_from: date | None
    """Day of the month on which its billing periods begin; null where its tariff says it."""
    valid_from: datetime
    valid_to: datetime | None
    terms: list[Terms]


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


class UnitsOfBank(Shown, frozen=True, kw_only=True):
    """The units of a bank in a billing period: opening + exported = used + settled + closing."""

    period_from: date
    period_to: date | None
    """The day after the last one of the period; null where no close of it is stored."""
    as_of: date
    """The last local day that counts."""
    zone: str | None
    """Name of the time zone, or its number where the tariff in force has no name for it; null for a bank of all times."""
    version: int
    """Number of the row: what differs from one that is stored is the next version."""
    opening_wh: int
    imported_wh: int
    exported_wh: int
    used_wh: int
    """What was set off against import."""
    settled_wh: int
    """What was paid for."""
    closing_wh: int


class BankedUnits(Shown, frozen=True, kw_only=True):
    """What net metering has banked for an agreement in the last thirteen billing periods, newest first."""

    agreement_id: int
    settles_on: date | None
    """The last day of the billing period that pays for what is banked; null where the tariff has no such month."""
    settles_at_end: bool
    """Whether it is paid for when the agreement ends."""
    items: list[UnitsOfBank]


class Instalments(Shown, frozen=True, kw_only=True):
    """Instalments that pay off dues."""

    every: str
    """`day` or `month`."""
    amount_minor: int
    """Amount of each instalment; the last one is the remainder."""
    valid_from: datetime
    """Midnight at the start of the day on which the first instalment is due."""


class Power(Shown, frozen=True, kw_only=True):
    """Whether a supply has power, by the newest evidence: a meter without power cannot communicate."""

    state: str
    """`powered`, `no_power` (at the meter), `disconnected` (by its relay) or `not_heard_from`."""
    since: datetime | None
    """Start of the present state; null while powered, and where it is not known."""
    last_heard_at: datetime | None
    """Instant of the evidence; null unless powered."""
    reasons: list[str]
    """Supply holds that keep it disconnected."""
    at_meter: str
    """`powered`, `no_power` or `not_heard_from`, also where the relay is open."""
    sentence: str
    """The state as a sentence."""


class ReserveLine(Shown, frozen=True, kw_only=True):
    """A line that is charged once the billing period is over."""

    title: str
    amount_minor: int
    """Below zero where it will be credited."""


class Reserve(Shown, frozen=True, kw_only=True):
    """An estimate of what the end of a billing period will add. It is no charge, and no supply is disconnected for it."""

    settles_on: date
    """The last day of the period: its close posts the amounts."""
    amount_minor: int
    """The sum of the lines."""
    lines: list[ReserveLine]


class Review(Shown, frozen=True, kw_only=True):
    """The newest review of an abnormal charge of an account. While it runs, the supply is not disconnected."""

    id: int
    day: date
    """Local day with whose close it was charged."""
    charge_minor: int
    usual_minor: int
    """What a day before it was charged on the average."""
    opened_at: datetime
    due_at: datetime
    """When a person is to have decided it."""
    ends_at: datetime
    """When it ends undecided."""
    ended_at: datetime | None
    outcome: str | None
    """`confirmed`, `corrected`, `waived`, `credited` or `stood`; null while it runs."""
    credited_minor: int
    """What was given back where the review ended undecided."""
    sentence: str


class NotCharged(Shown, frozen=True, kw_only=True):
    """A charge that was not made, because its billing period is older than the look-back limit."""

    agreement_id: int
    period_from: date
    period_to: date | None
    """The day after the last one of the period; null where no close of it is stored."""
    amount_minor: int
    months: int
    """The limit, in months before the close."""
    cause: str
    """`readings`, `prices`, `days` or `late-close`."""
    policy: str
    recorded_at: datetime
    sentence: str


class DepositDue(Shown, frozen=True, kw_only=True):
    """A security deposit, or an instalment of it, that is charged to the account on its day."""

    due_on: date
    amount_minor: int


class SecurityDeposits(Shown, frozen=True, kw_only=True):
    """Security deposits of the agreement. No supply is disconnected for one that is due."""

    held_minor: int
    due: list[DepositDue]


class Balance(Shown, frozen=True, kw_only=True):
    """The balance of an account now: the same figure on pages, in notices and in decisions."""

    account_id: int
    balance_minor: int
    currency: str
    as_of: datetime | None
    """End of the last reading included."""
    posted_minor: int
    """Total of the posted entries."""
    pending_minor: int
    """Charges for use since then, not posted yet."""
    credits_minor: int
    """Recharges that are not credited yet; not part of the balance."""
    estimated_wh: int | None
    """Null for gas."""
    estimated_l: int | None
    """Litres; null for electricity."""
    days_left: float | None
    """At the average cost of a day, with its instalment of dues where a plan holds."""
    reserve_minor: int
    """What the end of the billing periods that are not closed will add, as far as it is known; not part of the balance."""
    reserves: list[Reserve]
    """The same by period, oldest first; empty where no line of the tariff settles at close."""
    dues_minor: int
    """Owed from old bills, beside the balance."""
    instalments: Instalments | None
    """The plan by which the dues are paid; null where no plan holds."""
    deposits: SecurityDeposits
    supply: str
    """State of the relay as last confirmed by the meter: `on`, `off` or `unknown`. Power is in `power`."""
    power: Power | None
    """Null where the supply has no billing meter."""
    review: Review | None
    """Null where no charge was ever reviewed."""
    not_charged: list[NotCharged]
    standing: str | None
    """State by the policy; null where no policy governs the account."""
    sentence: str | None
    """The state as a sentence, in the language of Accept-Language."""


class Entry(Shown, frozen=True, kw_only=True):
    """A ledger entry. Its amount is the change of the account: a charge is negative."""

    account_id: int
    seq: int
    line: str
    title: str
    origin: str
    amount_minor: int
    balance_after_minor: int
    currency: str
    service_date: date
    posted_at: datetime
    accounting_month: date


class Row(Shown, frozen=True, kw_only=True):
    """A row of a calculation: `quantity` in `unit` times `rate_minor`, rounded half-up; `amount_minor` is the result."""

    label: str
    quantity: str
    unit: str
    rate_minor: str
    amount_minor: int


class RegisterRead(Shown, frozen=True, kw_only=True):
    """A register read on which an entry is based."""

    read_at: datetime
    register_wh: int | None
    """Null for gas."""
    register_l: int | None
    """Litres at the conditions of the meter; null for electricity."""
    kind: str
    status: str
    source: str
    device_id: int


class UnitsOfCharge(Shown, frozen=True, kw_only=True):
    """The units of a bank that a charge was calculated from, of its period so far: opening + exported = used + settled + closing."""

    zone: str | None
    """Name of the time zone; null for a bank of all times."""
    opening_wh: int
    imported_wh: int
    exported_wh: int
    used_wh: int
    settled_wh: int
    closing_wh: int


class ShareOfCommonAreas(Shown, frozen=True, kw_only=True):
    """The share of a building's common areas that a charge is for, in its period so far."""

    quantity: str
    """`common_import_wh`, or `common_dg_import_wh` of a generator."""
    by: str
    """How it is shared: `flat`, `area` or `load`."""
    common_areas_wh: int
    own_wh: int
    share: str | None
    """An exact fraction such as 1/40; null where it changed within the period."""


class EntryWithArithmetic(Shown, frozen=True, kw_only=True):
    """A ledger entry with the reads, rows and tariffs from which it was calculated."""

    entry: Entry
    rows: list[Row]
    """The rows of the calculation; their amounts add up to the entry's."""
    opening: RegisterRead | None
    reads: list[RegisterRead]
    tariffs: list[TariffUsed]
    advance_wh: int | None
    """This and the other energies are null for gas, the volumes (litres) null for electricity."""
    energy_wh: int | None
    blocks_wh: int | None
    residual_wh: int | None
    advance_l: int | None
    volume_l: int | None
    blocks_l: int | None
    residual_l: int | None
    units: list[UnitsOfCharge]
    """Empty without net metering."""
    shares: list[ShareOfCommonAreas]
    """Empty but for charges for common areas."""
    provisional: bool
    notes: list[str]
    cause: str | None
    """Why a charge changes what was charged before: late-reading, edited-reading, backdated-tariff, changed-terms,
    moved-days or exchange. Null where it charges another day."""
    faults: list[str]
    """What the entry says and what its calculation comes to when it is made again, where they differ. Empty where the
    amount is proven."""


class StatementOfAccount(Shown, frozen=True, kw_only=True):
    """A numbered statement of an agreement's billing period, without what it consists of. Amounts are in minor units."""

    number: str
    """Series and number in it, such as 7-42; numbers of a series have no gap."""
    account_id: int
    agreement_id: int
    period_from: date
    """First day of the billing period."""
    period_to: date
    """The day after the last one that it states."""
    total_minor: int
    """What was charged for the period."""
    opening_minor: int
    closing_minor: int
    made_at: datetime
    revises: str | None
    """Number of the statement that it revises."""
    revised_by: str | None
    """Number of the statement that revises it; null for the newest of a period."""
    final: bool
    """Whether it states what was posted after the agreement's last period: it charges none, and the bill in its content is empty."""


class StatementsOfAccount(Shown, frozen=True, kw_only=True):
    """The statements of an account, the newest period first."""

    account_id: int
    currency: str
    items: list[StatementOfAccount]


class WholeStatement(Shown, frozen=True, kw_only=True):
    """A statement with everything that it states, as it was frozen; its instants are in UTC."""

    statement: StatementOfAccount
    content: StatementContent
    sha256: str
    """SHA-256 over the 32 bytes of `previous_sha256` and the content as canonical JSON: sorted keys, no spaces, UTF-8."""
    previous_sha256: str
    """Hash of the statement before it in its series."""


class SubsidyClaimSum(Shown, frozen=True, kw_only=True):
    """What a body owes for subsidies, in minor units."""

    body: str
    currency: str
    net_minor: int
    """By this claim."""
    through_minor: int
    """By this claim and all earlier ones."""
    paid_minor: int
    """What is recorded as paid to date, whatever the claim."""
    outstanding_minor: int
    """Of this claim and all earlier ones; below zero where more was paid, as for later ones."""


class SubsidyPayment(Shown, frozen=True, kw_only=True):
    """A payment of subsidy claims as it was recorded."""

    operation_id: int
    body: str
    currency: str
    amount_minor: int
    """Below zero it takes back what was recorded wrongly under its reference."""
    paid_on: date
    reference: str
    """The bank's."""


class SubsidyClaimRow(Shown, frozen=True, kw_only=True):
    """What a claim has for a tariff line and the billing periods that began in a month, in minor units."""

    body: str
    """Who owes it; empty where no tariff names a body."""
    line: str
    commodity: str
    currency: str
    periods_from: str
    """A local month: 2026-03."""
    consumers: int
    use: int
    """Billed energy in Wh, or gas in litres, of these consumers' periods as known now."""
    given_minor: int
    taken_back_minor: int
    net_minor: int
    """What is claimed: for periods that were claimed before, the difference."""
    claimed_before_minor: int


class SubsidyClaim(Shown, frozen=True, kw_only=True):
    """What other bodies owe for subsidies by the claim of a month."""

    month: str
    final_on: date
    """From this local day on the claim does not change."""
    is_final: bool
    sums: list[SubsidyClaimSum]
    rows: list[SubsidyClaimRow]
    payments: list[SubsidyPayment]
    """The newest 50 payments that are recorded, the newest day first."""
    payment_count: int
    """How many payments are recorded."""


class ServicePointTotals(Shown, frozen=True, kw_only=True):
    """The energy (Wh) or volume of gas (litres) of one service point in a month."""

    service_point_id: int
    consumer_number: str
    purpose: str
    premise_id: int
    premise: str
    part_of: int | None
    commodity: str
    energy_wh: int | None
    """Null for gas, and where the month has no data."""
    estimated_wh: int | None
    """Null for gas."""
    volume_l: int | None
    """Null for electricity, and where the month has no data."""
    estimated_l: int | None
    """Null for electricity."""


class PremiseTotals(Shown, frozen=True, kw_only=True):
    """The energy (Wh) and the gas (litres) of the consumers and common areas of a part, such as a tower."""

    premise_id: int
    premise: str
    kind: str
    energy_wh: int
    volume_l: int
    service_points: int


class Totals(Shown, frozen=True, kw_only=True):
    """Energy (Wh) and gas (litres) of a local month in a premise, never added to each other. Bulk supply and generator are separate: flats are behind them."""

    premise_id: int
    premise: str
    month: str
    consumers_wh: int
    common_area_wh: int
    bulk_wh: int
    dg_wh: int
    consumers_l: int
    common_area_l: int
    bulk_l: int
    service_points_without_data: int
    """Service points without data; they are in no total."""
    parts: list[PremiseTotals]
    service_points: list[ServicePointTotals]


class WorkOrder(Shown, frozen=True, kw_only=True):
    """A task for a person at a service point."""

    id: int
    kind: str
    state: str
    service_point_id: int
    consumer_number: str
    device_id: int | None
    assignee_id: int | None
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    instructions: JsonObject
    result: JsonObject
    operation_id: int | None


class MeterJob(Shown, frozen=True, kw_only=True):
    """A question or command for one meter or many, and its progress."""

    id: int
    """Number of the operation, as in the audit."""
    kind: str
    arguments: JsonObject
    reason: str
    actor: str
    requested_at: datetime
    expires_at: datetime
    """Rows that are not sent by then expire."""
    cancelled_at: datetime | None
    ended_at: datetime | None
    """When its last row ended; null while a row is pending."""
    states: dict[str, int]
    """Number of its rows in your area that are `waiting`, `sent`, `done`, `refused`, `failed`, `expired`, `cancelled`."""


class MeterResult(Shown, frozen=True, kw_only=True):
    """A row of a meter job: one meter and its result."""

    row: int
    requested_as: str
    """The meter as the request named it."""
    state: str
    device_id: int | None
    serial: str
    service_point_id: int | None
    consumer_number: str
    sent_at: datetime | None
    ended_at: datetime | None
    detail: str
    """Reason of the state, where the state does not say it."""
    last_error: str
    """Error of the last attempt, while the row is pending."""
    result: JsonObject
    """Answer of the meter; for a profile, `shown` has columns with name and unit, and the newest rows."""
    withheld: bool
    """Whether an answer is hidden because it needs `read:load_curve`."""


class ModeChange(Shown, frozen=True, kw_only=True):
    """An order that changes the payment mode of many supplies, and its progress."""

    id: int
    """Number of the operation, as in the audit."""
    payment_mode: str
    """The mode that its supplies have afterwards."""
    effective_on: date
    no_disconnection_from: datetime | None
    """From then on no balance disconnects a supply that waits; null where they become prepaid."""
    arguments: JsonObject
    """Tariff, deposits and instalments."""
    reason: str
    actor: str
    requested_at: datetime
    stopped_at: datetime | None
    ended_at: datetime | None
    """When its last row ended; null while a row waits."""
    states: dict[str, int]
    """Number of its rows in your area that are `waiting`, `done`, `refused`, `left`."""
    converted: dict[str, int]
    """Sums over the rows that are `done`: amounts in minor units, and numbers of instalment plans."""


class ModeChangeRow(Shown, frozen=True, kw_only=True):
    """A row of a mode change: one supply and what became of it."""

    row: int
    consumer_number: str
    state: str
    agreement_id: int | None
    account_id: int | None
    service_point_id: int | None
    operation_id: int | None
    """The conversion, as in the audit."""
    ended_at: datetime | None
    detail: str
    """Why it was refused."""
    result: JsonObject
    """Amounts at the conversion in minor units, and `plan`: `kept`, `new` or empty."""


class AuditEntry(Shown, frozen=True, kw_only=True):
    """An operation that was carried out. Personal data is left out of `content`: read the person."""

    id: int
    kind: str
    content: JsonObject
    outcome: JsonObject
    actor: str
    recorded_at: datetime
    undone_by: int | None
    service_point_id: int | None


class PersonalRead(Shown, frozen=True, kw_only=True):
    """A record that a user or token has read a person's personal data."""

    id: int
    user_id: int | None
    token_id: int | None
    consumer_id: int
    what: str
    read_at: datetime


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


class OperationRequest(Shown, frozen=True, kw_only=True):
    """A request for an operation, and its outcome."""

    id: int
    kind: str
    state: str
    """`waiting`, `done` or `refused`."""
    dry_run: bool
    requested_at: datetime
    answered_at: datetime | None
    faults: list[str]
    operation_id: int | None
    """Number of its record in the audit; null for a dry run."""
    outcome: JsonObject
    """Keys of the objects that it created."""
    effects: JsonObject
    """Changes of the operation, row by row."""


class OperationKind(Shown, frozen=True, kw_only=True):
    """A kind of operation."""

    kind: str
    summary: str
    roles: list[str]
    """Roles that may request it; empty for a command on the server itself."""
    allowed: bool
    """Whether you may request it in some area."""


class Operations(Shown, frozen=True, kw_only=True):
    """All kinds of operations."""

    items: list[OperationKind]


class RoleHeld(Shown, frozen=True, kw_only=True):
    """A role and its area."""

    role: str
    everywhere: bool
    nodes: list[int]
    premises: list[int]
    accounts: list[int]


class Me(Shown, frozen=True, kw_only=True):
    """The caller: the token or user of this request."""

    user_id: int | None
    token: str | None
    """Prefix of the token."""
    scopes: list[str]
    requests_per_minute: int
    expires_at: datetime | None
    roles: list[RoleHeld]
    permissions: list[str]
    """Permissions that both the roles and the scopes allow."""


class ExportedAgreement(Shown, frozen=True, kw_only=True):
    """An agreement of a person, with the address of its readings."""

    agreement: Agreement
    premise: str
    readings: str
    """Address of the intervals, up to 31 days at a time."""


class ExportedAccount(Shown, frozen=True, kw_only=True):
    """An account of a person, with all entries and messages."""

    account_id: int
    role: str
    currency: str
    agreements: list[ExportedAgreement]
    entries: list[Entry]
    maintenance: list[Entry]
    """Entries of the maintenance account beside it: dues and payments."""
    messages: list["Message"]


class Message(Shown, frozen=True, kw_only=True):
    """A message that was sent for an account."""

    kind: str
    requested_at: datetime
    delivered_at: datetime | None
    channel: str
    recipient: str
    text: str


class Evidence(Shown, frozen=True, kw_only=True):
    """The evidence of a protected status."""

    kind: str
    evidence: str
    valid_from: datetime
    valid_to: datetime | None


class Export(Shown, frozen=True, kw_only=True):
    """All stored data of a person."""

    exported_at: datetime
    consumer: Consumer
    last_signed_in_at: datetime | None
    protections: list[Evidence]
    accounts: list[ExportedAccount]
    read_by: list[PersonalRead]
    """Reads of this data by others."""
