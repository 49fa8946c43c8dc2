"""An agreement's part of the energy of common areas, day by day, and which stored days it rests on.

A day is shared among the agreements that are in force when it ends, so an agreement that ends within a day has no part of
that day.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Any

from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants.common_days import Shared, SharedDay, newest_shares, newest_sums, shares_named
from urja.apps.determinants.common_places import common_areas_above, ever_above
from urja.apps.local_zone import local_zone
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.rating import QuantityUse
from urja.core.rating.priced_quantities import share_of


@dataclass(frozen=True, slots=True)
class NamedShares:
    """The days that a charge rests on, as an entry names them: by one hash, and the versions that are not the first."""

    shared: Shared
    sha256: str
    versions: Mapping[str, int]
    end: date | None = None
    """The day after the last of them, whatever end the agreement has later; None in entries that do not say it."""

    def to_json(self) -> list[object]:
        """Return it as stored with an entry; `from_json` reads it."""
        end = [self.end.isoformat()] if self.end else []
        return [*self.shared, self.sha256, *end, *([dict(self.versions)] if self.versions else [])]

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> "NamedShares":
        """Return what `to_json` stored. Raises ValueError or TypeError for anything else."""
        premise_id, quantity, share, sha256, *more = stored
        end = date.fromisoformat(more.pop(0)) if more and isinstance(more[0], str) else None
        return cls(Shared(premise_id, quantity, share), sha256, more[0] if more else {}, end)


def hash_of(days: Collection[SharedDay]) -> str:
    """Return the SHA-256 over the hashes of days in their order, in hexadecimal."""
    return hashlib.sha256(b"".join(one.sha256 for one in days)).hexdigest()


@dataclass(frozen=True, slots=True)
class ShareOfPeriod:
    """An agreement's share of what common areas used in a billing period so far; energies in Wh."""

    quantity: str
    share: str
    """How it is shared: `flat`, `area` or `load`."""
    energy_wh: int
    own_wh: int
    fraction: Fraction | None
    """Its share, where that is the same on all days."""


@dataclass(frozen=True, slots=True)
class CommonShares:
    """The parts of some days that an agreement bears, by what is shared."""

    days: Mapping[Shared, tuple[SharedDay, ...]]
    names: frozenset[str]
    """Names of the parts, such as `common_import_wh_by_flat`; each has a value, if zero."""
    lacking: tuple[tuple[str, date | None], ...] = ()
    """Names of quantities with the first day that is not shared yet; None where no common area is shared at all."""
    end: date | None = None
    """The day after the last of the days."""

    @property
    def named(self) -> tuple[NamedShares, ...]:
        """What an entry says of them."""
        return tuple(
            NamedShares(
                shared,
                hash_of(days),
                {one.day.isoformat(): one.version for one in days if one.version > 1},
                days[-1].day + ONE_DAY if days else self.end,
            )
            for shared, days in self.days.items()
        )

    def values(self, days: Period) -> dict[str, int]:
        """Return the agreement's parts of some days by name, in Wh."""
        found = dict.fromkeys(sorted(self.names), 0)
        for shared, known in self.days.items():
            name = share_of(shared.quantity, shared.share)
            found[name] += sum(one.own_wh or 0 for one in known if one.day in days)
        return found

    def of_period(self, quantity: str, share: str) -> ShareOfPeriod:
        """Return the share of one common quantity over all days."""
        days = [
            one
            for shared, known in self.days.items()
            if (shared.quantity, shared.share) == (quantity, share)
            for one in known
        ]
        fractions = {Fraction(one.weight or 0, one.all_weights) for one in days}
        return ShareOfPeriod(
            quantity,
            share,
            sum(one.energy_wh for one in days),
            sum(one.own_wh or 0 for one in days),
            fractions.pop() if len(fractions) == 1 else None,
        )

    def added_to(
        self, uses: Sequence[QuantityUse], elapsed: Period, cuts: Sequence[date]
    ) -> tuple[QuantityUse, ...]:
        """Return determinants of the parts of a period with the agreement's shares of the same days.

        Where there are no determinants, the parts are those between `cuts`, the days on which a price changes.
        """
        parts = uses or [QuantityUse(days, {}) for days in elapsed.split_at(list(cuts)) if days.days]
        return tuple(replace(use, values={**use.values, **self.values(use.days)}) for use in parts)


