"""Answers about where an account stands: its balance with what belongs beside it, and banked units."""

from datetime import date, datetime

from urja.web.api.answers import Shown


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
