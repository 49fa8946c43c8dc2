"""Search by number, phone, serial, name or address within the caller's area, tolerating one typing error.

PostgreSQL comes without `pg_trgm` here, and among millions of names a trigram index returns too much: half a town
shares `kum`. So the errors are generated on the other side: every word one error away from the typed one is looked up,
and words that no row has cost almost nothing (docs/adr/0015).
"""

# ruff: noqa: S608  (statements are constants of this module; values travel as parameters)

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

from django.db import connection, transaction
from django.db.models import Model

from urja.apps.assets.kinds import Stock
from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.contracts.models import Agreement
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import Read
from urja.apps.network.models import ServicePoint
from urja.apps.overviews.queries import areas
from urja.apps.overviews.queries.areas import ResolvedArea
from urja.apps.overviews.queries.meter_filter import MeterFilter
from urja.apps.people.models import Person
from urja.base.untyped_values import JsonObject

LEAST_LETTERS: Final = 4
"""Shorter words, and words with a digit, are searched only as typed: nearly everything is one error away from them."""
LEAST_OF_A_NUMBER: Final = 5
LEAST_BEGINNING: Final = 3
"""Characters from which on a word is also searched as a prefix."""
MOST_WORDS: Final = 6
MOST_CHARACTERS: Final = 40
"""Characters of a word or a number that are used; nothing searchable is longer."""
HOME_CODE: Final = "91"
"""Country code of India. Telephone numbers are stored as given: with the country code, a zero, or neither."""


class Matched(StrEnum):
    """What matched the search."""

    NUMBER = "number"
    SERIAL = "serial"
    PHONE = "phone"
    NAME = "name"
    ADDRESS = "address"
    METER = "meter"


@dataclass(frozen=True, slots=True)
class Hit[M: Model]:
    """A row that was found, and what matched."""

    found: M
    by: Matched


@dataclass(slots=True)
class Hits:
    """Search results by kind."""

    nearly: bool
    """Whether no row matches as typed, so that these are one typing error away or numbers with this prefix."""
    connections: list[Hit[ServicePoint]] = field(default_factory=list)
    people: list[Hit[Person]] = field(default_factory=list)
    meters: list[Hit[Device]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.connections or self.people or self.meters)


def search(text: str, caller: Caller, at: datetime, limit: int) -> Hits:
    """Return up to `limit` results of each kind that a caller may read, by number and by words.

    First as typed; where nothing matches, with one typing error and with the typed number as a prefix.
    """
    found = _look(_as_typed(text), caller, at, limit, nearly=False)
    return found or _look(_nearly(text), caller, at, limit, nearly=True)


def narrowed(hits: Hits, meters: MeterFilter) -> Hits:
    """Return the results that a filter lets through; a person by the supplies that they have or had."""
    places = set(
        ServicePoint.objects.filter(
            meters.service_points(), id__in=[hit.found.pk for hit in hits.connections]
        ).values_list("id", flat=True)
    )
    devices = set(
        Device.objects.filter(meters.devices(), id__in=[hit.found.pk for hit in hits.meters]).values_list(
            "id", flat=True
        )
    )
    people = set(
        Agreement.objects.filter(
            customer_id__in=[hit.found.pk for hit in hits.people],
            service_point__in=ServicePoint.objects.filter(meters.service_points()),
        ).values_list("customer_id", flat=True)
    )
    return Hits(
        hits.nearly,
        [hit for hit in hits.connections if hit.found.pk in places],
        [hit for hit in hits.people if hit.found.pk in people],
        [hit for hit in hits.meters if hit.found.pk in devices],
    )


def installed_meters(meters: MeterFilter, caller: Caller, at: datetime, limit: int) -> Hits:
    """Return up to `limit` installed meters that a filter lets through and a caller may read, by id."""
    area = caller.area(Read.DEVICE)
    if area is None:
        return Hits(nearly=False)
    inside = areas.devices(area, at, areas.service_points_if_few(area, at))
    found = (
        Device.objects.only("serial", "device_type", "stock")
        .filter(inside, meters.devices(), stock=Stock.INSTALLED)
        .order_by("id")
    )
    return Hits(nearly=False, meters=[Hit(one, Matched.METER) for one in found[:limit]])


@dataclass(frozen=True, slots=True)
class _Sought:
    """What to look up; an empty field is not searched."""

    numbers: list[str]
    beginning: str
    phones: list[str]
    words: list[list[str]]
    """For each typed word its alternatives, as lexemes of a `tsquery`."""