def shares_of(agreement: Agreement, commons: Collection[tuple[str, str]], elapsed: Period) -> CommonShares:
    """Return an agreement's newest parts of common areas on some days, of common quantities each with its way to share."""
    premises = common_areas_above([agreement.service_point_id]).get(agreement.service_point_id, {})
    names = frozenset(share_of(*common) for common in commons)
    if not premises:
        return CommonShares({}, names, tuple((quantity, None) for quantity, _ in sorted(commons)))
    days = _whole_days(agreement, elapsed)
    earlier = set(ever_above([agreement.service_point_id])[agreement.service_point_id]) - premises.keys()
    found: dict[Shared, tuple[SharedDay, ...]] = {}
    lacking = []
    for quantity, share in sorted(commons):
        for premise_id in premises:
            shared = Shared(premise_id, quantity, share)
            found[shared] = known = newest_shares(agreement.id, shared, days)
            missing = set(days) - {one.day for one in known}
            if missing:
                lacking.append((quantity, min(missing)))
        # A premise that was moved bears its part of earlier common areas until their days are shared without it.
        for premise_id in sorted(earlier):
            shared = Shared(premise_id, quantity, share)
            known = newest_shares(agreement.id, shared, days)
            own = [one.day for one in known if one.own_wh is not None]
            if own:
                found[shared] = tuple(one for one in known if one.day <= own[-1])
    return CommonShares(found, names, tuple(lacking), days.end)


def sums_of(
    asked: Sequence[tuple[Agreement, Collection[tuple[str, str]], Period]],
) -> list[dict[str, int] | None]:
    """Return each agreement's newest parts of its common quantities on some days by name, in Wh, all by one query.

    None where a day is not shared yet. The days and premises are those of `shares_of`.
    """
    points = {agreement.service_point_id for agreement, *_ in asked}
    areas, ever = common_areas_above(points), ever_above(points)
    wanted = [
        (n, agreement, Shared(premise_id, quantity, share), _whole_days(agreement, elapsed))
        for n, (agreement, commons, elapsed) in enumerate(asked)
        for quantity, share in sorted(commons)
        for premise_id in ever[agreement.service_point_id]
    ]
    found: list[dict[str, int] | None] = [
        {share_of(*common): 0 for common in commons} if agreement.service_point_id in areas else None
        for agreement, commons, _ in asked
    ]
    sums = newest_sums([(agreement.id, shared, days) for _, agreement, shared, days in wanted])
    for (n, agreement, shared, days), (stored, own_wh) in zip(wanted, sums, strict=True):
        known = found[n]
        if known is None:
            continue
        if shared.premise_id in areas[agreement.service_point_id] and stored < days.days:
            found[n] = None
        else:
            known[share_of(shared.quantity, shared.share)] += own_wh
    return found


def named_shares(
    agreement: Agreement, commons: Collection[tuple[str, str]], elapsed: Period, named: Sequence[NamedShares]
) -> CommonShares:
    """Return the parts that the days which an entry names have, in the versions that it names."""
    days = _whole_days(agreement, elapsed)
    return CommonShares(
        {
            one.shared: shares_named(
                agreement.id, one.shared, replace(days, end=one.end) if one.end else days, one.versions
            )
            for one in named
        },
        frozenset(share_of(*common) for common in commons),
    )


def _whole_days(agreement: Agreement, elapsed: Period) -> Period:
    """Return those of some days at whose end an agreement is in force."""
    end = elapsed.end
    if agreement.valid_to is not None:
        while end > elapsed.first and midnight(end, local_zone()) > agreement.valid_to:
            end -= ONE_DAY
    return Period(elapsed.first, end)
