"""The effect of new tariff versions on what has been charged: accounts rated with them and without them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import connection

from urja.apps.billing import look_back, queries, targets, usage
from urja.apps.books import queries as books
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.errors import UnknownTariffError, UnstatedLoadError
from urja.apps.rulebook.queries import tariffs
from urja.core.calendar import ONE_DAY, Period, local_day


@dataclass(frozen=True, slots=True)
class Charged:
    """What a period so far costs by the stored tariff versions."""

    account_id: int
    through: date
    """The day after the last one that is charged."""
    fingerprint: str
    total_minor: int
    limited: bool = False
    """Whether the look-back limit refuses a higher charge."""
    lacks_load: bool = False
    """Whether its terms do not state a load that the tariff needs; then it stays at what was posted."""


type Charges = dict[tuple[int, date], Charged]
"""By agreement and first day of the period."""


@dataclass(frozen=True, slots=True)
class Repriced:
    """How much more (a debit) or less (a credit) accounts of one currency are charged, in minor units."""

    accounts: int
    """Accounts with charged days that another text rates, or whose charge changes."""
    sum_minor: int
    """Total change; above zero where consumers pay more."""
    largest_debit: tuple[int, int] | None
    """Number of the account with the largest debit, and its amount."""
    largest_credit: tuple[int, int] | None
    refused_minor: int
    """What is not charged because of the look-back limit, and not in the sum."""
    held: int
    """Accounts that are held back, with charged days on terms that do not state a load which the new versions need. Other figures
    are without them."""


def charges_since(codes: Sequence[str], first: date, now: datetime) -> Charges:
    """Return the charges, in minor units, of periods that new versions from the local day `first` on may change.

    These are the periods with a tariff of `codes` that are billed beyond `first` and that the next close still
    corrects.
    """
    found: Charges = {}
    with tariffs.cached_versions():
        for period, through, agreements in _rated(codes, first, now):
            energies = usage.energies([agreement.id for agreement in agreements], period, through)
            limits = look_back.limits(agreements, now, period)
            for agreement in agreements:
                used = energies.get(agreement.id)
                charged = _charged(agreement, period, through, used.billed_value if used else 0)
                found[agreement.id, period.first] = replace(charged, limited=agreement.id in limits)
    return found


def _rated(
    codes: Sequence[str], first: date, now: datetime
) -> Iterator[tuple[Period, date, Sequence[Agreement]]]:
    """Yield agreements of a bucket with a period and how far it is charged, grouped by period and bucket."""
    closing = local_day(now, local_zone()) - ONE_DAY
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.period_start, r.period_end, r.through, array_agg(r.agreement_id ORDER BY r.agreement_id) "  # noqa: S608 - a constant
            f"FROM billing_rated r WHERE r.billed_end > %s AND {look_back.COUNTED_FROM} >= %s AND EXISTS ("
            "  SELECT FROM contracts.terms t WHERE t.agreement_id = r.agreement_id "
            "  AND t.tariff_code = ANY(%s)) GROUP BY 1, 2, 3, r.agreement_id >> 40 ORDER BY 1, 2, 3",
            [first, look_back.oldest_compared(closing), list(codes)],
        )
        groups = cursor.fetchall()
    for start, end, through, ids in groups:
        yield Period(start, end), through, contracts.agreements(ids)


def _charged(agreement: Agreement, period: Period, through: date, energy_wh: int) -> Charged:
    try:
        rating = targets.rate(agreement, period, through, energy_wh, usage.energy_at(agreement.id, period))
    except UnknownTariffError as error:
        # Its terms name a tariff that is not loaded: nothing can be posted for it until a version is, so it stays at what
        # was posted.
        posted = queries.posted_lines([agreement.id], period.first).get(agreement.id, {})
        charged_minor = sum(line.charged_minor for line in posted.values())
        return Charged(
            agreement.account_id, through, "", charged_minor, lacks_load=isinstance(error, UnstatedLoadError)
        )
    return Charged(agreement.account_id, through, rating.basis.fingerprint, rating.target.total_minor)


def repriced(before: Charges, after: Charges, first: date) -> dict[str, Repriced]:
    """Return the changes in minor units between two results of `charges_since`, by currency.

    Versions in force from `first` on were stored between the two.
    """
    differences: dict[int, int] = {}
    refused: dict[int, int] = {}
    # A close posts no correction of an agreement that has a period which cannot be rated.
    held = {agreement_id for (agreement_id, _), new in after.items() if new.lacks_load}
    newly_held = {
        new.account_id for key, new in after.items() if new.lacks_load and not before[key].lacks_load
    }
    for key, new in after.items():
        if key[0] in held:
            continue
        old = before[key]
        difference = new.total_minor - old.total_minor
        if new.limited and difference > 0:
            refused[new.account_id] = refused.get(new.account_id, 0) + difference
            difference = 0
        if difference or (old.fingerprint != new.fingerprint and new.through > first):
            differences[new.account_id] = differences.get(new.account_id, 0) + difference
    currencies = books.currencies(differences.keys() | newly_held)
    return {
        currency: _summed(
            {id_: minor for id_, minor in sorted(differences.items()) if currencies[id_] == currency},
            refused,
            sum(currencies[id_] == currency for id_ in newly_held),
        )
        for currency in sorted(set(currencies.values()))
    }


def _summed(differences: dict[int, int], refused: dict[int, int], held: int) -> Repriced:
    most = max(differences.items(), key=lambda each: each[1], default=(0, 0))
    least = min(differences.items(), key=lambda each: each[1], default=(0, 0))
    return Repriced(
        accounts=len(differences),
        sum_minor=sum(differences.values()),
        largest_debit=most if most[1] > 0 else None,
        largest_credit=least if least[1] < 0 else None,
        refused_minor=sum(refused.get(account_id, 0) for account_id in differences),
        held=held,
    )