# Words are the same here as in the index (`journal_words`, migration `journal.0002_rules`).
_BETWEEN_WORDS: Final = re.compile(r"[\s!-/:-@\[-`{-~]+")
_WITHIN_NUMBERS: Final = re.compile(r"[\s()-]+")
_PHONE: Final = re.compile(r"\+?[0-9]{8,15}")


def _as_typed(text: str) -> _Sought:
    number = _number(text)
    words = _words(text)
    lexemes = [_quoted(word) for word in words]
    if lexemes and len(words[-1]) >= LEAST_BEGINNING:
        lexemes[-1] += ":*"
    return _Sought(
        numbers=sorted({number, number.upper(), text.strip()}) if number else [],
        beginning="",
        phones=_phones([_home(number)]) if _PHONE.fullmatch(number) else [],
        words=[[lexeme] for lexeme in lexemes],
    )


def _nearly(text: str) -> _Sought:
    number = _number(text).upper()
    wrong = len(number) >= LEAST_OF_A_NUMBER
    # A digit too few or too many is an error too, and so is an O for a zero, or one in what stands before the number.
    phone = number.removeprefix("+") if re.fullmatch(r"\+?[0-9A-Z]{7,16}", number) else ""
    phones = {*one_error_away(phone, digits), *one_error_away(_home(phone), digits)} if phone else set()
    return _Sought(
        numbers=one_error_away(number, digits + ascii_uppercase) if wrong else [],
        beginning=number if len(number) >= LEAST_BEGINNING else "",
        phones=_phones(sorted(one for one in phones if one.isdecimal())),
        words=[[_quoted(near) for near in _near(word)] for word in _words(text)],
    )


def _number(text: str) -> str:
    """Return the text as a consumer number, serial or telephone number; empty where it is none."""
    number = _WITHIN_NUMBERS.sub("", text)
    return number if len(number) <= MOST_CHARACTERS and any(c in digits for c in number) else ""


def _words(text: str) -> list[str]:
    found = [word[:MOST_CHARACTERS] for word in _BETWEEN_WORDS.split(text.lower()) if word]
    return found[:MOST_WORDS]


def _home(number: str) -> str:
    """Return a telephone number without plus sign, country code and leading zero."""
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
    """Return the letters and marks of a script, by its Unicode block of 128 code points."""
    if block == 0:
        return ascii_lowercase
    return "".join(
        chr(code) for code in range(block, block + 128) if unicodedata.category(chr(code))[0] in "LM"
    )


def one_error_away(word: str, alphabet: str) -> list[str]:
    """Return a word and all words with one letter missing, doubled or wrong, or two neighbours swapped."""
    cuts = [(word[:number], word[number:]) for number in range(len(word) + 1)]
    left_out = [before + letter + after for before, after in cuts for letter in alphabet]
    too_much = [before + after[1:] for before, after in cuts if len(after) > 0]
    wrong = [before + letter + after[1:] for before, after in cuts if after for letter in alphabet]
    changed = [before + after[1] + after[0] + after[2:] for before, after in cuts if len(after) > 1]
    return list(dict.fromkeys([word, *changed, *too_much, *wrong, *left_out]))


def _quoted(word: str) -> str:
    """Return a word as a quoted lexeme. It needs no escaping: quotes and backslashes separate words."""
    return f"'{word}'"


def _look(sought: _Sought, caller: Caller, at: datetime, limit: int, *, nearly: bool) -> Hits:
    hits = Hits(nearly)
    places, people, devices = (caller.area(act) for act in (Read.SERVICE_POINT, Read.CONSUMER, Read.DEVICE))
    if places is not None:
        hits.connections = _connections(sought, ResolvedArea.of(places, at), limit)
    if people is not None:
        hits.people = _people(sought, ResolvedArea.of(people, at), limit)
    if devices is not None:
        hits.meters = _meters(sought, ResolvedArea.of(devices, at), limit)
    return hits


MOST_CANDIDATES: Final = 8000
"""So many rows found by an index alone are tested against an area. Where there are more, the area is searched first."""
MOST_WHOLES: Final = 20
"""Societies and complexes of one name whose parts are searched."""


def _connections(sought: _Sought, reach: ResolvedArea, limit: int) -> list[Hit[ServicePoint]]:
    ids = _of_number("network_service_point", "consumer_number", sought)
    by = dict.fromkeys(_first(ids, reach.within(ids), limit), Matched.NUMBER)
    at_them: list[int] = []
    for words in _queries(_PREMISE, sought.words):
        at_them = _found(_PLACES_BY_WORDS, _PLACES_OF_AREA, words, limit, reach)
        if at_them:
            break
    if len(at_them) < limit:
        at_them = list(dict.fromkeys([*at_them, *_in_wholes(sought.words, reach, limit)]))
    by |= {id_: Matched.ADDRESS for id_ in at_them[:limit] if id_ not in by}
    found = ServicePoint.objects.select_related("premise").in_bulk(by)
    return [Hit(found[id_], matched) for id_, matched in by.items()]


