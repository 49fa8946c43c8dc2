"""Premises, created and changed as an older or outside system knows them: by a code, one within another."""

import re
import secrets
from collections.abc import Iterator

from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.network.models import Premise
from urja.base.ids import BUCKETS, bucket_of
from urja.base.sentences import say
from urja.base.untyped_values import JsonObject

_OWN_NUMBER = re.compile(r"premise:([0-9]{1,18})")
"""A premise without a code is exported under its number, and recognised by it."""


def premises_of(codes: list[str]) -> dict[str, Premise]:
    """Return premises by code."""
    found = {str(one.code): one for one in Premise.objects.filter(code__in=codes)}
    numbers = {int(match[1]): code for code in codes if (match := _OWN_NUMBER.fullmatch(code))}
    if numbers:
        found |= {numbers[one.id]: one for one in Premise.objects.filter(id__in=numbers, code=None)}
    return found


def coordinate_faults(values: dict[str, object]) -> Iterator[str]:
    """Yield why coordinates are incomplete."""
    given = [values[name] is None for name in ("latitude", "longitude") if name in values]
    if len(given) == 1 or len(set(given)) > 1:
        yield say("give latitude and longitude together, or neither")


class PutPremise(UseCase, kw_only=True):
    """A premise, created where it is not known, changed where it is."""

    values: JsonObject
    """Values of its columns; columns that are left out do not change."""
    known: int | None = None
    """Number of a known premise."""
    part_of: int | None = None
    """Number of the premise that it belongs to; None leaves that unchanged."""

    def faults(self, execution: Execution) -> Iterator[str]:
        yield from coordinate_faults(self.values)
        code = self.values.get("code")
        if code and (other := execution.find(premises_of, code)) is not None and other.id != self.known:
            yield say("another premise has the code {code}", code=code)
        if self.known is not None and self.known in _upwards(self.part_of):
            yield say(
                "premise {premise} cannot be part of a premise that belongs to it", premise=code or self.known
            )

    def carry_out(self, execution: Execution) -> None:
        premise = self.put(execution)
        execution.outcome["premise_id"] = premise.id

    def put(self, execution: Execution) -> Premise:
        """Create or change it, and return it."""
        values = self.values if self.part_of is None else self.values | {"parent_id": self.part_of}
        if self.known is not None:
            premise = Premise.objects.get(id=self.known)
            new = {name: value for name, value in values.items() if getattr(premise, name) != value}
            if new:
                execution.change(premise, **new)
        else:
            bucket = secrets.randbelow(BUCKETS) if self.part_of is None else bucket_of(self.part_of)
            premise = Premise.objects.create(id=next_id(bucket), **values, **execution.stamp)
        if premise.code is not None:
            execution.made(premises_of, premise.code, premise)
        return premise


def _upwards(premise_id: int | None) -> set[int]:
    """Return a premise and all that it belongs to."""
    found: set[int] = set()
    while premise_id is not None and premise_id not in found:
        found.add(premise_id)
        premise_id = Premise.objects.values_list("parent_id", flat=True).get(id=premise_id)
    return found
