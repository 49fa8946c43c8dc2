"""An operation as a form: its fields, the parsing of typed values, and their formatting.

The fields are those of the operation's class. Beyond its type the end of a name says how a value is written: `_wh` in
kWh, `_l` in m³, `_w` in kW, `_va` in kVA, `_dm2` in m², `_minor` in the utility's currency; instants are local. Of a register in kWh and one in m³
a form has the one that the commodity of its meter asks for, and both while it is not known.
"""

import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, Literal, assert_never

import msgspec
from django.utils.translation import gettext as _
from msgspec import NODEFAULT, UNSET, UnsetType

from urja.apps.assets.kinds import DeviceRole
from urja.apps.network.kinds import Commodity, PremiseKind, Purpose
from urja.apps.people.kinds import ProtectionKind
from urja.base.storable import is_in_calendar
from urja.base.untyped_values import JsonObject
from urja.core.units import MOST_MINOR
from urja.usecases.kinds import Operation
from urja.usecases.kinds.network import PHASES
from urja.usecases.kinds.work_orders import BY_PEOPLE
from urja.web.console import wording
from urja.web.console.field_words import help_of, label_of
from urja.web.shared import formats
from urja.web.shared.clock import zone


class Kind(StrEnum):
    """Kind of a field's input."""

    TEXT = "text"
    LONG = "long"
    NUMBER = "number"
    DECIMAL = "decimal"
    YES = "yes"
    DAY = "day"
    MOMENT = "moment"
    CHOICE = "choice"
    LIST = "list"
    LINES = "lines"
    """Rows of several values, one per line."""


LONG_TEXTS: Final = frozenset({"note", "reason", "evidence", "address"})
LONG_LISTS: Final = frozenset({"consumer_numbers", "meters"})
"""Lists that people paste from a spreadsheet column; they get a text area."""
SCALES: Final = {"_wh": 1000, "_l": 1000, "_w": 1000, "_va": 1000, "_dm2": 100}
"""Stored units per typed unit, such as 1000 W per kW; for money the currency's minor units."""

REGISTER: Final = re.compile(r"((old_|new_)?register|energy)_(wh|l)")
"""Fields of what a meter counts: of each there is one in Wh and one in litres."""

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "role": tuple(name.lower() for name in DeviceRole.__members__),
    "premise_kind": tuple(PremiseKind.values),
    "purpose": tuple(Purpose.values),
    "commodity": tuple(Commodity.values),
    "phase": PHASES,
    "kind_of_work": tuple(kind.value for kind in BY_PEOPLE),
    "kind_of_protection": tuple(ProtectionKind.values),
    "payment_mode": ("", "prepaid", "postpaid"),
    "metering_mode": ("forward", "net"),
    "language": ("", "en", "hi"),
}
"""Values of fields with a fixed choice, by field name; a `Literal` type names its own."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an operation."""

    name: str
    kind: Kind
    required: bool
    default: Any
    scale: int = 1
    choices: tuple[str, ...] = ()
    numbers: bool = False
    """Whether the list's values are integers."""
    of: tuple["Field", ...] = ()
    """The fields of one line."""


def fields_of(operation: type[msgspec.Struct]) -> list[Field]:
    """Return the fields of an operation in the order of its class."""
    return [_field(info) for info in msgspec.structs.fields(operation)]


def _field(info: msgspec.structs.FieldInfo) -> Field:
    asked = _without_optional(info.type)
    nothing = asked is not info.type
    default = info.default if info.default is not NODEFAULT else None if nothing else NODEFAULT
    kind, details = _kind(info.name, asked)
    return Field(info.name, kind, info.required and not nothing, default, **details)


def _without_optional(asked: Any) -> Any:
    """Return a field's type without `None` and `UNSET`."""
    if typing.get_origin(asked) not in {typing.Union, types.UnionType}:
        return asked
    (left,) = [one for one in typing.get_args(asked) if one not in {types.NoneType, UnsetType}]
    return left


def _scale(name: str) -> int:
    if name.endswith("_minor"):
        return int(10 ** formats.currency_decimals())
    return next((by for end, by in SCALES.items() if name.endswith(end)), 1)


