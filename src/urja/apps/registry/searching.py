"""Searching by number, phone, serial, name or address, within the area of whoever asks, also with a typing error.

PostgreSQL comes without `pg_trgm` here, and of millions of names an index of trigrams finds too many: half a town
shares `kum`. So the errors are made at the other end: everything that is one error away from what was typed is looked
up, and what nobody is called costs next to nothing (docs/adr/0013).
"""

# ruff: noqa: S611  (statements are constants of this module; values travel as parameters)

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL

from urja.apps.registry import access
from urja.apps.registry.access import Caller
from urja.apps.registry.models import Device, Person, ServicePoint
from urja.apps.registry.roles import Read

LEAST_LETTERS: Final = 4
"""A shorter word, or one with a digit, is looked for as it is typed: nearly everything is near to it."""
LEAST_OF_A_NUMBER: Final = 5
LEAST_BEGINNING: Final = 3
"""So many characters are enough to look for what begins with them."""
MOST_WORDS: Final = 6
MOST_CHARACTERS: Final = 40
"""Of a word or a number; nothing that people look for is longer."""
HOME_CODE: Final = "91"
"""Telephone numbers are kept as they were given: with the country's code, a zero, or neither."""


class Matched(StrEnum):
    """By what something was found."""

    NUMBER = "number"
    SERIAL = "serial"
    PHONE = "phone"
    NAME = "name"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Hit[M: Model]:
    """Something that was found, and by what."""

    found: M
    by: Matched


@dataclass(slots=True)
class Hits:
    """What was found, by kind."""

    nearly: bool
    """Whether it is one typing error away from what was asked for."""
    connections: list[Hit[ServicePoint]] = field(default_factory=list)
    people: list[Hit[Person]] = field(default_factory=list)
    meters: list[Hit[Device]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.connections or self.people or self.meters)


def search(text: str, caller: Caller, at: datetime, limit: int) -> Hits:
    """Up to `limit` by number and by words of each kind that the caller may read: as typed; where there is nothing,
    one typing error away.
    """
    text = text.replace("\0", "")
    found = _look(_as_typed(text), caller, at, limit, nearly=False)
    return found or _look(_nearly(text), caller, at, limit, nearly=True)


@dataclass(frozen=True, slots=True)
class _Sought:
    """What to look up; empty where there is nothing of the kind to look for."""

    numbers: list[str]
    beginning: str
    phones: list[str]
    words: str
    """As a `tsquery`."""


# Words are the same here as in the index (`registry_words`, migration 0010).
_BETWEEN_WORDS: Final = re.compile(r"[\s!-/:-@\[-`{-~]+")
_WITHIN_NUMBERS: Final = re.compile(r"[\s()-]+")
_PHONE: Final = re.compile(r"\+?[0-9]{8,15}")


def _as_typed(text: str) -> _Sought:
    number = _number(text)
    words = _words(text)
    parts = [_quoted(word) for word in words]
    if parts and len(words[-1]) >= LEAST_BEGINNING:
        parts[-1] += ":*"
    return _Sought(
        numbers=sorted({number, number.upper(), text.strip()}) if number else [],
        beginning=number.upper() if len(number) >= LEAST_BEGINNING else "",
        phones=_phones([_home(number)]) if _PHONE.fullmatch(number) else [],
        words=" & ".join(parts),
    )


def _nearly(text: str) -> _Sought:
    number = _number(text).upper()
    wrong = len(number) >= LEAST_OF_A_NUMBER
    # A digit too few or too many is an error too, and so is an O for a zero, or one in what stands before the number.
    phone = number.removeprefix("+") if re.fullmatch(r"\+?[0-9A-Z]{7,16}", number) else ""
    phones = {*one_error_away(phone, digits), *one_error_away(_home(phone), digits)} if phone else set()
    return _Sought(
        numbers=one_error_away(number, digits + ascii_uppercase) if wrong else [],
        beginning="",
        phones=_phones(sorted(one for one in phones if one.isdecimal())),
        words=" & ".join(_any_of(_near(word)) for word in _words(text)),
    )


def _number(text: str) -> str:
    """The text as a number of a connection, a meter or a telephone; empty where it is none."""
    number = _WITHIN_NUMBERS.sub("", text)
    return number if len(number) <= MOST_CHARACTERS and any(c in digits for c in number) else ""


def _words(text: str) -> list[str]:
    found = [word[:MOST_CHARACTERS] for word in _BETWEEN_WORDS.split(text.lower()) if word]
    return found[:MOST_WORDS]


