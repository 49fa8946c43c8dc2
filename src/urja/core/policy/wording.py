"""Reasons as sentences; the tables are in `sentences/`, one file a language.

What a parameter's name ends in says how it is written (`urja.core.policy.decision`).
"""

from datetime import date, datetime
from functools import cache
from typing import Final

from urja.base import toml
from urja.base.untyped_values import JsonMapping, JsonObject
from urja.core.policy.decision import ELECTRICITY, Params, Reason
from urja.core.policy.table_reader import WEEKDAYS
from urja.core.units import major_text

DEFAULT_LANGUAGE: Final = "en"
DEADLINES: Final = ("until_at", "not_before_at")
"""Parameters of reasons that name an instant to come: what a sentence says of it holds no longer than until then."""
_SYMBOLS: Final = {"INR": "₹"}
_MINUS: Final = "−"


@cache
def _tables() -> dict[str, JsonObject]:
    texts = toml.shipped("urja.core.policy", "sentences")
    return {name.removesuffix(".toml"): toml.loads(text) for name, text in texts.items()}


def languages() -> tuple[str, ...]:
    """The languages that have a table."""
    return tuple(sorted(_tables()))


def sentence(reason: Reason, language: str = DEFAULT_LANGUAGE) -> str:
    """One sentence for a person; English where the language (`hi`, `hi-in`) has no table.

    Raises KeyError for a reason whose key the tables do not know.
    """
    return _said("reasons", reason, language)


def sentence_then(reason: Reason, language: str = DEFAULT_LANGUAGE) -> str:
    """The same told afterwards, as in lists of what was ordered: in the past, so that it promises nothing."""
    return _said("then", reason, language)


def sentence_at(reason: Reason, now: datetime, language: str = DEFAULT_LANGUAGE) -> str:
    """A reason that was stored, told at `now`: in the past once an instant that it promises something for is over."""
    over = any(datetime.fromisoformat(at) <= now for at in _promised(reason.params))
    return (sentence_then if over else sentence)(reason, language)


def _promised(params: Params) -> list[str]:
    return [str(params[name]) for name in DEADLINES if name in params]


def _said(form: str, reason: Reason, language: str) -> str:
    table = _table(language)
    template: str = table[form][reason.key]
    return template.format_map({**_words(reason.params, table), **_written(reason.params, table)})


def _words(params: Params, table: JsonMapping) -> dict[str, str]:
    """Return the words for what is switched: a supply, or the valve of gas."""
    words: dict[str, str] = table["words"][params.get("commodity", ELECTRICITY)]
    return words


def written(params: Params, language: str = DEFAULT_LANGUAGE) -> dict[str, str]:
    """Each parameter as a person reads it, for texts other than reasons."""
    return _written(params, _table(language))


def weekday(at: datetime, language: str = DEFAULT_LANGUAGE) -> str:
    """The name of the day, in the zone that `at` carries."""
    name: str = _table(language)["weekdays"][at.weekday()]
    return name


def _table(language: str) -> JsonObject:
    tables = _tables()
    return tables.get(language.partition("-")[0].lower(), tables[DEFAULT_LANGUAGE])


def _written(params: Params, table: JsonMapping) -> dict[str, str]:
    return {name: _write(name, value, params, table) for name, value in params.items()}


def _write(name: str, value: int | str, params: Params, table: JsonMapping) -> str:
    match name.rpartition("_")[2]:
        case "minor":
            return _money(int(value), str(params.get("currency", "")), int(params.get("decimals", 2)))
        case "at":
            return _instant(datetime.fromisoformat(str(value)), table)
        case "on":
            day = date.fromisoformat(str(value))
            return f"{day.day} {table['months'][day.month - 1]}"
        case "days":
            count = int(value)
            days: str = table["days"]["one" if count == 1 else "many"]
            return days.format(count=count)
        case "weekday":
            name_of_day: str = table["weekdays"][WEEKDAYS.index(str(value))]
            return name_of_day
        case "holds":
            names = table["holds"]
            if params.get("commodity", ELECTRICITY) != ELECTRICITY:
                names = names | table["gas_holds"]
            return ", ".join(names.get(hold, hold) for hold in str(value).split(","))
        case _:
            return str(value)


def _instant(at: datetime, table: JsonMapping) -> str:
    """`Friday 27 November, 10:00`: the local time that the parameter carries."""
    template: str = table["instant"]
    return template.format(
        weekday=table["weekdays"][at.weekday()],
        day=at.day,
        month=table["months"][at.month - 1],
        time=f"{at:%H:%M}",
    )


def _money(amount_minor: int, currency: str, decimals: int) -> str:
    """`₹1,23,456.50`; without decimals where they are zero."""
    whole, _, rest = major_text(abs(amount_minor), decimals).partition(".")
    sign = _MINUS if amount_minor < 0 else ""
    symbol = _SYMBOLS.get(currency, f"{currency} " if currency else "")
    tail = f".{rest}" if rest.strip("0") else ""
    return f"{sign}{symbol}{_grouped(whole)}{tail}"


def _grouped(digits: str) -> str:
    """The last three, then twos, as India writes them."""
    head, tail = digits[:-3], digits[-3:]
    pairs: list[str] = []
    while head:
        pairs.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*pairs, tail])
