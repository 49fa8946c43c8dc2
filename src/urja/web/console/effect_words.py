"""The effects of an operation in words: changed rows, intervals and money in minor units."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy as _, ngettext

from urja.apps.books import queries as books
from urja.apps.overviews.queries.names import names_in
from urja.apps.overviews.queries.service_points import consumer_number
from urja.base.sentences import from_plain
from urja.base.untyped_values import JsonMapping
from urja.core.calendar import Period, billing_period
from urja.core.policy import Reason
from urja.web.console import wording
from urja.web.shared import formats, ledger_words as money_words, notice_words
from urja.web.shared.clock import zone

TABLES: Final[dict[str, Promise]] = {
    "network_premise": _("Premise"),
    "network_service_point": _("Service point"),
    "network_node": _("Node"),
    "network_node_period": _("Placement of a node"),
    "network_placement": _("Placement of a service point"),
    "assets_device": _("Meter"),
    "assets_device_period": _("Meter installation"),
    "assets_seal": _("Seal"),
    "assets_configuration": _("Configuration"),
    "people_person": _("Person"),
    "identity_address_change": _("Pending sign-in address"),
    "people_consent": _("Consent"),
    "people_protection": _("Protection"),
    "identity_account_access": _("Access to an account"),
    "contracts_agreement": _("Agreement"),
    "contracts_agreement_terms": _("Terms of an agreement"),
    "billing_deposit": _("Security deposit"),
    "billing_deposit_demand": _("Security deposit that becomes due"),
    "billing_arrear": _("Dues"),
    "billing_instalment_plan": _("Instalment plan"),
    "billing_opening_balance": _("Opening balance"),
    "maintenance_due": _("Maintenance due"),
}

COLUMNS: Final[dict[str, Promise]] = {
    "account_id": _("account"),
    "actual": _("actual"),
    "address": _("address"),
    "agreement_id": _("agreement"),
    "amount_minor": _("amount"),
    "applied_at": _("applied"),
    "approval_counts_from": _("approval valid from"),
    "bill_from": _("fixed charges from"),
    "billing_day": _("billing day"),
    "bill": _("bill"),
    "category": _("category"),
    "code": _("code"),
    "commissioned_at": _("commissioned"),
    "taken_over_at": _("adopted"),
    "consumer_number": _("consumer number"),
    "customer_id": _("person"),
    "desired": _("desired"),
    "device_id": _("meter"),
    "device_type": _("type"),
    "disconnected_at": _("permanently disconnected"),
    "due_on": _("due"),
    "email": _("e-mail"),
    "every": _("frequency"),
    "evidence": _("evidence"),
    "firmware": _("firmware"),
    "given_at": _("given"),
    "held_by": _("held by"),
    "item": _("item"),
    "kind": _("kind"),
    "language": _("language"),
    "level": _("level"),
    "metering_mode": _("metering mode"),
    "month": _("month"),
    "name": _("name"),
    "new_email": _("new e-mail"),
    "nameless_at": _("anonymised"),
    "node_id": _("node"),
    "number": _("number"),
    "old_email": _("current e-mail"),
    "parent_id": _("part of"),
    "payment_mode": _("payment mode"),
    "consumer_id": _("person"),
    "person_id": _("person"),
    "phase": _("phase"),
    "phone": _("telephone"),
    "pin_code": _("PIN code"),
    "place": _("location"),
    "policy": _("own policy"),
    "premise_id": _("premise"),
    "principal_minor": _("principal"),
    "purpose": _("purpose"),
    "ratio_primary": _("ratio, primary"),
    "ratio_secondary": _("ratio, secondary"),
    "removed_at": _("removed"),
    "returned_at": _("returned"),
    "role": _("role"),
    "sanctioned_load_w": _("sanctioned load"),
    "sanctioned_load_va": _("sanctioned load in VA"),
    "contracted_load_w": _("contracted load in W"),
    "contracted_load_va": _("contracted load in VA"),
    "carpet_area_dm2": _("carpet area"),
    "serial": _("serial number"),
    "service_point_id": _("service point"),
    "stock": _("stock"),
    "surcharge_minor": _("surcharge"),
    "taken_at": _("taken"),
    "tariff_code": _("tariff"),
    "tree": _("hierarchy"),
    "valid_from": _("from"),
    "valid_to": _("until"),
    "withdrawn_at": _("withdrawn"),
}

HIDDEN_COLUMNS: Final = frozenset(
    {"id", "recorded_at", "actor", "operation_id", "system_title", "tree_number", "user_id", "nameplate"}
)
"""Columns that are not shown: bookkeeping columns of every row, and binary or internal ones."""


@dataclass(frozen=True, slots=True)
class Row:
    """One changed row."""

    title: str
    what: str
    """`new`, `changed` or `gone`."""
    lines: list[str]


@dataclass(frozen=True, slots=True)
class Effects:
    """All effects of an operation, as shown to a person."""

    rows: list[Row]
    intervals: list[str]
    postings: list[tuple[str, str]]
    sum: str
    decisions: list[str]
    """Decisions that would follow at once: account state before and after, with the reason."""
    stands: list[str]
    asked: list[str]
    """Requests to the stage that decides about supplies: supply holds to set or lift."""
    problems: list[str]
    approval: list[str]
    """Why the operation would need approval; empty if it would not."""

    @property
    def nothing(self) -> bool:
        return not (self.rows or self.intervals or self.postings or self.asked)


def effects(found: JsonMapping, *, names: bool) -> Effects:
    """Return effects in words from a request's answer; `names` tells whether the reader may see personal data."""
    changes = found.get("changes", [])
    called = _Names.of(changes)
    postings = found.get("postings", [])
    currencies = books.currencies(one["account_id"] for one in postings)
    return Effects(
        rows=[_row(change, called, names=names) for change in changes],
        intervals=list(_intervals(found, called)),
        postings=[_posting(one, currencies[one["account_id"]]) for one in postings],
        sum=_sum(postings, currencies),
        decisions=[_decision(one) for one in found.get("decisions", [])],
        stands=[_standing(one) for one in found.get("stands", [])],
        asked=[
            *_meters(found),
            *_dues(found),
            *_mode_change(found.get("mode_change")),
            *(_asked(one) for one in found.get("asked", [])),
        ],
        problems=list(found.get("problems", [])),
        approval=[wording.sentence(from_plain(kept)) for kept in found.get("approval", [])],
    )