def _home(number: str) -> str:
    """A telephone number without what may stand before it."""
    number = number.removeprefix("+")
    if len(number) > 10:
        number = number.removeprefix(HOME_CODE)
    return number.removeprefix("0")


def _phones(numbers: Iterable[str]) -> list[str]:
    return [before + number for number in numbers for before in ("", f"+{HOME_CODE}", HOME_CODE, "0", "+")]


def _near(word: str) -> list[str]:
    if len(word) < LEAST_LETTERS or any(character.isdigit() for character in word):
        return [word]
    return one_error_away(word, _letters(ord(word[0]) & ~0x7F))


@lru_cache(maxsize=64)
def _letters(block: int) -> str:
    """The letters and signs of a script: those of a block of Unicode."""
    if block == 0:
        return ascii_lowercase
    return "".join(
        chr(code) for code in range(block, block + 128) if unicodedata.category(chr(code))[0] in "LM"
    )


def one_error_away(word: str, alphabet: str) -> list[str]:
    """The word, and what it may have been: a letter left out, doubled or wrong, or two that changed places."""
    cuts = [(word[:number], word[number:]) for number in range(len(word) + 1)]
    left_out = [before + letter + after for before, after in cuts for letter in alphabet]
    too_much = [before + after[1:] for before, after in cuts if len(after) > 0]
    wrong = [before + letter + after[1:] for before, after in cuts if after for letter in alphabet]
    changed = [before + after[1] + after[0] + after[2:] for before, after in cuts if len(after) > 1]
    return list(dict.fromkeys([word, *changed, *too_much, *wrong, *left_out]))


def _any_of(words: list[str]) -> str:
    """One of the words, as a balanced tree: PostgreSQL goes down a chain of hundreds for every row it looks at."""
    if len(words) == 1:
        return _quoted(words[0])
    middle = len(words) // 2
    return f"({_any_of(words[:middle])} | {_any_of(words[middle:])})"


def _quoted(word: str) -> str:
    """A word has neither quotes nor backslashes: they are between words."""
    return f"'{word}'"


def _look(sought: _Sought, caller: Caller, at: datetime, limit: int, *, nearly: bool) -> Hits:
    hits = Hits(nearly)
    places, people, devices = (caller.area(act) for act in (Read.USAGE_POINT, Read.PERSON, Read.DEVICE))
    if places is not None:
        there = ServicePoint.objects.filter(access.places(places, at)).select_related("premise")
        hits.connections = _each_once(
            _by_number(there, "consumer_number", sought, Matched.NUMBER, limit)
            + _by_words(there, "premise_id", _PREMISES, sought, Matched.ADDRESS, limit)
        )
    if people is not None:
        them = Person.objects.filter(access.people(people, at), nameless_at=None)
        called = them.filter(phone__in=sought.phones)[:limit] if sought.phones else []
        hits.people = _each_once(
            [Hit(one, Matched.PHONE) for one in called]
            + _by_words(them, "id", _PEOPLE, sought, Matched.NAME, limit)
        )
    if devices is not None:
        meters = Device.objects.filter(access.devices(devices, at)).only("serial", "device_type", "stock")
        hits.meters = _by_number(meters, "serial", sought, Matched.SERIAL, limit)
    return hits


def _by_number[M: Model](
    things: QuerySet[M], column: str, sought: _Sought, by: Matched, limit: int
) -> list[Hit[M]]:
    if not sought.numbers:
        return []
    found = list(things.filter(**{f"{column}__in": sought.numbers}).order_by(column)[:limit])
    if not found and sought.beginning:
        found = list(things.filter(**{f"{column}__startswith": sought.beginning}).order_by(column)[:limit])
    return [Hit(one, by) for one in found]


_PEOPLE: Final = "SELECT id FROM registry_person WHERE registry_words(name) @@ %s::tsquery"
_PREMISES: Final = (
    "SELECT id FROM registry_premise "
    "WHERE registry_words(name || ' ' || address || ' ' || pin_code) @@ %s::tsquery"
)


def _by_words[M: Model](
    things: QuerySet[M], column: str, statement: str, sought: _Sought, by: Matched, limit: int
) -> list[Hit[M]]:
    """In no order: of a hundred thousand Kumars any will do, and to sort them takes its time."""
    if not sought.words:
        return []
    found = things.filter(**{f"{column}__in": RawSQL(statement, [sought.words])})
    return [Hit(one, by) for one in found[:limit]]


def _each_once[M: Model](hits: list[Hit[M]]) -> list[Hit[M]]:
    return list({hit.found.pk: hit for hit in reversed(hits)}.values())[::-1]
