"""A posting opened to its arithmetic: rows, reads of the register, tariffs, and whether it all adds up.

Amounts that a test or a reader may want to recompute also come as integers.
"""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from urja.apps.billing import queries as billing
from urja.web.shared import formats, ledger_words as wording
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import zone


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
    share: str
    """How an amount that goes to old dues, or comes back from them, was found."""
    opening: ReadView | None
    """The register when the billing period began, where the posting before was not the first."""
    reads: list[ReadView]
    meters: list[MeterView]
    """In place of the reads, where the period had several meters or one behind transformers."""
    energy: str
    """What they have counted together."""
    advance: str
    notes: list[str]
    tariffs: list[str]
    posted: str


def entry_page(card: AccountCard, seq: int) -> EntryPage | None:
    """One posting with its arithmetic; none where the account has no such posting."""
    why = billing.explain_entry(card.id, seq)
    if why is None:
        return None
    posted = why.entry
    total = sum(row.amount_minor for row in why.rows)
    # Reads say something about what was rated from energy, and nothing about a charge by the day.
    reads = why.reads if any(row.unit in {"kWh", "minor"} for row in why.rows) else ()
    return EntryPage(
        account=card,
        title=wording.title(posted.title),
        subtitle=_("For %(day)s") % {"day": formats.day(posted.service_date)},
        amount=formats.money(posted.amount_minor, posted.currency, signed=True),
        amount_minor=posted.amount_minor,
        credit=posted.amount_minor > 0,
        rows=[_row(row, posted.currency) for row in why.rows]
        if posted.origin == "engine" or why.arrears
        else [],
        sum=formats.money(total, posted.currency, signed=True),
        sum_minor=total,
        adds_up=total == posted.amount_minor,
        check=_check(total, posted.amount_minor),
        share=_share(why.arrears, posted) if why.arrears else "",
        opening=_read(why.opening) if reads and why.opening and why.opening != reads[0] else None,
        reads=[] if why.meters else [_read(read) for read in reads],
        meters=[_meter(used) for used in why.meters] if reads else [],
        energy=formats.kilowatt_hours(why.energy_wh),
        advance=formats.kilowatt_hours(why.advance_wh) if len(reads) > 1 or why.meters else "",
        notes=_notes(why) if reads else [],
        tariffs=[_tariff(tariff) for tariff in why.tariffs],
        posted=_posted(posted),
    )


def _check(total_minor: int, amount_minor: int) -> str:
    if total_minor == amount_minor:
        return _("These rows add up to the amount of this entry.")
    return _("These rows do not add up to the amount of this entry. Please tell your electricity office.")


def _share(found: billing.ArrearsSource, posted: billing.Entry) -> str:
    def money(minor: int) -> str:
        return formats.money(minor, posted.currency)

    if isinstance(found, billing.FinalShare):
        return _(
            "The supply has ended with a remaining balance of %(amount)s. It pays old dues first, up to the "
            "%(owed)s owed. The oldest bill is paid first, its surcharge before its other charges."
        ) % {"amount": money(found.left_minor), "owed": money(found.owed_minor)}
    if isinstance(found, billing.Instalment):
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


def _row(row: billing.Row, currency: str) -> RowView:
    return RowView(
        key=row.key,
        label=_capital(wording.label(row.label)),
        product=_product(row, currency),
        amount=formats.money(row.amount_minor, currency, signed=True),
        amount_minor=row.amount_minor,
    )


def _posted(posted: billing.Entry) -> str:
    made_at = posted.posted_at.astimezone(zone())
    return _("Entry %(seq)d, posted on %(day)s at %(time)s.") % {
        "seq": posted.seq,
        "day": formats.day(made_at.date()),
        "time": formats.clock_time(made_at),
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _product(row: billing.Row, currency: str) -> str:
    """Quantity times rate as a person would write it: `7.418 kWh × ₹5.25`, `5 % × ₹27.11`."""
    if row.unit == "rounding":
        return ""
    if row.unit == "minor":
        return _("%(percent)s %% × %(amount)s") % {
            "percent": formats.ratio(row.rate * 100),
            "amount": formats.rate(row.quantity, currency),
        }
    return _("%(quantity)s %(unit)s × %(rate)s") % {
        "quantity": formats.ratio(row.quantity),
        "unit": wording.unit(row.unit),
        "rate": formats.rate(row.rate, currency),
    }


def _read(read: billing.Read) -> ReadView:
    at = read.read_at.astimezone(zone())
    return ReadView(
        at=_("%(day)s, %(time)s") % {"day": formats.short_day(at.date()), "time": formats.clock_time(at)},
        kind=wording.read(read.kind, read.status),
        register=formats.kilowatt_hours(read.register_wh),
    )


def _meter(used: billing.MeterUse) -> MeterView:
    """Counted is the difference of what the table shows; a ratio multiplies it."""
    counted = formats.kilowatt_hours(used.closing.register_wh - used.opening.register_wh)
    return MeterView(
        title=_("Meter %(serial)s") % {"serial": used.serial},
        first=_read(used.opening),
        last=_read(used.closing),
        arithmetic="" if used.ratio == 1 else f"{counted} × {formats.ratio(used.ratio)}",
        energy=formats.kilowatt_hours(used.energy_wh),
    )


def _notes(why: billing.EntryExplanation) -> list[str]:
    """Remarks about this line alone, and what the intervals say beside the register."""
    notes = []
    for text in why.notes:
        line, colon, _rest = text.partition(": ")
        if not colon or line in {why.entry.line, "provisional"}:
            notes.append(wording.note(text))
    if why.residual_wh and any(row.unit == "kWh" for row in why.rows):
        notes.append(
            _(
                "The meter's intervals in this period add up to %(blocks)s; its register advanced by %(energy)s. The bill follows the register."
            )
            % {"blocks": formats.energy(why.blocks_wh), "energy": formats.energy(why.energy_wh)}
        )
    return notes


def _tariff(tariff: billing.TariffUsed) -> str:
    return _("%(title)s, version %(version)s, in force since %(day)s") % {
        "title": wording.title(tariff.title),
        "version": tariff.version,
        "day": formats.day(tariff.valid_from),
    }