def _people(sought: _Sought, reach: ResolvedArea, limit: int) -> list[Hit[Person]]:
    by: dict[int, Matched] = {}
    if sought.phones:
        called = Person.objects.filter(phone__in=sought.phones).order_by("id").values_list("id", flat=True)
        by = dict.fromkeys(_living_in(list(called), reach)[:limit], Matched.PHONE)
    for words in _queries(_PERSON, sought.words):
        by_words = _PEOPLE_EVERYWHERE if reach.everywhere else _PEOPLE_BY_WORDS
        named = _found(by_words, _PEOPLE_OF_AREA, words, limit, reach)
        by |= {id_: Matched.NAME for id_ in named if id_ not in by}
        if named:
            break
    found = Person.objects.in_bulk(by)
    return [Hit(found[id_], matched) for id_, matched in by.items()]


def _meters(sought: _Sought, reach: ResolvedArea, limit: int) -> list[Hit[Device]]:
    """Find meters by serial. Of a limited area only installed ones; meters in stock need a role without a limit."""
    ids = _of_number("assets_device", "serial", sought)
    if ids and not reach.everywhere:
        installed = DevicePeriod.objects.filter(device_id__in=ids, valid_to=None)
        places = dict(installed.values_list("device_id", "service_point_id"))
        inside = reach.within(places.values())
        ids = [id_ for id_ in ids if places.get(id_) in inside]
    found = Device.objects.only("serial", "device_type", "stock").in_bulk(ids[:limit])
    return [Hit(found[id_], Matched.SERIAL) for id_ in ids[:limit]]


def _first(ids: list[int], inside: set[int], limit: int) -> list[int]:
    return [id_ for id_ in ids if id_ in inside][:limit]


def _living_in(ids: list[int], reach: ResolvedArea) -> list[int]:
    """Return those of some people who have or had a supply in an area, in the same order."""
    if reach.everywhere or not ids:
        return ids
    with connection.cursor() as cursor:
        cursor.execute(_SUPPLIES_OF, {"ids": ids})
        supplies = cursor.fetchall()
    inside = reach.within(place for _, place in supplies)
    living = {person for person, place in supplies if place in inside}
    return [id_ for id_ in ids if id_ in living]


_SUPPLIES_OF: Final = """
SELECT customer_id, service_point_id FROM contracts.agreement WHERE customer_id = ANY(%(ids)s)
UNION SELECT x.person_id, g.service_point_id
FROM identity.account_access x JOIN contracts.agreement g ON g.account_id = x.account_id
WHERE x.person_id = ANY(%(ids)s)
"""
_NUMBERS: Final = "SELECT id FROM {table} WHERE {column} = ANY(%s) ORDER BY {column} LIMIT {most}"
# By the operators of the index (text_pattern_ops): a generic plan of a prepared statement does not use it for LIKE.
_BEGINNINGS: Final = "SELECT id FROM {table} WHERE {column} ~>=~ %s AND {column} ~<~ %s ORDER BY {column} USING ~<~ LIMIT {most}"
_LAST: Final = "\U0010ffff"
"""Sorts after every character, so that prefix + this is an upper bound."""


def _of_number(table: str, column: str, sought: _Sought) -> list[int]:
    names = {"table": table, "column": column, "most": MOST_CANDIDATES}
    begins, found = sought.beginning, []
    with connection.cursor() as cursor:
        if sought.numbers:
            cursor.execute(_NUMBERS.format(**names), [sought.numbers])
            found += cursor.fetchall()
        if begins:
            cursor.execute(_BEGINNINGS.format(**names), [begins, begins + _LAST])
            found += cursor.fetchall()
    return list(dict.fromkeys(id_ for (id_,) in found))


_PERSON: Final = ("people_person", "journal_words(b.name)")
_PREMISE: Final = ("network_premise", "journal_words(b.name || ' ' || b.address || ' ' || b.pin_code)")
_WHOLE: Final = ("network_premise", f"b.kind IN ('society', 'complex') AND {_PREMISE[1]}")
"""Tables with the expression that their full-text index has."""
_OCCURS: Final = (
    "SELECT lexeme FROM unnest(%s::text[]) lexeme WHERE EXISTS (SELECT FROM {} b WHERE {} @@ lexeme::tsquery)"
)