def _meters(found: JsonMapping) -> Iterable[str]:
    meters, left_out = found.get("meters", 0), found.get("left_out", 0)
    if meters:
        yield ngettext("The job has %(count)s meter.", "The job has %(count)s meters.", meters) % {
            "count": meters
        }
    if left_out and "mode_change" not in found:
        yield ngettext("%(count)s row will be left out.", "%(count)s rows will be left out.", left_out) % {
            "count": left_out
        }


def _dues(found: JsonMapping) -> Iterable[str]:
    flats, vacant = found.get("flats", 0), found.get("without_agreement", 0)
    if flats:
        yield ngettext(
            "%(count)s flat owes %(amount)s.", "%(count)s flats together owe %(amount)s.", flats
        ) % {"count": flats, "amount": formats.money(found["dues_minor"])}
    if vacant:
        yield ngettext(
            "%(count)s flat without an agreement owes nothing.",
            "%(count)s flats without an agreement owe nothing.",
            vacant,
        ) % {"count": vacant}


def _mode_change(found: JsonMapping | None) -> Iterable[str]:
    """Yield what a change of payment modes would do: counts, sums, and its first refusals."""
    if found is None:
        return
    to_prepaid = found["payment_mode"] == "prepaid"
    yield (
        ngettext(
            "%(count)s supply becomes prepaid.", "%(count)s supplies become prepaid.", found["agreements"]
        )
        if to_prepaid
        else ngettext(
            "%(count)s supply becomes postpaid.", "%(count)s supplies become postpaid.", found["agreements"]
        )
    ) % {"count": found["agreements"]}
    if found.get("waits"):
        yield gettext(
            "The day before is not closed with a register read. The supply waits for it as a change of payment modes, and is refused after 30 days."
        )
    for count, minor, said in (
        ("in_credit", "credit_minor", gettext("In credit: %(count)s, together %(amount)s.")),
        ("owing", "owed_minor", gettext("With a negative balance: %(count)s, together %(amount)s.")),
        ("with_dues", "dues_minor", gettext("With dues beside the balance: %(count)s, together %(amount)s.")),
        (
            "set_apart",
            "set_apart_minor",
            gettext("Negative balance that becomes dues: %(count)s, together %(amount)s."),
        ),
        (
            "deposits",
            "deposits_minor",
            gettext("Security deposits that are used: %(count)s, together %(amount)s."),
        ),
        (
            "deposits_due",
            "deposits_due_minor",
            gettext("Security deposits that are owed: %(count)s, together %(amount)s."),
        ),
    ):
        if found[count]:
            yield said % {"count": found[count], "amount": formats.money(found[minor])}
    if found["plans_kept"]:
        yield gettext("Instalment plans that go on: %(count)s.") % {"count": found["plans_kept"]}
    if found["plans_new"]:
        yield gettext("New instalment plans: %(count)s.") % {"count": found["plans_new"]}
    if found["refused"]:
        yield gettext("Refused: %(count)s.") % {"count": found["refused"]}
    for one in found["refusals"]:
        yield gettext("Row %(row)s, %(number)s: %(why)s") % {
            "row": one["row"],
            "number": one["named"],
            "why": wording.sentence(from_plain(one["why"])),
        }


