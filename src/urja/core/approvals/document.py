"""Parser of threshold documents: TOML, dated and versioned, one file for each version.

`parse_thresholds` reports all faults at once, each with its place and a sentence.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from importlib import resources
from typing import Final

from urja.base.untyped_values import JsonObject
from urja.core.policy.table_reader import PolicyTableReader
from urja.core.table_reader import DocumentError, Fault, tables_of

FORMAT: Final = 1
_KIND: Final = re.compile(r"[a-z][a-z_]{1,63}")


class PasskeyNeed(IntEnum):
    """Whose passkeys an operation needs; a higher value includes the lower ones."""

    NOBODY = 0
    ACTOR = 1
    SECOND = 2
    """The actor's, and that of another person who may perform the operation."""


class ThresholdsError(DocumentError):
    """A text that is not a valid threshold document."""


@dataclass(frozen=True, slots=True)
class ThresholdSteps:
    """From which total on an actor's passkey is needed, a second person's, and by the total of all actors together."""

    actor: int
    second: int
    everybody: int


@dataclass(frozen=True, slots=True)
class SoleStaffLimits:
    """The limits that replace the second person where only one person has the role."""

    delay: timedelta
    money_minor: int
    disconnections: int


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A version of the document."""

    version: str
    title: str
    valid_from: date
    sha256: str
    decimals: int
    """Decimals of the currency."""
    money: ThresholdSteps
    """Minor units in a local day."""
    disconnections: ThresholdSteps
    meters: ThresholdSteps
    """Meters that a person sets something on (a clock, a text)."""
    within: timedelta
    """The time over which disconnections and meters are counted."""
    protected: PasskeyNeed
    kinds: dict[str, PasskeyNeed]
    alone: SoleStaffLimits
    expires: timedelta


def parse_thresholds(text: str) -> Thresholds:
    """Parse a threshold document; raises ThresholdsError with every fault."""
    faults: list[Fault] = []
    found = _read(PolicyTableReader(tables_of(text, ThresholdsError), "", faults), text)
    if faults:
        raise ThresholdsError(faults)
    return found


def bundled_thresholds() -> str:
    """Return the text of the document that ships with Urja, which is in force while no other is loaded."""
    return resources.files(__package__).joinpath("documents", "default.toml").read_text(encoding="utf-8")


def _read(top: PolicyTableReader, text: str) -> Thresholds:
    if top.take("format") not in (FORMAT, None):
        top.fault(f"must be {FORMAT}", "format")
    decimals = top.whole("decimals", 2, high=4)
    disconnection = top.table("disconnection")
    found = Thresholds(
        version=top.identifier("version"),
        title=top.text("title"),
        valid_from=top.day("valid_from"),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        decimals=decimals,
        money=_money(top.table("money"), decimals),
        disconnections=_counts(disconnection),
        meters=_meters(top.table("meters")),
        within=timedelta(hours=disconnection.whole("within_hours", low=1, high=31 * 24)),
        protected=_protected(disconnection),
        kinds=_kinds(top.table("operations")),
        alone=_alone(top.table("alone"), decimals),
        expires=_expires(top.table("waiting")),
    )
    disconnection.finish()
    top.finish()
    return found


def _expires(table: PolicyTableReader) -> timedelta:
    hours = table.whole("expires_hours", low=1, high=31 * 24)
    table.finish()
    return timedelta(hours=hours)


def _steps(table: PolicyTableReader, values: dict[str, int]) -> ThresholdSteps:
    steps = ThresholdSteps(**values)
    if steps.actor > steps.second:
        table.fault("must not be less than that of the actor", "second")
    if steps.actor > steps.everybody:
        table.fault("must not be less than that of one actor", "everybody")
    return steps


_STEPS: Final = ("actor", "second", "everybody")


def _money(table: PolicyTableReader, decimals: int) -> ThresholdSteps:
    steps = _steps(table, {name: table.amount(name, decimals=decimals) for name in _STEPS})
    table.finish()
    return steps


def _counts(table: PolicyTableReader) -> ThresholdSteps:
    return _steps(table, {name: table.whole(name, low=1) for name in _STEPS})


DEFAULT_METER_STEPS: Final = ThresholdSteps(100, 1000, 2000)
"""Steps for meters where a document has none: documents written before these steps existed stay valid."""


def _meters(table: PolicyTableReader) -> ThresholdSteps:
    usual = {
        "actor": DEFAULT_METER_STEPS.actor,
        "second": DEFAULT_METER_STEPS.second,
        "everybody": DEFAULT_METER_STEPS.everybody,
    }
    steps = _steps(table, {name: table.whole(name, default, low=1) for name, default in usual.items()})
    table.finish()
    return steps


def _protected(table: PolicyTableReader) -> PasskeyNeed:
    words = {"actor": PasskeyNeed.ACTOR, "second": PasskeyNeed.SECOND}
    given = table.take("protected")
    if given is not None and given not in words:
        table.fault(f"is {given!r}; allowed are {', '.join(words)}", "protected")
    return words.get(given, PasskeyNeed.SECOND)


def _kinds(table: PolicyTableReader) -> dict[str, PasskeyNeed]:
    kinds: dict[str, PasskeyNeed] = {}
    for name, need in (("actor", PasskeyNeed.ACTOR), ("second", PasskeyNeed.SECOND)):
        for kind in table.words(name):
            if not _KIND.fullmatch(kind):
                table.fault(f"{kind!r} is not a kind of operation such as employ", name)
            if kind in kinds:
                table.fault(f"names {kind}, which is already under actor", name)
            kinds[kind] = need
    table.finish()
    return kinds


def _alone(table: PolicyTableReader, decimals: int) -> SoleStaffLimits:
    values: JsonObject = {
        "delay": timedelta(hours=table.whole("delay_hours", low=1, high=31 * 24)),
        "money_minor": table.amount("money", decimals=decimals),
        "disconnections": table.whole("disconnections"),
    }
    table.finish()
    return SoleStaffLimits(**values)