def _kind(name: str, asked: Any) -> tuple[Kind, JsonObject]:
    if typing.get_origin(asked) is Literal:
        return Kind.CHOICE, {"choices": typing.get_args(asked)}
    if typing.get_origin(asked) in {tuple, list}:
        item = typing.get_args(asked)[0]
        if isinstance(item, type) and issubclass(item, msgspec.Struct):
            return Kind.LINES, {"of": tuple(fields_of(item))}
        return Kind.LIST, {"numbers": item is int}
    if asked is int:
        scale = _scale(name)
        return (Kind.DECIMAL, {"scale": scale}) if scale > 1 else (Kind.NUMBER, {})
    if asked is str and name in CHOICES:
        return Kind.CHOICE, {"choices": CHOICES[name]}
    simple = {bool: Kind.YES, date: Kind.DAY, datetime: Kind.MOMENT}
    return simple.get(asked, Kind.LONG if name in LONG_TEXTS else Kind.TEXT), {}


class FieldError(ValueError):
    """A typed value cannot be parsed; the message tells the person what to enter."""


def parse(field: Field, text: str) -> Any:
    """Return the value of a typed text, or UNSET if an optional field is empty. Raises FieldError."""
    text = text.strip()
    if field.kind is Kind.YES:
        return bool(text)
    if not text:
        if field.required:
            raise FieldError(_("This field is required."))
        # What was cleared is none, where there is a value otherwise.
        return UNSET if field.default in (NODEFAULT, UNSET) else field.default
    return _PARSERS[field.kind](field, text)


def _number(_field: Field, text: str) -> int:
    if not (text.lstrip("-").isdecimal() and text.isascii() and len(text) <= 18):
        raise FieldError(_("A whole number is needed."))
    return int(text)


def _decimal(field: Field, text: str) -> int:
    try:
        value = Decimal(text.replace(",", "")) * field.scale
    except InvalidOperation:
        raise FieldError(_("Enter a number such as 12.5.")) from None
    if field.name.endswith("_minor") and value.is_finite() and abs(value) > MOST_MINOR:
        raise FieldError(_("The largest amount is %(most)s.") % {"most": formats.money(MOST_MINOR)})
    if not value.is_finite() or abs(value) > 10**15 or value != value.to_integral_value():
        raise FieldError(_("Too many decimal places."))
    return int(value)


