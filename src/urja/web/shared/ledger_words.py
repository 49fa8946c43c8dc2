"""What the ledger's and the tariffs' own words are called in the reader's language.

Tariff documents are data and their arithmetic is kept in English with each entry. Titles that are usual are in
the catalogue; a label is taken apart where its shape is known, and shown as it is where it is not.
"""

import re
from collections.abc import Callable
from fractions import Fraction

from django.utils.translation import gettext as _, gettext_noop, ngettext, pgettext

from urja.web.shared import formats

TITLES = (
    gettext_noop("Energy charge"),
    gettext_noop("Energy"),
    gettext_noop("Fixed charge"),
    gettext_noop("Electricity duty"),
    gettext_noop("Electricity tax"),
    gettext_noop("Power purchase adjustment on energy"),
    gettext_noop("Power purchase adjustment on fixed charge"),
    gettext_noop("Regulatory surcharge"),
    gettext_noop("Pension trust surcharge"),
    gettext_noop("Energy of the grid"),
    gettext_noop("Energy of the generator"),
    gettext_noop("Energy fed into the grid"),
    gettext_noop("Gas charge"),
    gettext_noop("Time-of-day surcharge"),
    gettext_noop("Demand charge"),
    gettext_noop("Minimum charge"),
    gettext_noop("Excess demand"),
    gettext_noop("Power factor"),
    gettext_noop("Load factor"),
    gettext_noop("Settlement of banked energy"),
    gettext_noop("Rebate"),
    gettext_noop("Subsidy"),
    gettext_noop("Government"),
    gettext_noop("State government"),
    gettext_noop("Normal"),
    gettext_noop("Solar hours"),
    gettext_noop("Solar"),
    gettext_noop("Peak"),
    gettext_noop("Night"),
    gettext_noop("Off-peak"),
    gettext_noop("Opening credit"),
    gettext_noop("Payment"),
    gettext_noop("Recharge"),
    gettext_noop("Reversal"),
    gettext_noop("Adjustment"),
    gettext_noop("Dues"),
    gettext_noop("Instalment of old dues"),
    gettext_noop("Set apart"),
    gettext_noop("Deposit"),
    gettext_noop("Refund"),
    gettext_noop("Transfer"),
    gettext_noop("Waiver"),
    gettext_noop("Write off"),
    gettext_noop("Bank charge"),
    gettext_noop("Not charged: older than the limit"),
    gettext_noop("Domestic (demonstration)"),
    gettext_noop("Shops by time of day (demonstration)"),
    gettext_noop("Workshops by time of day (demonstration)"),
    gettext_noop("Homes with a solar roof (demonstration)"),
    gettext_noop("Flats with a generator (demonstration)"),
    gettext_noop("Piped gas (demonstration)"),
    gettext_noop("Piped gas by standard volume (demonstration)"),
    gettext_noop("Piped gas by energy (demonstration)"),
)
"""Known titles of charge lines, zones, credits and tariffs; another is shown as its document has it."""


def title(text: str) -> str:
    """The title of a charge line, or of a credit's kind such as `opening-credit`."""
    if re.fullmatch(r"[a-z]+([-_ ][a-z]+)*", text):
        text = re.sub(r"[-_]", " ", text).capitalize()
    return _(text) if text else ""


def label(text: str) -> str:
    """The label of one row of arithmetic."""
    for pattern, say in _LABELS:
        match = pattern.fullmatch(text)
        if match:
            return say(_found(match))
    head, comma, rest = text.partition(", ")
    return f"{title(head)}, {label(rest)}" if comma else title(head)


_NEGATIVE = re.compile(r"^-(?=[\d./]+$)")


def _found(match: re.Match[str]) -> dict[str, str]:
    """The parts of a label or note, a negative number with its minus sign."""
    found = {
        name: _NEGATIVE.sub(formats.MINUS, text) if text else text for name, text in match.groupdict().items()
    }
    return {**found, "unit": unit(found["unit"])} if "unit" in found else found


type _Say = Callable[[dict[str, str]], str]


