"""A posting opened to its arithmetic: rows, reads of the register, tariffs, and whether it all adds up.

Amounts that a test or a reader may want to recompute also come as integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, assert_never

from django.utils.translation import gettext as _

from urja.apps.billing.kinds import NO_DETERMINANTS, Cause
from urja.apps.billing.queries import ledger_entries
from urja.apps.contracts import queries as contracts
from urja.apps.rulebook.errors import UnknownTariffError
from urja.apps.rulebook.queries.tariffs import version_with_hash
from urja.core.calendar import midnight
from urja.core.rating import Commodity
from urja.web.shared import charge_words, formats, gas_words, ledger_words as wording, unit_words
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import zone

_BILLED: Final = frozenset(commodity.unit for commodity in Commodity)
"""Units of rows whose quantity came from a register."""


@dataclass(frozen=True, slots=True)
class RowView:
    """A row of arithmetic: what for, quantity times rate, and what it comes to."""

    key: str
    label: str
    product: str
    amount: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ReadView:
    """A read of the register that energy was billed from."""

    at: str
    kind: str
    register: str


@dataclass(frozen=True, slots=True)
class MeterView:
    """A meter in the billing period so far: what it said first and last, and the energy of that."""

    title: str
    first: ReadView
    last: ReadView
    arithmetic: str
    energy: str


@dataclass(frozen=True, slots=True)
class EntryPage:
    """A posting with all that it came from."""

    account: AccountCard
    title: str
    subtitle: str
    amount: str
    amount_minor: int
    credit: bool
    rows: list[RowView]
    sum: str
    sum_minor: int
    adds_up: bool
    check: str
    told: list[str]
    """What a charge is for, in sentences; empty where the rows say all."""
    cause: str
    """Why a charge changes what was charged before; empty where it charges another day."""
    one_bill: str
    """That it was posted with a statement of account; empty otherwise."""
    share: str
    """How an amount that goes to old dues, or comes back from them, was found."""
    opening: ReadView | None
    """The register when the billing period began, where the posting before was not the first."""
    reads: list[ReadView]
    meters: list[MeterView]
    """In place of the reads, where the period had several meters or one behind transformers."""
    unit: str
    """Of the registers and what they have counted."""
    energy: str
    """What they have counted together."""
    advance: str
    notes: list[str]
    tariffs: list[str]
    posted: str


def entry_page(card: AccountCard, seq: int) -> EntryPage | None:
    """Return one posting with its arithmetic; None where the account has no such posting."""
    why = ledger_entries.explain_entry(card.id, seq)
    if why is None:
        return None
    posted = why.entry
    total = sum(row.amount_minor for row in why.rows)
    # Reads say something about what was rated from energy, and nothing about a charge by the day.
    reads = why.reads if any(row.unit in {*_BILLED, "minor"} for row in why.rows) else ()
    return EntryPage(
        account=card,
        title=wording.title(posted.title),
        subtitle=_("For %(day)s") % {"day": formats.day(posted.service_date)},
        amount=formats.money(posted.amount_minor, posted.currency, signed=True),
        amount_minor=posted.amount_minor,
        credit=posted.amount_minor > 0,
        rows=[row_view(row, posted.currency) for row in why.rows]
        if posted.origin == "engine" or why.arrears
        else [],
        sum=formats.money(total, posted.currency, signed=True),
        sum_minor=total,
        adds_up=total == posted.amount_minor and not why.faults,
        check=_check(total, posted.amount_minor, why.faults),
        told=_told(why),
        cause=cause_sentence(why.cause),
        one_bill=_(
            "The period as one bill came to a different amount than its days. This entry was posted with the statement of account."
        )
        if why.one_bill
        else "",
        share=_share(why.arrears, posted) if why.arrears else _ground(posted, why.reference),
        opening=_read(why.opening, card.commodity)
        if reads and why.opening and why.opening != reads[0]
        else None,
        reads=[] if why.meters else [_read(read, card.commodity) for read in reads],
        meters=[_meter(used, card.commodity) for used in why.meters] if reads else [],
        unit=formats.billed_unit(card.commodity),
        energy=formats.billed_number(why.energy_wh, card.commodity),
        advance=formats.billed_number(why.advance_wh, card.commodity) if len(reads) > 1 or why.meters else "",
        notes=[
            *_notes(why, card.commodity),
            *unit_words.of_charge(why.units),
            *_gas(card, posted.service_date),
        ]
        if reads
        else [],
        tariffs=[_tariff(tariff) for tariff in why.tariffs],
        posted=_posted(posted),
    )


def _told(why: ledger_entries.EntryExplanation) -> list[str]:
    if why.entry.origin != "engine" or not why.tariffs:
        return []
    try:
        line = version_with_hash(why.tariffs[-1].sha256).line(why.entry.line)
    except (UnknownTariffError, KeyError):
        # The page of the fault, or a line that the newest version has no more.
        return []
    return [
        *charge_words.sentences(line, why.rows, why.entry.currency),
        *charge_words.of_shares(why.shares),
    ]


def _check(total_minor: int, amount_minor: int, faults: Sequence[str]) -> str:
    if faults and all(fault.endswith(NO_DETERMINANTS) for fault in faults):
        return _(
            "This charge does not name the determinants that it was calculated from, so that it cannot be checked. Please tell your utility."
        )
    if faults:
        return _(
            "This amount was calculated again, and the result is not what was charged. Please tell your utility."
        )
    if total_minor == amount_minor:
        return _("These rows add up to the amount of this entry.")
    return _("These rows do not add up to the amount of this entry. Please tell your utility.")


def cause_sentence(cause: Cause | None) -> str:
    """Return why an entry changes what was charged before; empty where it charges another day."""
    match cause:
        case None:
            return ""
        case Cause.LATE_READING:
            return _("A reading came after an earlier day was charged. This entry makes up the difference.")
        case Cause.EDITED_READING:
            return _("A meter reading was corrected by hand. This entry makes up the difference.")
        case Cause.BACKDATED_TARIFF:
            return _(
                "A tariff was changed for days that were already charged. This entry makes up the difference."
            )
        case Cause.CHANGED_TERMS:
            return _(
                "The tariff category or the sanctioned load was changed. This entry makes up the difference."
            )
        case Cause.MOVED_DAYS:
            return _(
                "The beginning or the end of your supply was corrected. This entry makes up the difference."
            )
        case Cause.EXCHANGE:
            return _("The meter was exchanged. This entry has the use of both meters.")
        case _:
            assert_never(cause)


def _ground(posted: ledger_entries.Entry, reference: str) -> str:
    """Return what a credit or debit that is no charge rests on; empty where its title says all."""
    said = (
        {
            "adjustment": _("The utility has corrected the balance."),
            "waiver": _("The utility has given charges back."),
            "write-off": _("The utility has given up this amount, which was owed."),
            "refund": _("This amount was paid out."),
            "bank-charge": _("The bank charged this for a returned cheque."),
            "reversal": _("A payment was taken back."),
            "recharge": _("A payment was received."),
            "opening-credit": _("The account began here with this credit."),
        }.get(posted.line, "")
        if posted.origin == "credit"
        else ""
    )
    # An order's own reference says nothing to a reader.
    if not said or not reference or reference.startswith("urja-"):
        return said
    return _("%(said)s Reference: %(reference)s") % {"said": said, "reference": reference}


def _share(found: ledger_entries.ArrearsSource, posted: ledger_entries.Entry) -> str:
    def money(minor: int) -> str:
        return formats.money(minor, posted.currency)

    if isinstance(found, ledger_entries.FinalShare):
        return _(
            "The supply has ended with a remaining balance of %(amount)s. It pays old dues first, up to the "
            "%(owed)s owed. The oldest bill is paid first, its surcharge before its other charges."
        ) % {"amount": money(found.left_minor), "owed": money(found.owed_minor)}
    if isinstance(found, ledger_entries.Instalment):
        agreed = (
            _("An instalment of %(amount)s was agreed for each day, up to the %(owed)s owed.")
            if found.every == "day"
            else _("An instalment of %(amount)s was agreed for each month, up to the %(owed)s owed.")
        ) % {"amount": money(found.instalment_minor), "owed": money(found.owed_minor)}
        return " ".join((agreed, _("The oldest bill is paid first, its surcharge before its other charges.")))
    amount = money(found.recharge_minor)
    if found.owed_minor is None:
        return _(
            "A recharge was reversed. %(percent)d %% of its remaining %(amount)s goes to old dues; "
            "the other dues that it had paid are owed again."
        ) % {"percent": found.percent, "amount": amount}
    return _(
        "%(percent)d %% of the recharge of %(amount)s goes to old dues, up to the %(owed)s owed. "
        "The oldest bill is paid first, its surcharge before its other charges."
    ) % {"percent": found.percent, "amount": amount, "owed": money(found.owed_minor)}


def row_view(row: ledger_entries.Row, currency: str) -> RowView:
    """Return a row of arithmetic in words, its amount with its sign."""
    return RowView(
        key=row.key,
        label=_capital(wording.label(row.label)),
        product=wording.product(row.quantity, row.unit, row.rate, currency),
        amount=formats.money(row.amount_minor, currency, signed=True),
        amount_minor=row.amount_minor,
    )


def _posted(posted: ledger_entries.Entry) -> str:
    made_at = posted.posted_at.astimezone(zone())
    return _("Entry %(seq)d, posted on %(day)s at %(time)s.") % {
        "seq": posted.seq,
        "day": formats.day(made_at.date()),
        "time": formats.clock_time(made_at),
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _read(read: ledger_entries.Read, commodity: str) -> ReadView:
    at = read.read_at.astimezone(zone())
    return ReadView(
        at=_("%(day)s, %(time)s") % {"day": formats.short_day(at.date()), "time": formats.clock_time(at)},
        kind=wording.read(read.kind, read.status),
        register=formats.billed_number(read.register_wh, commodity),
    )


def _meter(used: ledger_entries.MeterUse, commodity: str) -> MeterView:
    """Counted is the difference of what the table shows; a ratio multiplies it."""
    counted = formats.billed_number(used.closing.register_wh - used.opening.register_wh, commodity)
    return MeterView(
        title=_("Meter %(serial)s") % {"serial": used.serial},
        first=_read(used.opening, commodity),
        last=_read(used.closing, commodity),
        arithmetic="" if used.ratio == 1 else f"{counted} × {formats.ratio(used.ratio)}",
        energy=formats.billed_number(used.energy_wh, commodity),
    )


def _notes(why: ledger_entries.EntryExplanation, commodity: str) -> list[str]:
    """Remarks about this line alone, and what the intervals say beside the register."""
    notes = []
    for text in why.notes:
        line, colon, _rest = text.partition(": ")
        if not colon or line in {why.entry.line, "provisional"}:
            notes.append(wording.note(text))
    if why.residual_wh and any(row.unit in _BILLED for row in why.rows):
        notes.append(
            _(
                "The meter's intervals in this period add up to %(blocks)s; its register advanced by %(energy)s. The bill follows the register."
            )
            % {
                "blocks": formats.billed(why.blocks_wh, commodity),
                "energy": formats.billed(why.energy_wh, commodity),
            }
        )
    return notes


def _gas(card: AccountCard, day: date) -> list[str]:
    """Return how the gas of the billing period up to a day became standard volume and energy; empty for electricity."""
    if card.commodity != Commodity.GAS:
        return []
    agreement = contracts.agreement_at(card.id, midnight(day, zone()))
    return gas_words.of_agreement(agreement.id, day) if agreement else []


def _tariff(tariff: ledger_entries.TariffUsed) -> str:
    return _("%(title)s, version %(version)s, in force since %(day)s") % {
        "title": wording.title(tariff.title),
        "version": tariff.version,
        "day": formats.day(tariff.valid_from),
    }
