"""Event codes and status bits of a meter type's own (`events.toml`), beside and in place of its companion standard's."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from urja.base.event_meanings import MEANINGS
from urja.cosem.companion.loader import Raw, RawLog, bit_problems, event_codes
from urja.cosem.companion.model import Companion, EswBit, EventCode
from urja.cosem.companion.type_files import EVENTS
from urja.cosem.companion.type_statements import LONGEST_TITLE, is_line

MAX_EVENTS: Final = 1000
_LARGEST_CODE: Final = 0xFFFF
_ACTED_ON: Final = frozenset({101, 102, 201, 202, 203, 204, 251})
"""Codes of the standard that decide about outages and open work orders: no type may give them another
meaning.
"""


class _RawOwnEsw(Raw, frozen=True):
    bits: list[EswBit]


class RawEvents(Raw, frozen=True):
    """The content of `events.toml`, as it is written."""

    events: dict[str, RawLog] = msgspec.field(default_factory=dict)
    esw: _RawOwnEsw = _RawOwnEsw([])
    instead_of: dict[str, int] = msgspec.field(default_factory=dict)
    means: dict[str, int] = msgspec.field(default_factory=dict)


def with_own_codes(standard: Companion, own: RawEvents, problems: list[str]) -> Companion:
    """Return the standard with a type's own codes and bits in place of, and beside, its own."""
    codes = list(event_codes(own.events))
    if len(codes) > MAX_EVENTS:
        problems.append(f"{EVENTS}: events: has {len(codes)} codes: write at most {MAX_EVENTS}")
    events = {code.code: code for code in codes}
    problems += [
        f"{EVENTS}: events: code {code} is given twice: give each code one name"
        for code, count in Counter(code.code for code in codes).items()
        if count > 1
    ]
    problems += _code_problems(codes)
    problems += [
        f"{EVENTS}: events: code {code} is the standard's {standard.events[code].name!r}, which is acted on: leave it out"
        for code in sorted(_ACTED_ON & set(events))
    ]
    for code in events:
        # An outage or a tamper that begins by the type's code and ends by the standard's would never end.
        counterpart = standard.events[code].counterpart if code in standard.events else None
        if counterpart is not None and counterpart not in events:
            problems.append(
                f"{EVENTS}: events: {code} replaces one end of the standard's pair with {counterpart}: give both"
            )
    merged = dict(standard.events) | events
    for bit in own.esw.bits:
        problems += bit_problems(f"{EVENTS}: esw", bit, standard.esw_length, merged)
        if not is_line(bit.name):
            problems.append(f"{EVENTS}: esw: bit {bit.bit} has no name: write one line")
    problems += [
        f"{EVENTS}: esw: bit {bit} is given twice: give each bit one meaning"
        for bit, count in Counter(bit.bit for bit in own.esw.bits).items()
        if count > 1
    ]
    bits = dict(standard.esw)
    # A code that the type gives a bit of its own loses the standard's bit.
    moved = {bit.event for bit in own.esw.bits} | {int(code) for code in own.instead_of if code.isdecimal()}
    bits = {number: bit for number, bit in bits.items() if bit.event is None or bit.event not in moved}
    return msgspec.structs.replace(
        standard,
        events=MappingProxyType(merged),
        esw=MappingProxyType(bits | {bit.bit: bit for bit in own.esw.bits}),
    )


def _code_problems(codes: Sequence[EventCode]) -> list[str]:
    problems = []
    for code in codes:
        where = f"{EVENTS}: events.{code.log}: code {code.code}"
        if not 0 < code.code <= _LARGEST_CODE:
            problems.append(f"{where}: write 1 to {_LARGEST_CODE}")
        if not 0 <= code.log_number <= 255:
            problems.append(f"{where}: log is {code.log_number}: write the E of its log 0.0.99.98.E.255")
        if not is_line(code.name):
            problems.append(f"{where}: has no name: write one line of 1 to {LONGEST_TITLE} characters")
    return problems


def written_codes(
    own: RawEvents, standard: Companion, companion: Companion, problems: list[str]
) -> dict[int, int]:
    """Return the codes that the meter writes in place of the standard's, by the standard's."""
    written: dict[int, int] = {}
    for text, code in own.instead_of.items():
        where = f"{EVENTS}: instead_of.{text}"
        if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) not in standard.events:
            problems.append(f"{where}: is not an event code of {standard.name}: write one of its codes")
            continue
        meant, written_event = standard.events[int(text)], companion.events.get(code)
        if written_event is None:
            problems.append(f"{where}: names event {code}, which is not listed: list it under events")
            continue
        if written_event.state != meant.state:
            problems.append(
                f"{where}: event {code} is {written_event.state}, the standard's {meant.code} is {meant.state}: "
                "write codes that begin and end the same"
            )
        if written_event.log_number not in {event.log_number for event in standard.events.values()}:
            problems.append(
                f"{where}: event {code} is of log {written_event.log_number}: write one of the standard's logs"
            )
        if code in written.values():
            problems.append(f"{where}: event {code} is given for two codes: write one")
        written[meant.code] = code
    return written


def meant_codes(
    own: RawEvents, companion: Companion, written: Mapping[int, int], problems: list[str]
) -> dict[int, int]:
    """Return the codes of Urja's meanings by the codes that the meter writes."""
    meanings: dict[int, int] = {}
    for name, code in own.means.items():
        where, event = f"{EVENTS}: means.{name}", companion.events.get(code)
        if name not in MEANINGS:
            problems.append(f"{where}: is not a meaning: write one of {', '.join(MEANINGS)}")
        elif event is None:
            problems.append(f"{where}: names event {code}, which is not listed: list it under events")
        elif event.state == "restored":
            problems.append(f"{where}: event {code} ends a condition: write the code that begins it")
        elif code in meanings or code in written.values() or code in _ACTED_ON:
            problems.append(f"{where}: event {code} has another meaning already: write another code")
        else:
            meanings[code] = MEANINGS[name]
    return meanings