def _queries(table: tuple[str, str], words: list[list[str]]) -> Iterator[str]:
    """Yield text queries for the alternatives of each word, likelier ones first; none where a word occurs in no row.

    Of hundreds of alternatives few occur at all, and only these are searched. A typed word that occurs is first taken
    literally, because an error seldom produces another existing name. So most words are searched once, and only then
    with all alternatives.
    """
    if not words:
        return
    single = {may_be[0] for may_be in words if len(may_be) == 1}
    typed = single | _occurring(table, [may_be[0] for may_be in words if len(may_be) > 1])
    wrong = [may_be for may_be in words if may_be[0] not in typed]
    occurring = typed | _occurring(table, [one for may_be in wrong for one in may_be])
    likelier = [[may_be[0]] if may_be[0] in typed else _those(occurring, may_be) for may_be in words]
    if not all(likelier):
        return
    if wrong or not any(len(may_be) > 1 for may_be in words):
        yield _query(likelier)
    right = [may_be for may_be in words if may_be[0] in typed and len(may_be) > 1]
    if right:
        occurring |= _occurring(table, [one for may_be in right for one in may_be])
        yield _query([_those(occurring, may_be) for may_be in words])


def _those(occurring: set[str], may_be: list[str]) -> list[str]:
    return [one for one in may_be if one in occurring]


def _query(words: list[list[str]]) -> str:
    return " & ".join(f"({' | '.join(may_be)})" for may_be in words)


def _occurring(table: tuple[str, str], lexemes: list[str]) -> set[str]:
    """Return those lexemes that occur in any row.

    `gin_fuzzy_search_limit` makes the index return a random subset of rows, so a frequent word is not read to its end.
    """
    if not lexemes:
        return set()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL gin_fuzzy_search_limit = 1000")
        cursor.execute(_OCCURS.format(*table), [lexemes])
        return {lexeme for (lexeme,) in cursor.fetchall()}


def _in_wholes(words: list[list[str]], reach: ResolvedArea, limit: int) -> list[int]:
    """Find service points in societies and complexes: some words name the whole, the others its tower or flat."""
    of_names = [may_be for may_be in words if _is_of_a_name(may_be[0])]
    occurring = _occurring(_WHOLE, [one for may_be in of_names for one in may_be])
    of_whole = [found for may_be in of_names if (found := _those(occurring, may_be))]
    if not of_whole:
        return []
    all_of_it = [_those(occurring, may_be) or [may_be[0]] for may_be in words]
    with connection.cursor() as cursor:
        cursor.execute(
            _PLACES_IN_WHOLES.format(limit=limit, **_in_area(reach)),
            {"whole": _query(of_whole), "words": _query(all_of_it), **_values(reach)},
        )
        return [id_ for (id_,) in cursor.fetchall()]


def _is_of_a_name(lexeme: str) -> bool:
    """Return whether a lexeme may be part of a name, not the number of a flat or the letter of a tower."""
    bare = lexeme.strip("':*")
    return len(bare) >= LEAST_BEGINNING and not any(character.isdigit() for character in bare)


_AREA: Final = """
SELECT service_point_id AS id FROM network.placement WHERE tree = 'administration' AND node_id = ANY(%(nodes)s)
    AND valid_from <= %(at)s AND coalesce(valid_to, 'infinity') > %(at)s
UNION SELECT id FROM network.service_point WHERE premise_id = ANY(%(premises)s)
"""
_UNDER_NODES: Final = """EXISTS (SELECT FROM network.placement p WHERE p.service_point_id = {place} AND p.tree = 'administration'
    AND p.node_id = ANY(%(nodes)s) AND p.valid_from <= %(at)s AND coalesce(p.valid_to, 'infinity') > %(at)s)"""
_IN_PREMISES: Final = """EXISTS (SELECT FROM network.service_point o WHERE o.id = {place} AND o.premise_id = ANY(%(premises)s))"""


def _in_area(reach: ResolvedArea) -> dict[str, str]:
    """Return SQL conditions that the service point of an agreement `g`, or one `s`, is in an area.

    An area without nodes, or without premises, gets no condition for them.
    """
    asked = [(_UNDER_NODES, reach.nodes), (_IN_PREMISES, reach.premises)]
    within = " OR ".join(condition for condition, ids in asked if ids) or "false"
    return {
        name: "true" if reach.everywhere else f"({within.format(place=place)})"
        for name, place in (("of_agreement", "g.service_point_id"), ("of_place", "s.id"))
    }