def _taken_back(found: dict[str, str]) -> str:
    return _("Reversed: %(what)s") % {"what": label(found["what"])}


def _bill(found: dict[str, str]) -> str:
    if found["kind"] == "surcharge":
        return _("bill %(bill)s, surcharge for late payment") % found
    return _("bill %(bill)s") % found


def _percent(found: dict[str, str]) -> str:
    return _percents(_("%(percent)s %% of %(what)s"), {**found, "what": label(found["what"])})


def _percents(text: str, found: dict[str, str]) -> str:
    """A text with its parts, in which a percentage is not parted from its sign."""
    said, percent = text % found, f"{found['percent']} %"
    return said.replace(percent, formats.unbroken(percent))


_UNIT = r"(?P<unit>kWh|MWh|kVAh|kvarh|m³|SCM|MJ|GJ|MMBtu)"


def _zone_percent(found: dict[str, str]) -> str:
    of = label(found["what"])
    if found["average"]:
        of = _("the average of %(what)s") % {"what": of}
    found = {**found, "zone": title(found["zone"]), "what": of}
    return _percents(_("%(zone)s: %(percent)s %% of %(what)s"), found)


def _power_factor(found: dict[str, str]) -> str:
    found = {**found, "what": label(found["what"])}
    return _percents(_("power factor %(factor)s: %(percent)s %% of %(what)s"), found)


def _load_factor(found: dict[str, str]) -> str:
    found = {**found, "what": label(found["what"])}
    said = _percents(_("load factor %(factor)s %%: %(percent)s %% of %(what)s"), found)
    return said.replace(f"{found['factor']} %", formats.unbroken(f"{found['factor']} %"))


def _demand(found: dict[str, str]) -> str:
    days = label(found["days"])
    if found["above"]:
        return _("%(days)s, %(demand)s %(unit)s above the agreed load") % {**found, "days": days}
    return _("%(days)s, %(demand)s %(unit)s") % {**found, "days": days}


_LABELS: list[tuple[re.Pattern[str], _Say]] = [
    (re.compile(r"taken back: (?P<what>.+)"), _taken_back),
    (
        re.compile(r"power factor (?P<factor>[\d./]+): (?P<percent>-?[\d./]+) % of (?P<what>.+)"),
        _power_factor,
    ),
    (
        re.compile(r"load factor (?P<factor>[\d./]+) %: (?P<percent>-?[\d./]+) % of (?P<what>.+)"),
        _load_factor,
    ),
    (
        re.compile(r"(?P<zone>[^:,]+): (?P<percent>-?[\d./]+) % of (?P<what>.+?)(?P<average> on average)?"),
        _zone_percent,
    ),
    (re.compile(r"(?P<percent>-?[\d./]+) % of (?P<what>.+)"), _percent),
    (re.compile("banked units settled"), lambda _found: _("banked units settled")),
    (re.compile("recharges"), lambda _found: _("recharges")),
    (
        re.compile("the mean balance by the month"),
        lambda _found: _("the mean balance by the month"),
    ),
    (re.compile(r"(?P<kind>surcharge|principal) of bill (?P<bill>.+)"), _bill),
    (
        re.compile(rf"slab (?P<number>\d+): (?P<low>[\d./]+) to (?P<high>[\d./]+) {_UNIT}"),
        lambda found: _("slab %(number)s: %(low)s to %(high)s %(unit)s") % found,
    ),
    (
        re.compile(rf"slab (?P<number>\d+): above (?P<low>[\d./]+) {_UNIT}"),
        lambda found: _("slab %(number)s: above %(low)s %(unit)s") % found,
    ),
    (
        re.compile(r"(?P<month>\d{4}-\d\d), (?P<days>\d+) of (?P<length>\d+) days(, (?P<load>[\d./]+) kW)?"),
        lambda found: (
            _("%(days)s of %(length)s days of the month, %(load)s kW") % found
            if found["load"]
            else _("%(days)s of %(length)s days of the month") % found
        ),
    ),
    (
        re.compile(r"by day(, (?P<load>[\d./]+) kW)?"),
        lambda found: _("per day, %(load)s kW") % found if found["load"] else _("per day"),
    ),
    (
        re.compile(r"(?P<days>\d+) of the period's (?P<length>\d+) days(, (?P<load>[\d./]+) kW)?"),
        lambda found: (
            _("%(days)s of %(length)s days of the billing period, %(load)s kW") % found
            if found["load"]
            else _("%(days)s of %(length)s days of the billing period") % found
        ),
    ),
    (
        re.compile(r"(?P<days>.+ days), (?P<demand>[\d./]+) (?P<unit>kVA|kW)(?P<above> above the \w+ load)?"),
        _demand,
    ),
    (
        re.compile(r"less (?P<what>.+)"),
        lambda found: _("less: %(what)s") % {"what": label(found["what"])},
    ),
    (
        re.compile("what is beyond the most it may come to"),
        lambda _found: _("amount above the maximum"),
    ),
    (
        re.compile(r"rounded \S+ to a multiple of (?P<multiple>[\d.]+ [A-Z]{3})"),
        lambda found: _("rounded to a multiple of %(multiple)s") % found,
    ),
    (re.compile("all energy"), lambda _found: _("all energy")),
    (
        re.compile("rounding carried from before"),
        lambda _found: _("rounding of these rows and of earlier days"),
    ),
]