def _asked(one: JsonMapping) -> str:
    names = {"number": consumer_number(one["service_point_id"]), "reason": wording.hold(one["reason"])}
    if one["action"] == "hold":
        return gettext("%(number)s will be disconnected: %(reason)s.") % names
    return (
        gettext("Supply hold lifted for %(number)s: %(reason)s. It is reconnected if no other hold remains.")
        % names
    )


@dataclass(frozen=True, slots=True)
class _Names:
    """Names for the ids that stand in changed rows."""

    names: dict[tuple[str, int], str]

    @classmethod
    def of(cls, changes: Iterable[JsonMapping]) -> "_Names":
        rows = [row for change in changes for row in (change["before"], change["after"]) if row]
        found = names_in(rows)
        nodes = {id_: f"{wording.level(level)} {code}" for id_, (level, code) in found.nodes.items()}
        named = {
            "device_id": found.serials,
            "service_point_id": found.consumer_numbers,
            "premise_id": found.premises,
            "node_id": nodes,
            "parent_id": found.premises | nodes,
            "agreement_id": {
                id_: gettext("of %(number)s") % {"number": number} for id_, number in found.agreements.items()
            },
        }
        names = {(column, id_): name for column, of in named.items() for id_, name in of.items()}
        # What is made along with the row that names it is not there yet.
        for row in rows:
            for column, own in (("device_id", "serial"), ("service_point_id", "consumer_number")):
                if own in row:
                    names.setdefault((column, row["id"]), row[own])
        return cls(names)

    def name(self, column: str, id_: int) -> str:
        return self.names.get((column, id_), str(id_))


def _row(change: JsonMapping, called: _Names, *, names: bool) -> Row:
    before, after, table = change["before"], change["after"], change["table"]
    title = wording.words_for(TABLES.get(table), table.partition("_")[2]).capitalize()
    if table in ("people_person", "identity_address_change") and not names:
        return Row(title, _what(before, after), [])
    if before is None or after is None:
        kept = [
            f"{_column(name)}: {_value(name, value, called)}"
            for name, value in (after or before or {}).items()
            if name not in HIDDEN_COLUMNS and value not in (None, "", [], {})
        ]
        return Row(title, _what(before, after), kept)
    changed = [
        f"{_column(name)}: {_value(name, before.get(name), called)} → {_value(name, value, called)}"
        for name, value in after.items()
        # A column that is younger than the row's history was not changed with it.
        if name not in HIDDEN_COLUMNS and name in before and before[name] != value
    ]
    return Row(f"{title} {_own_name(before)}".strip(), _what(before, after), changed)


