"""Parser of policy documents: TOML, dated and versioned, one file for each version.

`parse_policy` reports all faults at once, each with its place and a sentence. It also refuses documents whose rules
contradict each other: a window wholly in protected hours, a wait for a window longer than the document promises, a
reconnection that would be followed by a disconnection.
"""

import calendar
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal, cast

from urja.base import toml
from urja.base.untyped_values import JsonObject
from urja.core.policy.hours import (
    Holiday,
    NthWeekday,
    OpenHours,
    ProtectedTimes,
    Span,
    split_at_midnight,
    subtract_spans,
)
from urja.core.policy.table_reader import MINUTES_PER_DAY, WEEKDAYS, PolicyTableReader
from urja.core.table_reader import DocumentError, Fault, tables_of

FORMAT: Final = 1
"""The document format that this module reads."""

REQUIRABLE: Final = ("zero", "cut")
"""Notices that a disconnection can require: those that each account gets once its credit is exhausted. A notice that
a large day's use can skip (`low-10`) would never be served, and its account never be disconnected.
"""

CHANNELS: Final = ("sms",)
"""Channels whose attempts may count. E-mail is not among them: that a relay accepted a message does not show that it
was read.
"""

AT_CLOSE_DAYS: Final = 7
"""Days that a document grants which says nothing about charges at the close of a period."""

_CALENDAR_CYCLE_DAYS: Final = 28 * 366
"""In 28 years every day of the year meets every weekday."""

_LONGEST_SERVING: Final = timedelta(days=60)
"""Notices that need longer to be served would prevent a disconnection for ever in practice."""

CORRECTED_MONTHS: Final = 12
"""Months that a close corrects at least in the consumer's favour, and in both directions where no document has a limit."""

_LONGEST_LOOK_BACK_MONTHS: Final = 120
_LONGEST_REVIEW_DAYS: Final = 90

_YEARLY: Final = re.compile(r"(\d\d)-(\d\d)")


class PolicyError(DocumentError):
    """A text that is not a valid policy document."""


@dataclass(frozen=True, slots=True)
class Warnings:
    """When a consumer is warned while there is credit; each list has its largest value first."""

    percents: tuple[int, ...]
    """Percentages of the last recharge."""
    days: tuple[int, ...]
    """Days that the credit lasts at the usual daily cost."""
    amounts_minor: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExtraTime:
    """An extra time to pay for small consumers, from when the credit ran out."""

    categories: frozenset[str]
    """Consumer categories; empty: all."""
    up_to_w: int
    days: int


@dataclass(frozen=True, slots=True)
class Credit:
    """Where credit ends, and what keeps the supply connected beyond that."""

    cut_below_minor: int
    emergency_minor: int
    emergency_days: int
    """Where both an amount and days are given, emergency credit lasts until both are used up."""
    conversion_days: int
    at_close_days: int
    """Days after what settles at the close of a billing period was posted, in which it does not count."""
    longer: tuple[ExtraTime, ...]


@dataclass(frozen=True, slots=True)
class DisconnectRules:
    """How disconnections are carried out, and which readings they need."""

    open_hours: OpenHours
    opens_within_days: int
    """Days within which a window opens after any instant; `parse_policy` has proved it."""
    most_per_transformer: int
    """Largest number of disconnections in one window behind one transformer."""
    stagger_s: int
    """Seconds between two disconnections behind one transformer."""
    max_data_age: timedelta
    max_estimated: Fraction
    least_fresh: Fraction = Fraction(7, 10)
    """The share of meters that must have fresh data for collection to be well."""
    fresh_within: timedelta = timedelta(hours=3)
    """Age up to which data are fresh; a meter counts once it has been in service for so long."""
    least_area_meters: int = 20
    """Number of meters from which on an administrative node is judged by itself."""


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """The notices that must be served before a disconnection, and what serves a notice: a receipt, or the rules
    below.
    """

    before_cut: tuple[str, ...]
    least_delivered: int
    """Number of notices of any kind that must be served since the last recharge, or since the credit ran out if that is
    earlier.
    """
    lead: timedelta
    """Time between the serving of the last required notice and the disconnection."""
    repeat: timedelta
    """Time after which a required notice that is not served is sent again."""
    attempts: int
    """Number of attempts that serve a notice of a kind; 0: only receipts do."""
    attempts_over: timedelta
    """Time that must have passed since the first attempt."""
    channels: tuple[str, ...]
    """Channels on which an attempt counts."""
    letter_after: timedelta | None
    """Time after posting at which a letter serves all notices that a disconnection needs; None: no letter does."""


