"""Texts of notices; the tables are in `texts/`, one file for each language.

A text is made of the sentences of its kind whose figures are known: where it is unknown how long the credit lasts,
the balance is stated instead. Parameters are written as in reasons (`urja.core.policy.wording`), except that instants
within the coming week have their weekday alone: the price of a message depends on its length.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from string import Formatter
from typing import Any, Final

from urja.base import toml
from urja.base.untyped_values import JsonMapping, JsonObject
from urja.core.policy.wording import DEFAULT_LANGUAGE, weekday, written

LOW: Final = "low"
_NEAR: Final = timedelta(days=6)
_INSTEAD: Final = {
    "low": "lasts",
    "credit": "enough",
    "soon": "cut",
    "call_company": "call",
    "nothing_given": "credited",
}
"""Sentences that are used only where the fuller one has no figures."""


@cache
def _tables() -> dict[str, JsonObject]:
    texts = toml.shipped("urja.apps.notices", "texts")
    return {name.removesuffix(".toml"): toml.loads(text) for name, text in texts.items()}


def languages() -> tuple[str, ...]:
    """Return the languages that have a table."""
    return tuple(sorted(_tables()))


def known_language(language: str) -> str:
    """Return the language of the tables for `language` (`hi-in` is `hi`); English where there is none."""
    code = language.partition("-")[0].lower()
    return code if code in _tables() else DEFAULT_LANGUAGE


def text_kind(kind: str) -> str:
    """Return the kind of text for a kind of notice: warnings of all thresholds have the same text."""
    return kind if kind in _tables()[DEFAULT_LANGUAGE]["kinds"] else LOW


def text(
    kind: str,
    params: JsonMapping,
    *,
    now: datetime,
    language: str = DEFAULT_LANGUAGE,
    usual: int | None = None,
    commodity: str = "electricity",
    consumer_number: str = "",
    recharge_at: str = "",
) -> str:
    """Return the text of one notice.

    `now` is in the utility's zone; `usual` is the use of an average day, where it is known: Wh of electricity, litres of gas. An instant
    among the parameters that has passed is left out: a text must not announce what lies behind.
    """
    language = known_language(language)
    table = _tables()[language]
    sentences: Mapping[str, str] = table["sentences"]
    figures = _figures(params, now, language, table)
    figures["recharge"] = ", ".join(
        part
        for part in (
            recharge_at,
            sentences["consumer"].format(number=consumer_number) if consumer_number else "",
        )
        if part
    )
    figures["usual"] = (
        ""
        if usual is None
        else sentences["usual"].format(
            usual_units=_cubic_metres(usual) if commodity == "gas" else _units(usual, table)
        )
    )
    figures |= table["words"][commodity]
    said: dict[str, str] = {}
    for name in table["kinds"][text_kind(kind)]:
        if _INSTEAD.get(name) not in said and _can_be_said(sentences[name], figures):
            said[name] = sentences[name].format_map(figures)
    return " ".join(said.values())


def subject(language: str) -> str:
    """Return the subject line of a notice, for media that have one."""
    said: str = _tables()[known_language(language)]["subject"]
    return said


def _can_be_said(sentence: str, figures: Mapping[str, str]) -> bool:
    names = [name for _, name, _, _ in Formatter().parse(sentence) if name]
    return all(name == "usual" or figures.get(name) for name in names)


def _figures(params: JsonMapping, now: datetime, language: str, table: JsonMapping) -> dict[str, str]:
    known = {name: value for name, value in params.items() if not _says_nothing(name, value, now)}
    figures = written(known, language)
    for name in (name for name in known if name.endswith("_at")):
        at = datetime.fromisoformat(str(known[name]))
        if abs(at - now) < _NEAR:
            near: str = table["near"]
            figures[name] = near.format(weekday=weekday(at, language), time=f"{at:%H:%M}")
    return figures


def _says_nothing(name: str, value: Any, now: datetime) -> bool:
    if name in {"to_pay_minor", "emergency_minor"}:
        return int(value) <= 0
    return name in {"ends_at", "not_before_at"} and datetime.fromisoformat(str(value)) <= now


def _units(energy_wh: int, table: JsonMapping) -> str:
    """Return energy as units (kWh), as bills and people say: `6 units`, `6.5 units`, to one decimal."""
    number = (Decimal(energy_wh) / 1000).quantize(Decimal("0.1"), ROUND_HALF_UP).normalize()
    name: str = table["unit"]["one" if number == 1 else "many"]
    return name.format(number=f"{number:f}")


def _cubic_metres(litres: int) -> str:
    """Return a volume of gas as people are told it, to one decimal; `unit` alone would be read as one of electricity."""
    return f"{(Decimal(litres) / 1000).quantize(Decimal('0.1'), ROUND_HALF_UP).normalize():f} m³"
