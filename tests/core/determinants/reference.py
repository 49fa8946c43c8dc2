"""Determinants once more, slowly and plainly, from the text of docs/determinants.md: one agreement, one quantity, no arrays.

It shares no code with `urja.core.determinants`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from itertools import pairwise


@dataclass
class Meter:
    """The time of one meter under one ratio."""

    begins: int
    ends: int
    primary: int = 1
    secondary: int = 1
    reads: dict[int, int] = field(default_factory=dict)
    """Register by instant."""
    blocks: dict[int, tuple[int, bool]] = field(default_factory=dict, repr=False)
    """(increment, whether it is estimated) by start; all of one length."""
    length: int = 1800

    def behind(self, counted):
        return counted * self.primary // self.secondary


def largest_remainders(total, weights):
    """Shares of a total, in proportion, as integers; of one below zero those of its amount, below zero."""
    if total < 0:
        return [-share for share in largest_remainders(-total, weights)]
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    exact = [Fraction(total * weight, whole) for weight in weights]
    shares = [part.numerator // part.denominator for part in exact]
    by_rest = sorted(range(len(weights)), key=lambda n: (shares[n] - exact[n], n))
    for n in by_rest[: total - sum(shares)]:
        shares[n] += 1
    return shares


def energy_by_time(meter):
    """[(start, energy, whether its time is estimated)] and the total, by the rules of the page."""
    before = [at for at in meter.reads if at <= meter.begins]
    if not before:
        return _open(meter, meter.begins, 0, meter.begins)
    opening_at = max(before)
    opening = meter.reads[opening_at] + sum(
        wh for at, (wh, _) in meter.blocks.items() if opening_at <= at < meter.begins
    )
    inside = sorted(at for at in meter.reads if meter.begins < at <= meter.ends)
    pieces, total = [], 0
    points = [(meter.begins, opening)] + [(at, meter.reads[at]) for at in inside]
    for (begin, low), (end, high) in pairwise(points):
        used = meter.behind(high) - meter.behind(low)
        total += used
        pieces += _closed(meter, begin, end, used)
    last_at, last = points[-1]
    rest, of_rest = _open(meter, last_at, last, inside[-1] if inside else opening_at)
    return pieces + rest, total + of_rest


def _closed(meter, begin, end, used):
    known = sorted((at, *meter.blocks[at]) for at in meter.blocks if begin <= at < end)
    gaps, reached = [], begin
    for at, _, _ in [*known, (end, 0, False)]:
        while reached < at:
            length = min(900, at - reached)
            gaps.append((reached, length))
            reached += length
        reached = max(reached, at + (meter.length if at != end else 0))
    counted = sum(wh for _, wh, _ in known)
    missing = used - meter.behind(counted) if gaps and (used > meter.behind(counted) or not known) else 0
    weights = [wh for _, wh, _ in known] if counted else [meter.length] * len(known)
    shares = largest_remainders(used - missing, weights)
    pieces = [(at, share, estimated) for (at, _, estimated), share in zip(known, shares, strict=True)]
    spread = largest_remainders(missing, [length for _, length in gaps])
    return pieces + [(at, share, True) for (at, _), share in zip(gaps, spread, strict=True)]


def _open(meter, begin, register, since):
    """After the last read only the run of blocks without a gap counts, unless a later read has closed the time."""
    closed = any(at >= meter.ends for at in meter.reads) and any(at <= meter.begins for at in meter.reads)
    rows, expected = [], None
    for at in sorted(at for at in meter.blocks if since <= at < meter.ends):
        limit = since + meter.length - 1 if expected is None else expected
        if at > limit and not closed:
            break
        expected = at + meter.length
        if at >= begin:
            rows.append((at, *meter.blocks[at]))
    counted = sum(wh for _, wh, _ in rows)
    total = meter.behind(register + counted) - meter.behind(register)
    weights = [wh for _, wh, _ in rows] if counted else [meter.length] * len(rows)
    shares = largest_remainders(total, weights)
    return [(at, share, flag) for (at, _, flag), share in zip(rows, shares, strict=True)], total


def demand(meter, period_s, zone):
    """(power, start) of the highest whole demand period of measured blocks; None without one."""
    if period_s % meter.length:
        return None
    windows = {}
    for at, (wh, estimated) in meter.blocks.items():
        if not estimated and meter.begins <= at < meter.ends:
            local = datetime.fromtimestamp(at, zone)
            into = (local.hour * 3600 + local.minute * 60 + local.second) % period_s
            windows.setdefault(at - into, []).append(wh)
    whole = {at: sum(found) for at, found in windows.items() if len(found) * meter.length == period_s}
    return max(
        ((wh * meter.primary * 3600 // (meter.secondary * period_s), -at) for at, wh in whole.items()),
        default=None,
    )
