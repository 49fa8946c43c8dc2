"""Energy of each interval: the register says how much, the intervals say when.

A register's reads divide a segment into *spans*. A span between two reads has used the register's advance, and its intervals
share it: those that are known by what they counted, those that are missing, evenly by time, what the known ones leave. After
the last read the intervals count alone, up to the first gap. So the total is that of the accruals, to the Wh.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from urja.core.determinants.inputs import Integers, Intervals, Mask, Reads, Segments, sort_key
from urja.core.vee import NULL

PIECE_S: Final = 900
"""Missing time is put into zones by pieces of this length."""
_SAFE: Final = 2**62


@dataclass(frozen=True, slots=True)
class ShapedEnergy:
    """Energy by interval, behind the ratio, with the segments' totals."""

    segment: Integers
    start_at: Integers
    energy: Integers
    """Of each interval, or piece of missing time."""
    estimated: Mask
    """Whether the time of this energy is estimated: its interval is missing, or was estimated."""
    total: Integers
    """By segment; the sum of its intervals."""
    total_estimated: Integers
    """By segment: the part of the total that no register has counted yet and that rests on estimates."""
    residual: Integers
    """By segment: advance of the register less the intervals under it."""
    by_register: Mask
    """By segment: whether registers have counted all of it."""
    captured: Mask
    """By segment: whether the quantity is known at all."""
    known_to: Integers
    """By segment: end of what is known without a gap."""


