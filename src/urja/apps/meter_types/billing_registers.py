"""What a meter type says of its billing profile: the step of its registers and its demand period."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import structlog

from urja.base.sql_cursor import Cursor
from urja.cosem.companion import (
    CompanionError,
    DeviceType,
    TypeFiles,
    build_device_type,
    device_types,
    load_device_type,
)
from urja.cosem.companion.stored_columns import billing_columns

log = structlog.get_logger()


class BillingRegisters(NamedTuple):
    """Of the billing profile of a type."""

    step: int
    """Step of what is billed, in its base unit: 10 where a register counts tens of Wh."""
    demand_s: int | None
    """Length of the demand period in seconds; None for that of an interval."""


def billing_registers(cursor: Cursor, names: Iterable[str]) -> dict[str, BillingRegisters]:
    """Return it by the names of types, of a loaded type in its newest version; a type whose profile is not stored is left out."""
    wanted = set(names)
    cursor.execute(
        "SELECT DISTINCT ON (name) name, text FROM meter_types_version WHERE name = ANY (%s)"
        " ORDER BY name, valid_from DESC, id DESC",
        [sorted(wanted)],
    )
    found = {name: _of_text(text) for name, text in cursor.fetchall()}
    found |= {name: _of(load_device_type(name)) for name in wanted.intersection(device_types())}
    return {name: registers for name, registers in found.items() if registers is not None}


@lru_cache(maxsize=64)
def _of_text(text: str) -> BillingRegisters | None:
    try:
        return _of(build_device_type(TypeFiles.from_text(text)))
    except CompanionError as error:
        # Loaded by an earlier release with weaker checks: no head end reads meters by it either.
        log.error("a loaded meter type cannot be used", why=str(error))  # noqa: TRY400 - the sentence says it all
        return None


def _of(known: DeviceType) -> BillingRegisters | None:
    stored = billing_columns(known)
    if stored is None:
        return None
    _, billed = stored.places[0]
    return BillingRegisters(10 ** max(0, billed.scaler - stored.exponent(0)), known.demand_period_s)