def _day(_field: Field, text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise FieldError(_("Enter a date such as 2026-03-31.")) from None
    if not is_in_calendar(day):
        raise FieldError(_("Enter a date such as 2026-03-31."))
    return day.isoformat()


def _moment(_field: Field, text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise FieldError(_("Enter a date and time such as 2026-03-31 14:30.")) from None
    if not is_in_calendar(at):
        raise FieldError(_("Enter a date and time such as 2026-03-31 14:30."))
    return (at if at.tzinfo else at.replace(tzinfo=zone())).isoformat()


def _choice(field: Field, text: str) -> str:
    if text not in field.choices:
        raise FieldError(_("Choose one of the options."))
    return text


def _list(field: Field, text: str) -> list[object]:
    parts = [part.strip() for part in re.split(r"[,;\t\n]", text)]
    return [_number(field, part) if field.numbers else part for part in parts if part]


def _lines(field: Field, text: str) -> list[dict[str, object]]:
    return [_line(field, line) for line in text.splitlines() if line.strip()]


def _line(field: Field, line: str) -> JsonObject:
    parts = [part.strip() for part in line.split(",")]
    if len(parts) > len(field.of):
        names = ", ".join(label_of(one.name) for one in field.of)
        raise FieldError(_("Each line has at most: %(names)s.") % {"names": names})
    parts += [""] * (len(field.of) - len(parts))
    values = {one.name: parse(one, part) for one, part in zip(field.of, parts, strict=True)}
    return {name: value for name, value in values.items() if value is not UNSET}


_PARSERS: Final[dict[Kind, Any]] = {
    Kind.TEXT: lambda _field, text: text,
    Kind.LONG: lambda _field, text: text,
    Kind.NUMBER: _number,
    Kind.DECIMAL: _decimal,
    Kind.DAY: _day,
    Kind.MOMENT: _moment,
    Kind.CHOICE: _choice,
    Kind.LIST: _list,
    Kind.LINES: _lines,
}


def format_value(field: Field, value: Any) -> str:
    """Return a stored value as a person would have typed it."""
    if value is None or value is UNSET or value is NODEFAULT:
        return ""
    match field.kind:
        case Kind.YES:
            return "yes" if value else ""
        case Kind.DECIMAL:
            return f"{(Decimal(value) / field.scale).normalize():f}"
        case Kind.MOMENT:
            at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return at.astimezone(zone()).replace(tzinfo=None).isoformat(timespec="minutes")
        case Kind.DAY:
            return value.isoformat() if isinstance(value, date) else str(value)
        case Kind.LIST:
            return ", ".join(str(one) for one in value)
        case Kind.LINES:
            return "\n".join(
                ", ".join(format_value(one, line.get(one.name)) for one in field.of) for line in value
            )
        case Kind.TEXT | Kind.LONG | Kind.NUMBER | Kind.CHOICE:
            return str(value)
        case _:
            assert_never(field.kind)


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Input:
    """A field as the page shows it, with its typed text and its error."""

    name: str
    kind: Kind
    label: str
    help: str
    required: bool
    text: str
    error: str
    options: tuple[Option, ...] = ()
    or_else: str = ""
    """Label of the alternative field, if one of both is required."""

    @property
    def long(self) -> bool:
        """Whether the input is a text area."""
        return self.kind in {Kind.LONG, Kind.LINES} or self.name in LONG_LISTS

    @property
    def checked(self) -> bool:
        return bool(self.text)


def inputs(
    operation: type[Operation], typed: Mapping[str, str], errors: Mapping[str, str], commodity: str = ""
) -> list[Input]:
    """Return an operation's inputs: typed texts, or the defaults of empty fields.

    `commodity` is that of the meter it is about; empty where it is not known.
    """
    hidden = {"": "", Commodity.GAS: "_wh", Commodity.ELECTRICITY: "_l"}[commodity]
    return [
        _input(field, typed, errors, operation, commodity)
        for field in fields_of(operation)
        if not (hidden and REGISTER.fullmatch(field.name) and field.name.endswith(hidden))
        or typed.get(field.name)
    ]


def _input(
    field: Field,
    typed: Mapping[str, str],
    errors: Mapping[str, str],
    operation: type[Operation],
    commodity: str,
) -> Input:
    text = typed.get(field.name, format_value(field, field.default))
    needed = _needed(operation)
    return Input(
        name=field.name,
        kind=field.kind,
        label=label_of(field.name),
        help=help_of(field.name, operation.kind()) or _line_help(field),
        required=(field.required and field.kind is not Kind.YES)
        or (bool(commodity) and field.name in needed),
        text=text,
        error=errors.get(field.name, ""),
        options=tuple(
            Option(choice, wording.choice(choice) if choice else "–", choice == text)
            for choice in field.choices
        ),
        or_else=_or_else(field.name, operation.either if commodity else needed or operation.either),
    )


def _needed(operation: type[Operation]) -> tuple[str, ...]:
    """Return the fields of which a required register needs one."""
    needed = operation.needed_register
    return (f"{needed}_wh", f"{needed}_l") if needed else ()


def _or_else(name: str, either: tuple[str, ...]) -> str:
    return "".join(label_of(other) for other in either if other != name) if name in either else ""


def _line_help(field: Field) -> str:
    if field.kind is not Kind.LINES:
        return ""
    return _("One per line: %(names)s.") % {"names": ", ".join(label_of(one.name) for one in field.of)}


def form_values(operation: type[Operation], content: Mapping[str, object]) -> dict[str, str]:
    """Return the texts a person would have typed to request this operation."""
    return {field.name: format_value(field, content.get(field.name)) for field in fields_of(operation)}


def parse_form(
    operation: type[Operation], typed: Mapping[str, str]
) -> tuple[dict[str, object], dict[str, str]]:
    """Return an operation's plain values from typed texts, and the errors by field."""
    content, errors = {}, {}
    for field in fields_of(operation):
        try:
            value = parse(field, typed.get(field.name, ""))
        except FieldError as wrong:
            errors[field.name] = str(wrong)
        else:
            if value is not UNSET:
                content[field.name] = msgspec.to_builtins(value)
    needed = _needed(operation)
    if needed and not errors.keys() & needed and all(content.get(name) is None for name in needed):
        # Beside the field that the form has: the one in litres is there for a gas meter, or beside the other.
        shown = next((name for name in needed if name in typed), needed[0])
        errors[shown] = _("This field is required.")
    return content, errors