def _what(before: object, after: object) -> str:
    return "new" if before is None else "gone" if after is None else "changed"


def _own_name(row: Mapping[str, object]) -> str:
    return str(row.get("serial") or row.get("consumer_number") or row.get("number") or row.get("code") or "")


def _column(name: str) -> str:
    return wording.words_for(COLUMNS.get(name), name)


def _value(name: str, value: Any, called: _Names) -> str:
    if value is None or value == "":
        return "–"
    if name.endswith("_id"):
        return called.name(name, value)
    if name.endswith("_minor"):
        return formats.money(value)
    if name.endswith("_w"):
        return gettext("%(load)s kW") % {"load": formats.kilowatt_hours(value)}
    if name.endswith("_at") or name in {"valid_from", "valid_to"}:
        return instant(datetime.fromisoformat(value))
    if name == "month":
        return formats.month(date.fromisoformat(value))
    if name.endswith("_on"):
        return formats.day(date.fromisoformat(value))
    if name == "role" and isinstance(value, int):
        return wording.device_role(value)
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, float):
        return str(Decimal(str(value)))
    return wording.choice(value) if isinstance(value, str) else str(value)


def instant(at: datetime) -> str:
    """Return an instant as local day and time."""
    local = at.astimezone(zone())
    return gettext("%(day)s, %(time)s") % {
        "day": formats.day(local.date()),
        "time": formats.clock_time(local),
    }


def _intervals(found: JsonMapping, called: _Names) -> Iterable[str]:
    if not found.get("intervals_moved"):
        return
    yield gettext("Intervals with another payer or another energy: %(count)s.") % {
        "count": found["intervals_moved"]
    }
    for one in found.get("intervals", []):
        who = (
            gettext("no agreement")
            if one["agreement_id"] is None
            else gettext("agreement %(which)s") % {"which": called.name("agreement_id", one["agreement_id"])}
        )
        yield gettext(
            "%(who)s: %(before)s intervals with %(before_kwh)s, then %(after)s with %(after_kwh)s"
        ) % {
            "who": who,
            "before": one["before"],
            "before_kwh": formats.billed(one["before_wh"], one.get("commodity", "electricity")),
            "after": one["after"],
            "after_kwh": formats.billed(one["after_wh"], one.get("commodity", "electricity")),
        }


def _sum(postings: Sequence[JsonMapping], currencies: Mapping[int, str]) -> str:
    """Return the total of postings, one amount per currency."""
    sums: Counter[str] = Counter()
    for one in postings:
        sums[currencies[one["account_id"]]] += one["amount_minor"]
    return ", ".join(formats.money(sum_, currency, signed=True) for currency, sum_ in sums.items())


def _posting(one: JsonMapping, currency: str) -> tuple[str, str]:
    first = date.fromisoformat(one["period_start"])
    # What was recorded before periods had their end is of a month.
    end = (
        date.fromisoformat(one["period_end"]) if "period_end" in one else billing_period(first, first.day).end
    )
    period = formats.billing_period(Period(first, end))
    said = gettext("%(title)s, %(period)s, account %(account)s") % {
        "title": money_words.title(one["title"]),
        "period": period,
        "account": one["account_id"],
    }
    return said, formats.money(one["amount_minor"], currency, signed=True)


def _decision(one: JsonMapping) -> str:
    before, after = one["before"], one["after"]
    return gettext("%(before)s by %(old)s → %(after)s by %(new)s: %(sentence)s") % {
        "before": wording.account_state(before["standing"]),
        "old": before["policy"],
        "after": wording.account_state(after["standing"]),
        "new": after["policy"],
        "sentence": wording.past_reason(Reason.from_json(after["reason"])),
    }


def _standing(one: JsonMapping) -> str:
    what, kind = one["what"], one["kind"]
    match what:
        case "notice":
            said = notice_words.title_of(kind)
        case "hold":
            said = gettext("supply hold: %(reason)s") % {"reason": wording.hold(kind)}
        case "command":
            said = wording.command(kind)
        case _:
            said = str(kind)
    return f"{said} · {instant(datetime.fromisoformat(one['at']))}"