def unit(text: str) -> str:
    """The unit of a quantity in a row of arithmetic."""
    names = {
        "kWh": pgettext("unit", "kWh"),
        "m³": pgettext("unit", "m³"),
        "day": pgettext("unit", "day"),
        "SCM": pgettext("unit", "SCM"),
        "kVAh": pgettext("unit", "kVAh"),
        "kvarh": pgettext("unit", "kvarh"),
    }
    return names.get(text, text)


def quantity_with_unit(value: Fraction, unit_name: str) -> str:
    """Return a quantity as a person would write it: `7.418 kWh`, `1 day`, `2 days`."""
    number = formats.ratio(value)
    if unit_name == "day":
        return ngettext("%(number)s day", "%(number)s days", 1 if value == 1 else 2) % {"number": number}
    return _("%(value)s %(unit)s") % {"value": number, "unit": unit(unit_name)}


def product(quantity: Fraction, unit_name: str, rate: Fraction, currency: str) -> str:
    """Quantity times rate as a person would write it: `7.418 kWh × ₹5.25`, `5 % × ₹27.11`; empty of a rounding.

    No line ends inside it.
    """
    if unit_name == "rounding":
        return ""
    if unit_name == "minor":
        exact = formats.rate(quantity, currency)
        text = _("%(percent)s %% × %(amount)s") % {
            "percent": formats.ratio(rate * 100),
            # An average of slabs may have no end; the row's amount is of the exact one.
            "amount": formats.money(round(quantity), currency) if "/" in exact else exact,
        }
    else:
        text = _("%(quantity)s × %(rate)s") % {
            "quantity": quantity_with_unit(quantity, unit_name),
            "rate": formats.rate(rate, currency),
        }
    return formats.unbroken(text)


def read(kind: str, status: str) -> str:
    """What kind of reading a register value is; how sure it is follows unless it was simply measured."""
    kinds = {
        "daily": _("midnight reading"),
        "billing": _("monthly reading"),
        "installation": _("first reading"),
        "removal": _("last reading"),
        "on-demand": _("reading on demand"),
        "instantaneous": _("instantaneous reading"),
        "blocks": _("extended by the meter's intervals"),
    }
    states = {
        "estimated": _("estimated"),
        "substituted": _("substituted"),
        "edited": _("corrected"),
        "suspect": _("meter clock uncertain"),
    }
    name = kinds.get(kind, kind)
    return f"{name}, {states.get(status, status)}" if status != "measured" else name


def note(text: str) -> str:
    """A remark that rating or posting left with an entry."""
    for pattern, say in _NOTES:
        match = pattern.fullmatch(text)
        if match:
            return say({name: _decimal(part) for name, part in _found(match).items()})
    return text