# OFFSET 0 fences the subquery: otherwise the planner joins whole tables for a few thousand rows, of which few are used.
_PEOPLE_BY_WORDS: Final = f"""
WITH named AS MATERIALIZED (
    SELECT b.id FROM people.person b WHERE {_PERSON[1]} @@ %(words)s::tsquery LIMIT {{candidates}})
SELECT found, CASE WHEN cardinality(found) < {{limit}} THEN (SELECT count(*) FROM named) ELSE 0 END FROM (SELECT ARRAY(
    SELECT named.id FROM named, LATERAL (
        (SELECT FROM contracts.agreement g WHERE g.customer_id = named.id AND {{of_agreement}} OFFSET 0)
        UNION ALL (SELECT FROM identity.account_access x JOIN contracts.agreement g ON g.account_id = x.account_id
        WHERE x.person_id = named.id AND {{of_agreement}} OFFSET 0)
        LIMIT 1) living LIMIT {{limit}}) AS found OFFSET 0) AS first
"""
_PEOPLE_EVERYWHERE: Final = f"""
SELECT ARRAY(SELECT b.id FROM people.person b WHERE {_PERSON[1]} @@ %(words)s::tsquery LIMIT {{limit}}), 0
"""
_PEOPLE_OF_AREA: Final = f"""
WITH place AS MATERIALIZED ({_AREA})
(SELECT b.id FROM place JOIN contracts.agreement g ON g.service_point_id = place.id
JOIN people.person b ON b.id = g.customer_id WHERE {_PERSON[1]} @@ %(words)s::tsquery LIMIT {{limit}})
UNION (SELECT b.id FROM place JOIN contracts.agreement g ON g.service_point_id = place.id
JOIN identity.account_access x ON x.account_id = g.account_id
JOIN people.person b ON b.id = x.person_id WHERE {_PERSON[1]} @@ %(words)s::tsquery LIMIT {{limit}})
LIMIT {{limit}}
"""
_PLACES_BY_WORDS: Final = f"""
WITH named AS MATERIALIZED (
    SELECT b.id FROM network.premise b WHERE {_PREMISE[1]} @@ %(words)s::tsquery LIMIT {{candidates}})
SELECT found, CASE WHEN cardinality(found) < {{limit}} THEN (SELECT count(*) FROM named) ELSE 0 END FROM (SELECT ARRAY(
    SELECT place.id FROM named, LATERAL (
        SELECT s.id FROM network.service_point s WHERE s.premise_id = named.id AND {{of_place}} OFFSET 0) place
    LIMIT {{limit}}) AS found OFFSET 0) AS first
"""
"""Returns the matches in an area up to the limit and, where they are fewer, the number of candidates."""
_PLACES_IN_WHOLES: Final = f"""
WITH RECURSIVE whole AS MATERIALIZED (
    SELECT b.id, {_PREMISE[1]} AS words FROM network.premise b WHERE {_WHOLE[1]} @@ %(whole)s::tsquery LIMIT {MOST_WHOLES}
), part AS (
    TABLE whole
    UNION ALL SELECT b.id, part.words || {_PREMISE[1]} FROM part, LATERAL (
        SELECT * FROM network.premise m WHERE m.parent_id = part.id OFFSET 0) b
)
SELECT place.id FROM part, LATERAL (
    SELECT s.id FROM network.service_point s WHERE s.premise_id = part.id AND {{of_place}} OFFSET 0) place
WHERE part.words @@ %(words)s::tsquery LIMIT {{limit}}
"""
_PLACES_OF_AREA: Final = f"""
SELECT s.id FROM ({_AREA}) place JOIN network.service_point s ON s.id = place.id
JOIN network.premise b ON b.id = s.premise_id WHERE {_PREMISE[1]} @@ %(words)s::tsquery LIMIT {{limit}}
"""


def _found(by_words: str, of_area: str, words: str, limit: int, reach: ResolvedArea) -> list[int]:
    """Return up to `limit` ids that match, in no order: sorting a hundred thousand Kumars costs more than finding them.

    Limits are part of the statement's text, because a generic plan for any limit reads whole tables.
    """
    candidates = limit if reach.everywhere else MOST_CANDIDATES
    values = {"words": words, **_values(reach)}
    statement = by_words.format(candidates=candidates, limit=limit, **_in_area(reach))
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found, count = cursor.fetchone()
        if count >= candidates and not reach.everywhere:
            cursor.execute(of_area.format(limit=limit), values)
            found = [id_ for (id_,) in cursor.fetchall()]
    return list(found)


def _values(reach: ResolvedArea) -> JsonObject:
    return {"nodes": reach.nodes, "premises": reach.premises, "at": reach.at}
