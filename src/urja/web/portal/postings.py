"""An account's postings by day: the newest on the first page, all of them in the passbook."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from urja.apps.billing.queries import ledger_entries
from urja.web.shared import formats, ledger_words
from urja.web.shared.account_card import AccountCard

HOME_ENTRIES = 12
PASSBOOK_ENTRIES = 60


class EntryLine(NamedTuple):
    """A posting in a list."""

    seq: int
    title: str
    amount: str
    credit: bool


class EntryDay(NamedTuple):
    """The postings of one service day, and what they come to."""

    title: str
    total: str
    lines: list[EntryLine]


@dataclass(frozen=True, slots=True)
class Postings:
    """Whole days of postings, newest first."""

    account: AccountCard
    days: list[EntryDay]
    before: int | None
    """Where older postings go on, if there are any."""


def newest(card: AccountCard) -> Postings:
    """Return the newest postings, as many as the first page has room for."""
    return _postings(card, HOME_ENTRIES, None)


def passbook(card: AccountCard, before_seq: int | None) -> Postings:
    """Return the postings below `before_seq`, the newest first."""
    return _postings(card, PASSBOOK_ENTRIES, before_seq)


def _postings(card: AccountCard, limit: int, before_seq: int | None) -> Postings:
    entries = ledger_entries.entries(card.id, limit + 1, before_seq)
    shown = _whole_days(entries, limit)
    return Postings(card, _by_day(shown), shown[-1].seq if len(entries) > limit else None)


def _whole_days(entries: Sequence[ledger_entries.Entry], limit: int) -> Sequence[ledger_entries.Entry]:
    """The first `limit` entries at most, without a day that the limit would cut; one day alone is cut."""
    if len(entries) <= limit:
        return entries
    whole = limit
    while whole and entries[whole - 1].service_date == entries[limit].service_date:
        whole -= 1
    return entries[: whole or limit]


def _by_day(entries: Iterable[ledger_entries.Entry]) -> list[EntryDay]:
    days = []
    for day, group in groupby(entries, key=attrgetter("service_date")):
        members = sorted(group, key=attrgetter("seq"))
        total = sum(entry.amount_minor for entry in members)
        days.append(
            EntryDay(
                title=formats.day(day),
                total=formats.money(total, members[0].currency, signed=True) if len(members) > 1 else "",
                lines=[_line(entry) for entry in members],
            )
        )
    return days


def _line(entry: ledger_entries.Entry) -> EntryLine:
    return EntryLine(
        seq=entry.seq,
        title=ledger_words.title(entry.title),
        amount=formats.money(entry.amount_minor, entry.currency, signed=True),
        credit=entry.amount_minor > 0,
    )