@dataclass(frozen=True, slots=True)
class PaymentRules:
    """Payments under way, and what a recharge pays."""

    authorised_holds: timedelta
    """Time for which an authorised payment prevents a disconnection."""
    authorised_restores: bool
    """Whether it also reconnects a supply where it would be enough once captured."""
    at_most: int
    """Number of such payments that count, the oldest first."""
    arrears_percent: int
    """Percentage of each recharge that pays arrears, as long as there are any."""


@dataclass(frozen=True, slots=True)
class PartialPaymentRule:
    """A partial payment of at least `percent` of the due reconnects the supply, with `days` to pay the rest."""

    percent: int
    days: int


@dataclass(frozen=True, slots=True)
class ReconnectRules:
    """When a supply is reconnected after a disconnection for credit."""

    at_least_minor: int
    partial: tuple[PartialPaymentRule, ...]
    """Smallest percentage first."""
    stagger_s: int
    """Seconds between two reconnections behind one transformer."""


@dataclass(frozen=True, slots=True)
class LookBack:
    """How far back a consumer is charged for days that are past."""

    charge_months: int
    """A billing period that began longer ago is never charged more."""
    credit_months: int
    """One that began longer ago is not compared any more: it is credited nothing either."""

    def charged_from(self, day: date) -> date:
        """Return the local day before whose periods nothing more is charged, for what is posted on a local day."""
        year, month = divmod(day.year * 12 + day.month - 1 - self.charge_months, 12)
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(day.day, last))


type Undecided = Literal["credited", "stands"]

