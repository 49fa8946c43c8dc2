"""A statement of account in words: what its period came to, what moved the balance, and what was charged later."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from django.utils.translation import gettext as _

from urja.apps.billing.kinds import Cause
from urja.apps.billing.queries import ledger_entries
from urja.apps.statements.kinds import (
    AccountMovement,
    LateCharge,
    StatementContent,
    StatementLine,
    StatementRead,
)
from urja.apps.statements.queries import Statement, StatementSummary
from urja.core.calendar import ONE_DAY
from urja.web.shared import formats, ledger_words
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import zone
from urja.web.shared.entry_page import RowView, cause_sentence, row_view


@dataclass(frozen=True, slots=True)
class StatementItem:
    """A statement in a list."""

    number: str
    period: str
    total: str
    note: str
    """That it revises another one or was revised; empty otherwise."""


@dataclass(frozen=True, slots=True)
class LineView:
    """A line with its amount; `rows` are its arithmetic."""

    title: str
    amount: str
    amount_minor: int
    note: str = ""
    rows: Sequence[RowView] = ()


@dataclass(frozen=True, slots=True)
class StatementPage:
    """A statement with everything that it states."""

    account: AccountCard
    number: str
    period: str
    made: str
    remarks: list[str]
    """What it revises, what revises it, and that it is provisional."""
    opening: str
    closing: str
    closing_minor: int
    lines: list[LineView]
    total: str
    total_minor: int
    late: list[LineView]
    causes: list[str]
    """Why the period was charged otherwise after its end, each once."""
    charged: LineView
    """What was charged until the period was over, by which the balance moved."""
    movements: list[LineView]
    use: str
    reads: list[tuple[str, str, str]]
    unit: str
    tariffs: list[str]
    sha256: str
    final: bool
    """Whether it states what was posted after the agreement's last period; it has no charges and no use of its own."""


def statement_item(found: StatementSummary, currency: str) -> StatementItem:
    """Return a statement for a list."""
    note = ""
    if found.revised_by is not None:
        note = _("Revised by statement %(number)s.") % {"number": found.revised_by}
    elif found.final:
        note = _("Final statement")
    elif found.revises is not None:
        note = _("Revises statement %(number)s.") % {"number": found.revises}
    return StatementItem(
        found.number,
        _period(found.period_from, found.period_to),
        formats.money(found.total_minor, currency),
        note,
    )


def statement_page(card: AccountCard, found: Statement) -> StatementPage:
    """Return the page of a statement."""
    content, currency = found.content, found.content.currency
    made_at = content.made_at.astimezone(zone())
    return StatementPage(
        account=card,
        number=content.number,
        period=_period(content.bill.billed_from, content.period_to),
        made=_("Made on %(day)s at %(time)s.")
        % {"day": formats.day(made_at.date()), "time": formats.clock_time(made_at)},
        remarks=list(_remarks(found)),
        opening=formats.money(content.opening_minor, currency),
        closing=formats.money(content.closing_minor, currency),
        closing_minor=content.closing_minor,
        lines=[_line(line, currency) for line in content.bill.lines],
        total=formats.money(content.total_minor, currency),
        total_minor=content.total_minor,
        late=[_late(one, currency) for one in content.late],
        causes=list(_causes(content)),
        charged=_amount(_("Charges up to the end of the period"), -content.charged_minor, currency),
        movements=list(_movements(content)),
        use=formats.billed(content.bill.use, content.commodity),
        reads=[
            _read(one, content.commodity)
            for one in (content.bill.opening_read, content.bill.closing_read)
            if one
        ],
        unit=formats.billed_unit(content.commodity),
        tariffs=[
            _("%(title)s, version %(version)s")
            % {"title": ledger_words.title(one.title), "version": one.version}
            for one in content.bill.tariffs
        ],
        sha256=found.summary.sha256,
        final=content.final,
    )


def _period(first: date, end: date) -> str:
    return _("%(first)s to %(last)s") % {"first": formats.day(first), "last": formats.day(end - ONE_DAY)}


def _remarks(found: Statement) -> Iterable[str]:
    content, currency = found.content, found.content.currency
    if found.summary.revised_by is not None:
        yield _("A later statement, %(number)s, revises this one.") % {"number": found.summary.revised_by}
    if content.final:
        yield _("Final statement: what moved the balance after the last billing period of the agreement.")
    if content.revises is not None:
        yield _(
            "It revises statement %(number)s, by which the period came to %(before)s. The difference is %(difference)s."
        ) % {
            "number": content.revises.number,
            "before": formats.money(content.revises.total_minor, currency),
            "difference": formats.money(content.difference_minor, currency, signed=True),
        }
    if content.bill.provisional:
        yield _("Provisional: the reading at the end of the period has not come yet.")


def _line(line: StatementLine, currency: str) -> LineView:
    rows = [
        row_view(
            ledger_entries.Row(
                row.label,
                row.label,
                Fraction(row.quantity),
                row.unit,
                Fraction(row.rate_minor),
                row.charged_minor,
            ),
            currency,
        )
        for row in line.rows
    ]
    note = _("subsidy") if line.subsidy else ""
    return LineView(
        ledger_words.title(line.title),
        formats.money(line.charged_minor, currency),
        line.charged_minor,
        note,
        rows,
    )


def _late(one: LateCharge, currency: str) -> LineView:
    note = _("posted on %(day)s") % {"day": formats.day(one.day)}
    return LineView(
        ledger_words.title(one.title),
        formats.money(one.charged_minor, currency, signed=True),
        one.charged_minor,
        note,
    )


def _causes(content: StatementContent) -> Iterable[str]:
    """Yield each cause of a late charge once; where entries tell none, that the period was calculated again."""
    for cause in dict.fromkeys(one.cause for one in content.late):
        yield (
            cause_sentence(Cause(cause))
            if cause
            else _("The period was calculated again from all that is known.")
        )


def _movements(content: StatementContent) -> Iterable[LineView]:
    """Yield what moved the balance beside the charges of the period."""
    currency = content.currency
    for one in (*content.payments, *content.adjustments):
        yield _movement(one, currency)
    for correction in content.corrections:
        title = _("%(line)s for the period from %(day)s") % {
            "line": ledger_words.title(correction.title),
            "day": formats.day(correction.period_from),
        }
        yield _amount(title, -correction.charged_minor, currency)


def _movement(one: AccountMovement, currency: str) -> LineView:
    return LineView(
        ledger_words.title(one.title),
        formats.money(one.amount_minor, currency, signed=True),
        one.amount_minor,
        formats.short_day(one.day),
    )


def _amount(title: str, amount_minor: int, currency: str) -> LineView:
    return LineView(title, formats.money(amount_minor, currency, signed=True), amount_minor)


def _read(one: StatementRead, commodity: str) -> tuple[str, str, str]:
    at = one.read_at.astimezone(zone())
    return (
        _("%(day)s, %(time)s") % {"day": formats.short_day(at.date()), "time": formats.clock_time(at)},
        ledger_words.read(one.kind, one.status),
        formats.billed_number(one.value, commodity),
    )
