"""The JSON Schema of tariff documents, for editors that complete and check TOML.

It says which keys and words there are, from the same tables as the parser. What keys mean to each other only `parse_tariff` checks.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from urja.core.calendars.zones import MOST_ZONES
from urja.core.rating.accruals import BilledDemand, LoadBasis, Prorate, ZonesAndSlabs
from urja.core.rating.demand_document import BOUNDS, FACTOR_BY
from urja.core.rating.priced_quantities import PRICED
from urja.core.rating.quantity_document import SHARES
from urja.core.rating.tariff import Commodity, ContraKind, OnChange, RoundingScope, Settles
from urja.core.units import RoundingMode

type Schema = dict[str, Any]

_NUMBER: Schema = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(/[0-9]+(\.[0-9]+)?)?$"},
    ],
    "description": 'A number of zero or more; "4.50" is exact as 4.50 is, and "5/1.05" is the exact quotient.',
}
_DAY: Schema = {"type": "string", "format": "date", "description": "A local day, such as 2026-04-01."}
_TEXT: Schema = {"type": "string", "minLength": 1}
_NAME: Schema = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}
_TRUTH: Schema = {"type": "boolean"}


def _words(words: Iterable[object]) -> Schema:
    return {"enum": list(words)}


def _members(kind: type[StrEnum]) -> Schema:
    return _words(member.value for member in kind)


def _table(keys: Schema, required: Iterable[str] = ()) -> Schema:
    return {
        "type": "object",
        "properties": keys,
        "required": list(required),
        "additionalProperties": False,
    }


def _list(entry: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": entry}


_STEP = _table({"to": _NUMBER, "mode": _members(RoundingMode)}, ["to"])
_ROUND = _table({"to": _NUMBER, "mode": _members(RoundingMode), "each": _members(RoundingScope)}, ["to"])
_SLABS = _list(_table({"from": _NUMBER, "up_to": _NUMBER, "rate": _NUMBER}, ["from", "rate"]))
_ON = _list({"anyOf": [_TEXT, _table({"line": _TEXT, "percent": _NUMBER}, ["line"])]})
_SCALING = {"prorate": _members(Prorate), "round_width": _STEP}
_MEASURE = {
    "quantity": _words(PRICED),
    "unit": _words(dict.fromkeys(unit.replace("m³", "m3") for one in PRICED.values() for unit in one.units)),
    "share": _words(SHARES),
}
_LOAD = _members(LoadBasis)
_TIME = {
    "per": _words(["connection", "kW", "kVA"]),
    "load": _LOAD,
    "rate": _NUMBER,
    "bands": _list(
        _table(
            {
                "up_to_kw": _NUMBER,
                "up_to_kva": _NUMBER,
                "up_to_kwh": _NUMBER,
                "up_to_m3": _NUMBER,
                "rate": _NUMBER,
            },
            ["rate"],
        )
    ),
    "telescopic": _TRUTH,
    "round_load": _STEP,
    "round_width": _STEP,
}
_PERCENT = {
    "percent": _NUMBER,
    "rates": _list(_table({"from": _DAY, "percent": _NUMBER}, ["percent"])),
    "by_use": _list(_table({"up_to": _NUMBER, "percent": _NUMBER, "at_most": _NUMBER}, ["percent"])),
    "at_most": _NUMBER,
    **_SCALING,
    "on": _ON,
}
_MONEY = {"percent": _NUMBER, "at_most": _NUMBER, "prorate": _members(Prorate)}
_CREDIT = {"credit": _TRUTH}
_PRICE = _table({"zone": _TEXT, "rate": _NUMBER, "slabs": _SLABS}, ["zone"])
_SHARE_OF_ZONE = _table({"zone": _TEXT, "surcharge": _NUMBER, "rebate": _NUMBER}, ["zone"])
_EXCESS = {"above": _LOAD, "percent": _NUMBER, "rate": _NUMBER, "beyond_percent": _NUMBER}
_FACTOR_ENTRY = {"up_to": _NUMBER, "penalty": _NUMBER, "incentive": _NUMBER, "per": _NUMBER, "from": _NUMBER}

_BASIS = {
    "unit": _words(["kW", "kVA"]),
    "billed": _words(word.value for word in BilledDemand if word is not BilledDemand.EXCESS),
    "zones": {"type": "array", "items": _TEXT},
    "floor": _NUMBER,
    "at_least": _table({"percent": _NUMBER, "of": _LOAD}, ["percent", "of"]),
    "at_most": _table({"percent": _NUMBER, "of": _LOAD}, ["percent", "of"]),
    "ratchet": _table(
        {"periods": {"type": "integer", "minimum": 1, "maximum": 60}, "percent": _NUMBER}, ["periods"]
    ),
    "kva_percent": _NUMBER,
    "round_demand": _STEP,
}
_DEMAND = {
    **_BASIS,
    "billed": _members(BilledDemand),
    "rate": _NUMBER,
    "bands": _list(_table({"up_to": _NUMBER, "rate": _NUMBER}, ["rate"])),
    "telescopic": _TRUTH,
    "excess": _table(_EXCESS, ["above"]),
    **_SCALING,
}

KINDS: dict[str, tuple[Schema, tuple[str, ...]]] = {
    "slabs": (
        {
            **_MEASURE,
            **_CREDIT,
            **_SCALING,
            "slabs": _SLABS,
            "by_use": _list(_table({"up_to": _NUMBER, "slabs": _SLABS}, ["slabs"])),
            "round_energy": _STEP,
            "priced_by": _table({"quantity": _MEASURE["quantity"], "unit": _MEASURE["unit"]}, ["quantity"]),
            "demand": _table({**_BASIS, "bounds": _words(BOUNDS)}, ["unit", "billed"]),
        },
        (),
    ),
    "zones": (
        {
            **_MEASURE,
            **_CREDIT,
            **_SCALING,
            "prices": _list(_PRICE),
            "otherwise": _TEXT,
            "zones_and_slabs": _words([ZonesAndSlabs.NONE.value, ZonesAndSlabs.WITHIN_ZONES.value]),
        },
        ("prices", "otherwise"),
    ),
    "zone-percent": (
        {
            **_MEASURE,
            "percents": _list(_SHARE_OF_ZONE),
            "zones_and_slabs": _words([ZonesAndSlabs.NONE.value, ZonesAndSlabs.AVERAGE.value]),
            "on": _ON,
        },
        ("percents", "zones_and_slabs", "on"),
    ),
    "per-day": ({**_CREDIT, **_TIME}, ()),
    "per-month": ({**_CREDIT, **_TIME, "prorate": _members(Prorate)}, ()),
    "percent": (_PERCENT, ("on",)),
    "rebate": (_PERCENT, ("on",)),
    "minimum": ({**_TIME, "prorate": _members(Prorate), "on": _ON}, ("on",)),
    "minimum-demand": ({**_DEMAND, "on": _ON}, ("unit", "billed", "on")),
    "round-off": ({"on": _ON}, ("on", "round")),
    "demand": (_DEMAND, ("unit", "billed")),
    "power-factor": (
        {
            "factor_by": _words(FACTOR_BY),
            "table": _list(_table(_FACTOR_ENTRY)),
            "round_factor": _STEP,
            "on": _ON,
        },
        ("table", "on"),
    ),
    "load-factor": (
        {
            "demand": _table(_BASIS, ["unit", "billed"]),
            "table": _list(_table(_FACTOR_ENTRY)),
            "round_factor": _STEP,
            "on": _ON,
        },
        ("demand", "table", "on"),
    ),
    "settlement": ({"rate": _NUMBER}, ("rate",)),
    "recharge-rebate": (_MONEY, ("percent",)),
    "balance-rebate": (_MONEY, ("percent",)),
}
"""The keys of each kind of line, and which of them it must have."""


def _line(kind: str, keys: Schema, required: tuple[str, ...]) -> Schema:
    every = {
        "name": _NAME,
        "title": _TEXT,
        "accrues": {"const": kind},
        "round": _ROUND,
        "book": _members(ContraKind),
        "claim_on": _TEXT,
        "settles": _members(Settles),
    }
    return _table({**every, **keys}, ["name", "accrues", *required])


def tariff_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a tariff document as tables of TOML; a day of TOML is text in it."""
    month = {"type": "integer", "minimum": 1, "maximum": 12}
    keys: Schema = {
        "format": {"const": 1},
        "code": _NAME,
        "version": _NAME,
        "title": _TEXT,
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "decimals": {"type": "integer", "minimum": 0, "maximum": 4},
        "commodity": _members(Commodity),
        "valid_from": _DAY,
        "period_starts_on": {"type": "integer", "minimum": 1, "maximum": 28},
        "period": {
            "anyOf": [
                _words(["half-month", "day"]),
                _table({"months": _words([1, 2, 3, 4, 6, 12]), "first_month": month}, ["months"]),
                _table(
                    {"days": {"type": "integer", "minimum": 1, "maximum": 366}, "from": _DAY},
                    ["days", "from"],
                ),
            ]
        },
        "on_change": _members(OnChange),
        "round_units": _STEP,
        "modelled_on": {"type": "string"},
        "calendar": _NAME,
        "zones": {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 1, "maximum": MOST_ZONES},
        },
        "net_metering": _table(
            {
                "bank": _words(["zones", "total"]),
                "settlement_month": month,
                "at_end": _words(["settle", "keep"]),
            },
            ["bank"],
        ),
        "line": _list({"oneOf": [_line(kind, *one) for kind, one in KINDS.items()]}),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tariff of Urja",
        **_table(keys, ["format", "code", "version", "title", "currency", "valid_from", "line"]),
    }