UNDECIDED: Final = ("credited", "stands")
"""What becomes of the amount above the usual when a review ends undecided: given back, or it stands."""


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """Which charge of a day is abnormal, and how long its review runs."""

    times: Fraction
    """A charge above so many times the mean of the days before is abnormal, if it is also above `above_minor`."""
    days: int
    """Number of charged days before it that make the mean; with fewer no charge is judged."""
    above_minor: int
    decide_within_days: int
    """Days in which a person is to decide; then the review is overdue."""
    ends_after_days: int
    """Days after which it ends by itself."""
    undecided: Undecided

    def abnormal(self, charge_minor: int, before_minor: int) -> bool:
        """Return whether a day's charge is abnormal after `days` days that were charged `before_minor` together."""
        return charge_minor > self.above_minor and charge_minor * self.days > self.times * before_minor


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a policy, in force from a local day until the next version with its code."""

    code: str
    version: str
    title: str
    currency: str
    decimals: int
    valid_from: date
    modelled_on: str
    warnings: Warnings
    credit: Credit
    cut: DisconnectRules
    notices: NoticeRules
    payments: PaymentRules
    reconnect: ReconnectRules
    look_back: LookBack | None
    """None where the document has no limit: then a close corrects twelve months, in both directions."""
    reviews: ReviewRules | None
    """None where the document opens no reviews."""
    sha256: str = field(repr=False)

    @property
    def protected(self) -> ProtectedTimes:
        return self.cut.open_hours.protected

    @property
    def floor_minor(self) -> int:
        """The limit less the emergency credit, in minor units: no account with this balance or more is ever
        disconnected.
        """
        return self.credit.cut_below_minor - self.credit.emergency_minor


def bundled_policies() -> dict[str, str]:
    """Return the documents that ship with Urja by file name: a plain one, and one modelled on published rules."""
    return toml.shipped("urja.core.policy", "documents")


def parse_policy(text: str) -> Policy:
    """Parse a policy document, in which amounts are major units; the result has minor units.

    Raises PolicyError with every fault found, contradictions between rules included.
    """
    faults: list[Fault] = []
    reader = PolicyTableReader(tables_of(text, PolicyError, "docs/policy.md"), "", faults)
    reader.check_format(FORMAT)
    decimals = reader.whole("decimals", 2, high=4)
    policy = Policy(
        code=reader.identifier("code"),
        version=reader.identifier("version"),
        title=reader.text("title"),
        currency=reader.currency(),
        decimals=decimals,
        valid_from=reader.day("valid_from"),
        modelled_on=reader.text("modelled_on", ""),
        warnings=_warnings(reader.table("warnings"), decimals),
        credit=_credit(reader.table("credit"), decimals),
        cut=_cut(reader.table("cut"), _protected(reader.table("protected"))),
        notices=_notices(reader.table("notices")),
        payments=_payments(reader.table("payments")),
        reconnect=_reconnect(reader.table("reconnect"), decimals),
        look_back=_look_back(reader.table("look_back")) if "look_back" in reader else None,
        reviews=_reviews(reader.table("reviews"), decimals) if "reviews" in reader else None,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    reader.finish()
    # After a fault above, its field has a harmless default, so contradictions can be checked all the same: one pass
    # reports everything.
    faults.extend(_contradictions(policy))
    if faults:
        raise PolicyError(faults)
    return policy


def _warnings(reader: PolicyTableReader, decimals: int) -> Warnings:
    percents = reader.wholes("percent_of_last_recharge", low=1, high=99)
    days = reader.wholes("days_left", low=1, high=365)
    given = reader.take("below", [])
    amounts = []
    if not isinstance(given, list):
        reader.fault(f'must be a list of amounts such as ["100"], not {given!r}', "below")
        given = []
    for n, value in enumerate(given, 1):
        item = PolicyTableReader({"amount": value}, f"{reader.place('below')}[{n}]", reader.faults)
        amounts.append(item.amount("amount", decimals=decimals))
    reader.finish()
    return Warnings(percents, days, tuple(sorted(set(amounts), reverse=True)))


def _credit(reader: PolicyTableReader, decimals: int) -> Credit:
    credit = Credit(
        cut_below_minor=reader.amount("cut_below", 0, decimals=decimals, negative=True),
        emergency_minor=reader.amount("emergency", 0, decimals=decimals),
        emergency_days=reader.whole("emergency_days", 0, high=90),
        conversion_days=reader.whole("grace_days_after_conversion", 0, high=365),
        at_close_days=reader.whole("grace_days_at_close", AT_CLOSE_DAYS, high=90),
        longer=tuple(_longer(item) for item in reader.tables("longer")),
    )
    reader.finish()
    return credit


def _longer(reader: PolicyTableReader) -> ExtraTime:
    watts = reader.number("up_to_kw") * 1000
    if watts <= 0 or watts.denominator != 1:
        reader.fault("must be above zero, in whole watts", "up_to_kw")
    longer = ExtraTime(
        frozenset(reader.words("categories")), int(watts), reader.whole("days", low=1, high=365)
    )
    reader.finish()
    return longer


def _protected(reader: PolicyTableReader) -> ProtectedTimes:
    hours: list[Span] = []
    for item in reader.tables("hours"):
        hours.extend(split_at_midnight(item.minutes("from"), item.minutes("to")))
        item.finish()
    nth = []
    for item in reader.tables("nth_weekdays"):
        nth.append(NthWeekday(item.whole("nth", low=1, high=5), item.weekday("weekday")))
        item.finish()
    weekdays = frozenset(
        WEEKDAYS.index(name) for name in reader.words("weekdays", WEEKDAYS) if name in WEEKDAYS
    )
    holidays = [found for item in reader.tables("holidays") if (found := _holiday(item)) is not None]
    reader.finish()
    return ProtectedTimes(tuple(sorted(hours)), weekdays, tuple(nth), tuple(holidays))


def _holiday(reader: PolicyTableReader) -> Holiday | None:
    name, value = reader.text("name"), reader.take("day")
    reader.finish()
    if value is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return Holiday(value.month, value.day, value.year, name)
    match = _YEARLY.fullmatch(value) if isinstance(value, str) else None
    try:
        # 2024 is a leap year, so that 02-29 is accepted: it is a holiday in the years that have it.
        day = date(2024, int(match[1]), int(match[2])) if match else None
    except ValueError:
        day = None
    if day is None:
        reader.fault(
            f'must be a day such as 2026-11-08, or "01-26" for each year\'s 26 January, not {value!r}', "day"
        )
        return None
    return Holiday(day.month, day.day, None, name)


def _cut(reader: PolicyTableReader, protected: ProtectedTimes) -> DisconnectRules:
    start, end = reader.minutes("from"), reader.minutes("to")
    if start >= end and "from" in reader and "to" in reader:
        reader.fault("must be later in the same day than from", "to")
    percent = reader.whole("max_estimated_percent", high=100)
    rules = DisconnectRules(
        open_hours=OpenHours(subtract_spans((start, end), protected.hours) if start < end else (), protected),
        opens_within_days=reader.whole("opens_within_days", low=1, high=60),
        most_per_transformer=reader.whole("most_per_transformer", low=1),
        stagger_s=reader.whole("stagger_s", 0, high=3600),
        max_data_age=timedelta(hours=reader.whole("max_data_age_hours", low=1, high=24 * 60)),
        max_estimated=Fraction(percent, 100),
        # Below half of the meters no document may call collection well.
        least_fresh=Fraction(reader.whole("least_fresh_percent", 70, low=50, high=100), 100),
        fresh_within=timedelta(hours=reader.whole("fresh_within_hours", 3, low=1, high=24)),
        least_area_meters=reader.whole("least_area_meters", 20, low=1, high=1_000_000),
    )
    reader.finish()
    return rules


def _notices(reader: PolicyTableReader) -> NoticeRules:
    rules = NoticeRules(
        before_cut=reader.words("before_cut", REQUIRABLE),
        least_delivered=reader.whole("least_delivered", 0, high=20),
        lead=timedelta(hours=reader.whole("lead_hours", 0, high=24 * 30)),
        repeat=timedelta(hours=reader.whole("repeat_hours", 24, low=1, high=24 * 30)),
        **_served(reader.table("served")),
    )
    reader.finish()
    return rules


def _served(reader: PolicyTableReader) -> JsonObject:
    """Return what serves a notice beside a receipt; without this table, only a receipt does."""
    attempts, days, channels = 0, 0, reader.words("channels", CHANNELS)
    if "attempts" in reader or "days" in reader or channels:
        attempts = reader.whole("attempts", low=2, high=50)
        days = reader.whole("days", low=1, high=60)
        if not channels:
            reader.fault(f"must name the channels whose attempts count: {', '.join(CHANNELS)}", "channels")
    letter = reader.whole("letter_days", 0, low=1, high=60) if "letter_days" in reader else None
    reader.finish()
    return {
        "attempts": attempts,
        "attempts_over": timedelta(days=days),
        "channels": channels,
        "letter_after": None if letter is None else timedelta(days=letter),
    }


def _payments(reader: PolicyTableReader) -> PaymentRules:
    rules = PaymentRules(
        authorised_holds=timedelta(hours=reader.whole("authorised_holds_hours", low=1, high=24 * 10)),
        authorised_restores=reader.truth("authorised_restores", default=False),
        at_most=reader.whole("at_most", low=1, high=20),
        arrears_percent=reader.whole("arrears_percent", 0, high=100),
    )
    reader.finish()
    return rules


def _reconnect(reader: PolicyTableReader, decimals: int) -> ReconnectRules:
    partial = []
    for item in reader.tables("partial"):
        partial.append(
            PartialPaymentRule(item.whole("percent", low=1, high=100), item.whole("days", low=1, high=90))
        )
        item.finish()
    rules = ReconnectRules(
        at_least_minor=reader.amount("at_least", decimals=decimals, negative=True),
        partial=tuple(sorted(partial, key=lambda part: part.percent)),
        stagger_s=reader.whole("stagger_s", 0, high=3600),
    )
    if len({part.percent for part in partial}) != len(partial):
        reader.fault("has one percentage twice", "partial")
    days = [part.days for part in rules.partial]
    if days != sorted(days):
        reader.fault(
            "must give more days for a larger percentage: paying more would otherwise shorten the time",
            "partial",
        )
    reader.finish()
    return rules


def _look_back(reader: PolicyTableReader) -> LookBack:
    # With one month, the last day of a monthly period could not be corrected two days later.
    months = reader.whole("charge_months", low=2, high=_LONGEST_LOOK_BACK_MONTHS)
    usual = max(months, CORRECTED_MONTHS)
    limit = LookBack(
        months,
        reader.whole("credit_months", usual, low=CORRECTED_MONTHS, high=_LONGEST_LOOK_BACK_MONTHS),
    )
    if limit.credit_months < limit.charge_months:
        reader.fault("must not be below charge_months: what is charged is also credited", "credit_months")
    reader.finish()
    return limit


def _reviews(reader: PolicyTableReader, decimals: int) -> ReviewRules:
    times = reader.number("times")
    if times <= 1 and "times" in reader:
        reader.fault("must be above 1: a usual day would be abnormal", "times")
    within = reader.whole("decide_within_days", low=1, high=_LONGEST_REVIEW_DAYS)
    rules = ReviewRules(
        times=max(times, Fraction(1)),
        days=reader.whole("days", low=3, high=_LONGEST_REVIEW_DAYS),
        above_minor=reader.amount("above", decimals=decimals),
        decide_within_days=within,
        ends_after_days=reader.whole("ends_after_days", within, low=1, high=_LONGEST_REVIEW_DAYS),
        undecided=_undecided(reader),
    )
    if rules.ends_after_days < within:
        reader.fault("must not be below decide_within_days", "ends_after_days")
    reader.finish()
    return rules


def _undecided(reader: PolicyTableReader) -> Undecided:
    value = reader.take("undecided", UNDECIDED[0])
    if value not in UNDECIDED:
        reader.fault(f"is {value!r}; allowed are {', '.join(UNDECIDED)}", "undecided")
        return "credited"
    return cast("Undecided", value)


def _contradictions(policy: Policy) -> Iterator[Fault]:
    reconnect, credit = policy.reconnect, policy.credit
    if reconnect.at_least_minor < credit.cut_below_minor:
        yield Fault(
            "reconnect.at_least",
            "is below credit.cut_below: a consumer who pays so much would be disconnected again at once",
        )
    if reconnect.partial and reconnect.at_least_minor != credit.cut_below_minor:
        yield Fault(
            "reconnect.at_least",
            "must equal credit.cut_below where a partial payment reconnects the supply: a consumer who pays more than "
            "that part would otherwise stay disconnected",
        )
    notices = policy.notices
    longest = (notices.attempts - 1) * notices.repeat
    if longest > _LONGEST_SERVING:
        yield Fault(
            "notices.served.attempts",
            f"is {notices.attempts}, which takes {longest.days} days at notices.repeat_hours; at most "
            f"{_LONGEST_SERVING.days} may pass",
        )
    if policy.payments.arrears_percent == 100:
        yield Fault("payments.arrears_percent", "must leave something of a recharge to become credit")
    yield from _closed_for_too_long(policy)


def _closed_for_too_long(policy: Policy) -> Iterator[Fault]:
    rules, first = policy.cut, policy.valid_from
    if first == date.min:
        return
    if not rules.open_hours.spans:
        yield Fault(
            "cut.from", "to cut.to lies wholly in protected.hours: no supply could ever be disconnected"
        )
        return
    wait, began = _longest_wait_minutes(rules.open_hours, first)
    if wait > rules.opens_within_days * MINUTES_PER_DAY:
        days, hours = wait // MINUTES_PER_DAY, wait % MINUTES_PER_DAY // 60
        yield Fault(
            "cut.opens_within_days",
            f"is {rules.opens_within_days}, but from {began} no window opens for {days} days and {hours} hours",
        )


@lru_cache(maxsize=64)
def _longest_wait_minutes(hours: OpenHours, first: date) -> tuple[int, date]:
    """Return the longest wait for a window in minutes, and the day it begins.

    It walks through 28 years of days, which takes longer than the rest of the parser; hence the cache.
    """
    return hours.longest_wait_minutes(first, _CALENDAR_CYCLE_DAYS)