def _decimal(text: str) -> str:
    """A fraction as people read it, to two decimals where it has no end; any other text as it is."""
    if not re.fullmatch(r"−?\d+/\d+", text):
        return text
    sign = formats.MINUS if text.startswith(formats.MINUS) else ""
    size = Fraction(text.removeprefix(formats.MINUS))
    exact = formats.ratio(size)
    return f"{sign}{size:.2f}" if "/" in exact else f"{sign}{exact}"


_NOTES: list[tuple[re.Pattern[str], _Say]] = [
    (
        re.compile(
            rf"\w+: width of slab (?P<number>\d+) of (?P<exact>[\d./]+) {_UNIT} rounded \S+ to (?P<width>[\d./]+) (?P=unit)"
        ),
        lambda found: (
            _(
                "Slab %(number)s covers %(width)s %(unit)s: %(exact)s %(unit)s in proportion to the days, rounded."
            )
            % found
        ),
    ),
    (
        re.compile(
            rf"(?:\w+: )?bound (?P<number>\d+) of the use of (?P<exact>[\d./]+) {_UNIT} rounded \S+ to (?P<bound>[\d./]+) (?P=unit)"
        ),
        lambda found: (
            _(
                "Limit %(number)s of the use is %(bound)s %(unit)s: %(exact)s %(unit)s in proportion to the days, rounded."
            )
            % found
        ),
    ),
    (
        re.compile(
            rf"energy of (?P<over>\d+) of (?P<days>\d+) days of (?P<exact>[\d./-]+) {_UNIT} rounded \S+ to (?P<rounded>[\d./-]+) (?P=unit)"
        ),
        lambda found: (
            _("The use of %(over)s of %(days)s days, %(exact)s %(unit)s, is rounded to %(rounded)s %(unit)s.")
            % found
        ),
    ),
    (
        re.compile(
            rf"\w+: energy of (?P<exact>[\d./-]+) {_UNIT} rounded \S+ to (?P<rounded>[\d./-]+) (?P=unit)"
        ),
        lambda found: _("The use of %(exact)s %(unit)s is rounded to %(rounded)s %(unit)s.") % found,
    ),
    (
        re.compile(
            r"(?P<counted>-?\d+) (?:Wh|L) of (?P<first>\S+) to (?P<end>\S+) split by days at a change of price: (?P<parts>.+)"
        ),
        lambda _found: _("The price changed in this period; the use is divided by days."),
    ),
    (
        re.compile(r"correction of the period from (?P<first>\S+)"),
        lambda found: _("This corrects the billing period that began on %(first)s.") % found,
    ),
    (
        re.compile(rf"\w+: (?P<left>-?[\d./]+) {_UNIT} in no zone, calculated as (?P<zone>.+)"),
        lambda found: (
            _("%(left)s %(unit)s are in no time zone yet; they are calculated as %(zone)s.")
            % {**found, "zone": title(found["zone"])}
        ),
    ),
    (
        re.compile(r"\w+: mean power factor (?P<factor>[\d./]+)"),
        lambda found: _("The mean power factor of the billing period is %(factor)s.") % found,
    ),
    (
        re.compile(r"\w+: load factor (?P<factor>[\d./]+) %"),
        lambda found: _("The load factor of the billing period is %(factor)s %%.") % found,
    ),
    (
        re.compile(r"\w+: demand (?P<demand>[\d./]+) (?P<unit>kVA|kW)"),
        lambda found: _("It goes by a demand of %(demand)s %(unit)s.") % found,
    ),
    (
        re.compile("provisional: .+"),
        lambda _found: _("Provisional: the midnight reading had not arrived when the day was posted."),
    ),
]


def too_soon(wait_s: int) -> str:
    """Say that a sign-in must wait, and how long: `wait_s` in seconds, shown in minutes."""
    minutes = -(-wait_s // 60)
    if minutes <= 1:
        return _("Too many attempts. Please wait a minute and try again.")
    text = _("Too many attempts. Please wait %(minutes)s minutes and try again.")
    return text % {"minutes": minutes}