def allocate(total: Integers, weight: Integers, group: Integers) -> Integers:
    """Return an integer for each row so that the rows of each group sum to its total, in proportion to their weights.

    The largest remainders get the units that rounding down leaves; of equal ones the earlier row. `total` is by group,
    weights are not negative. A group of weights that are all zero gets nothing. A total below zero (a read behind what
    intervals have counted already) is shared as its amount is.
    """
    sums = np.zeros(len(total), np.int64)
    np.add.at(sums, group, weight)
    divisor = np.maximum(sums, 1)[group]
    amount, exact_weight = np.abs(total)[group], weight
    if len(group) and int(amount.max()) * int(weight.max()) >= _SAFE:
        # Python's integers: gigawatt-hours by the Wh would overflow.
        amount, exact_weight, divisor = amount.astype(object), weight.astype(object), divisor.astype(object)
    product = amount * exact_weight
    share = (product // divisor).astype(np.int64)
    remainder = (product % divisor).astype(np.int64)
    given = np.zeros(len(total), np.int64)
    np.add.at(given, group, share)
    left = np.where(sums > 0, np.abs(total) - given, 0)
    order = np.lexsort((np.arange(len(group)), -remainder, group))
    ordered = group[order]
    rank = np.arange(len(group)) - np.searchsorted(ordered, ordered, "left")
    share[order] += rank < left[ordered]
    signed: Integers = share * np.sign(total)[group]
    return signed


@dataclass(frozen=True, slots=True)
class _Register:
    """A register's reads, with the places that matter of each segment."""

    key: Integers
    segment: Integers
    read_at: Integers
    value: Integers
    anchored: Mask
    """Whether the segment has a read at or before its beginning."""
    opening: Integers
    anchor: Integers
    """Index of the last read before the segment's beginning, and of the last one before its end."""
    closed: Mask
    """Whether a read at or after its end exists: nothing more will change it."""


def _register(segments: Segments, reads: Reads, value: Integers) -> _Register:
    present = value != NULL
    key = sort_key(reads.segment, reads.read_at)[present]
    order = np.argsort(key, kind="stable")
    key, value = key[order], value[present][order]
    segment, read_at = reads.segment[present][order], reads.read_at[present][order]
    number = np.arange(len(segments.agreement), dtype=np.int64)
    if len(key) == 0:
        nothing, no = np.full(len(number), -1, np.int64), np.zeros(len(number), np.bool_)
        return _Register(key, segment, read_at, value, no, nothing, nothing, no)
    opening = np.searchsorted(key, sort_key(number, segments.from_at), "right") - 1
    anchor = np.searchsorted(key, sort_key(number, segments.to_at), "right") - 1
    later = np.searchsorted(key, sort_key(number, segments.to_at), "left")
    anchored = (opening >= 0) & (segment[opening] == number)
    closed = anchored & (later < len(key)) & (segment[np.minimum(later, len(key) - 1)] == number)
    return _Register(key, segment, read_at, value, anchored, opening, anchor, closed)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """The intervals that have a value, in order."""

    key: Integers
    segment: Integers
    start_at: Integers
    end_at: Integers
    value: Integers
    estimated: Mask
    running: Integers
    """Sum of the values before each row, and of all at the end."""

    def between(self, segment: Integers, begins: Integers, ends: Integers) -> Integers:
        """Return the sum of the intervals that begin in [begins, ends), by segment."""
        first, last = (np.searchsorted(self.key, sort_key(segment, at), "left") for at in (begins, ends))
        found: Integers = self.running[np.maximum(last, first)] - self.running[first]
        return found


def _blocks(intervals: Intervals, value: Integers) -> _Blocks:
    present = value != NULL
    key = sort_key(intervals.segment, intervals.start_at)[present]
    order = np.argsort(key, kind="stable")
    segment, start_at, length_s, value, estimated = (
        part[present][order]
        for part in (intervals.segment, intervals.start_at, intervals.length_s, value, intervals.estimated)
    )
    running = np.concatenate((np.zeros(1, np.int64), np.cumsum(value)))
    return _Blocks(
        key[order], segment, start_at, start_at + length_s, value, estimated.astype(np.bool_), running
    )


@dataclass(frozen=True, slots=True)
class _Spans:
    """Times between reads of a register, and the one after the last, in the order of segment and time."""

    segment: Integers
    begins: Integers
    ends: Integers
    opening: Integers
    """Register at the beginning; for a segment without any read the count from its beginning."""
    is_last: Mask


def _spans(segments: Segments, register: _Register, blocks: _Blocks) -> _Spans:
    number = np.arange(len(segments.agreement), dtype=np.int64)
    if len(register.key):
        read = np.maximum(register.opening, 0)
        lead_in = blocks.between(
            number, np.minimum(register.read_at[read], segments.from_at), segments.from_at
        )
        opening = np.where(register.anchored, register.value[read] + lead_in, 0)
    else:
        opening = np.zeros(len(number), np.int64)
    inside = (
        register.anchored[register.segment]
        & (register.read_at > segments.from_at[register.segment])
        & (register.read_at <= segments.to_at[register.segment])
    )
    segment = np.concatenate((number, register.segment[inside]))
    begins = np.concatenate((segments.from_at, register.read_at[inside]))
    values = np.concatenate((opening, register.value[inside]))
    order = np.argsort(sort_key(segment, begins), kind="stable")
    segment, begins, values = segment[order], begins[order], values[order]
    is_last = np.concatenate((segment[1:] != segment[:-1], np.ones(min(len(segment), 1), np.bool_)))
    ends = np.where(is_last, segments.to_at[segment], np.concatenate((begins[1:], begins[:1])))
    return _Spans(segment, begins, ends, values, is_last)


def _first_hole(segments: Segments, register: _Register, blocks: _Blocks) -> tuple[Integers, Integers]:
    """Return by segment the start of the first interval behind a gap since the last read, and where that run ends."""
    count = len(segments.agreement)
    read = np.maximum(register.anchor, 0)
    since = (
        np.where(register.anchored, register.read_at[read], segments.from_at)
        if len(register.key)
        else segments.from_at
    )
    inside = (blocks.start_at >= since[blocks.segment]) & (blocks.start_at < segments.to_at[blocks.segment])
    segment, start_at, end_at = blocks.segment[inside], blocks.start_at[inside], blocks.end_at[inside]
    first = np.concatenate((np.ones(min(len(segment), 1), np.bool_), segment[1:] != segment[:-1]))
    # A meter installed within an interval stores its first whole one after that: the part before it is no gap.
    expected = np.where(
        first, since[segment] + (end_at - start_at) - 1, np.concatenate((end_at[:1], end_at[:-1]))
    )
    hole = np.full(count, 2**62, np.int64)
    np.minimum.at(hole, segment[start_at > expected], start_at[start_at > expected])
    known_to = since.copy()
    known = start_at < hole[segment]
    np.maximum.at(known_to, segment[known], end_at[known])
    return hole, known_to


def shape(
    segments: Segments, reads: Reads, intervals: Intervals, read: Integers, increments: Integers
) -> ShapedEnergy:
    """Return the energy of a quantity by interval, for all segments.

    `read` is what its register had at the reads, `increments` what the intervals counted; `NULL` where the meter has neither.
    """
    register, blocks = _register(segments, reads, read), _blocks(intervals, increments)
    spans = _spans(segments, register, blocks)
    hole, known_to = _first_hole(segments, register, blocks)
    closed = register.closed
    known_to = np.where(closed, segments.to_at, known_to)
    captured = register.anchored | np.isin(np.arange(len(closed)), blocks.segment)

    # The rows of each span: what is counted, and under anchored spans what is missing.
    span = np.searchsorted(sort_key(spans.segment, spans.begins), blocks.key, "right") - 1
    held = (
        (span >= 0)
        & (blocks.start_at >= segments.from_at[blocks.segment])
        & (blocks.start_at < segments.to_at[blocks.segment])
        & (~spans.is_last[span] | closed[blocks.segment] | (blocks.start_at < hole[blocks.segment]))
    )
    span = span[held]
    rows = _Blocks(
        blocks.key[held],
        blocks.segment[held],
        blocks.start_at[held],
        blocks.end_at[held],
        blocks.value[held],
        blocks.estimated[held],
        blocks.running,
    )
    counted = np.zeros(len(spans.segment), np.int64)
    np.add.at(counted, span, rows.value)
    closing = np.where(
        spans.is_last, spans.opening + counted, np.concatenate((spans.opening[1:], spans.opening[:1]))
    )
    total = segments.scaled(closing, spans.segment) - segments.scaled(spans.opening, spans.segment)
    behind = segments.scaled(counted, spans.segment)

    missing_span, missing_at, missing_s = _missing(spans, span, rows)
    has_missing = np.isin(np.arange(len(total)), missing_span)
    has_rows = np.isin(np.arange(len(total)), span)
    of_missing = np.where(has_missing & ((total > behind) | ~has_rows), total - behind, 0)
    # Intervals that counted nothing under a register that did share it by time.
    weight = np.where(counted[span] == 0, rows.end_at - rows.start_at, rows.value)
    group = np.concatenate((2 * span, 2 * missing_span + 1))
    totals = np.stack((total - of_missing, of_missing), axis=1).reshape(-1)
    energy = allocate(totals, np.concatenate((weight, missing_s)), group)
    estimated = np.concatenate((rows.estimated, np.ones(len(missing_span), np.bool_)))

    def by_segment(values: Integers, segment: Integers) -> Integers:
        sums = np.zeros(len(closed), np.int64)
        np.add.at(sums, segment, values)
        return sums

    open_estimate = spans.is_last[span] & rows.estimated
    in_register = ~spans.is_last
    return ShapedEnergy(
        segment=np.concatenate((rows.segment, spans.segment[missing_span])),
        start_at=np.concatenate((rows.start_at, missing_at)),
        energy=energy,
        estimated=estimated,
        total=by_segment(total, spans.segment),
        total_estimated=by_segment(energy[: len(span)][open_estimate], rows.segment[open_estimate]),
        residual=by_segment((total - behind)[in_register], spans.segment[in_register]),
        by_register=register.anchored & (by_segment(np.where(spans.is_last, counted, 0), spans.segment) == 0),
        captured=captured,
        known_to=known_to,
    )


def _missing(spans: _Spans, span: Integers, rows: _Blocks) -> tuple[Integers, Integers, Integers]:
    """Return span, start and length of the time between two reads in which no interval lies, in pieces."""
    between = ~spans.is_last
    first = np.concatenate((np.ones(min(len(span), 1), np.bool_), span[1:] != span[:-1]))
    before = np.where(first, spans.begins[span], np.concatenate((rows.end_at[:1], rows.end_at[:-1])))
    last_end = spans.begins.copy()
    np.maximum.at(last_end, span, rows.end_at)
    owner = np.concatenate((span, np.arange(len(between), dtype=np.int64)))
    begins = np.concatenate((before, last_end))
    ends = np.concatenate((rows.start_at, spans.ends))
    real = between[owner] & (ends > begins)
    owner, begins, ends = owner[real], begins[real], ends[real]
    pieces = -((begins - ends) // PIECE_S)
    place = np.arange(int(pieces.sum()), dtype=np.int64) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    start = np.repeat(begins, pieces) + place * PIECE_S
    length = np.minimum(np.repeat(ends, pieces) - start, PIECE_S)
    owner = np.repeat(owner, pieces)
    order = np.lexsort((start, owner))
    return owner[order], start[order], length[order]
