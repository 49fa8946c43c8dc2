"""An example of each type, made from the type itself: it cannot fall behind what it shows."""

import base64
from typing import Final

import msgspec
from msgspec import inspect

BY_NAME: Final[dict[str, object]] = {
    "id": 7696581394433,
    "account_id": 7696581394441,
    "consumer": 7696581394437,
    "service_point_id": 7696581394434,
    "consumer_id": 7696581394437,
    "premise_id": 7696581394433,
    "agreement_id": 7696581394439,
    "device_id": 7696581394435,
    "user_id": 17,
    "consumer_number": "4711-0042",
    "other_consumer_number": "4711-0043",
    "serial": "URJ00000042",
    "old_serial": "URJ00000042",
    "new_serial": "URJ00000099",
    "other_serial": "URJ00000043",
    "name": "Asha Devi",
    "email": "asha@example.org",
    "phone": "9812345678",
    "language": "hi",
    "address": "12 Neem Street",
    "currency": "INR",
    "billing_day": 15,
    "tariff_code": "demo-domestic",
    "sanctioned_load_w": 5000,
    "register_wh": 1288121,
    "interval_s": 1800,
    "length_s": 1800,
    "month": "2026-03",
    "OperationRequest.kind": "install_meter",
    "OperationRequest.state": "done",
    "OperationRequest.faults": [],
    "OperationKind.kind": "install_meter",
    "AuditEntry.kind": "install_meter",
    "MeterJob.kind": "read_meters",
    "MeterResult.state": "done",
    "ModeChangeRow.state": "done",
    "under": "",
    "meters": "URJ00000042",
    "from_at": None,
    "to_at": None,
    "good_for_minutes": 60,
    "kind_of_work": "inspect",
    "kind_of_protection": "medical",
    "payment_mode": "prepaid",
    "metering_mode": "forward",
    "phase": "R",
    "premise_kind": "house",
    "pin_code": "110001",
    "administration": "section North-2",
    "grid": "transformer T1",
    "node": "feeder F1",
    "parent": "substation SS2",
    "system": "sap-isu",
    "object": "person",
    "DisconnectTemporarily.reason": "request",
    "Reconnect.reason": "request",
    "WorkOrder.kind": "install",
    "WorkOrder.state": "open",
    "Protection.kind": "medical",
    "Evidence.kind": "medical",
    "Premise.kind": "flat",
    "PremiseTotals.kind": "tower",
    "Consent.purpose": "sms",
    "Placement.tree": "grid",
    "Placement.level": "transformer",
    "Placement.code": "T1",
    "Placement.phase": "R",
    "ConsumerAccount.role": "owner",
    "RoleHeld.role": "clerk",
    "Installation.role": "billing",
    "Device.stock": "installed",
    "Terms.payment_mode": "prepaid",
    "Terms.metering_mode": "forward",
    "Balance.supply": "on",
    "Power.state": "powered",
    "Power.at_meter": "powered",
    "Power.reasons": [],
    "Power.sentence": "Powered: the meter last reported today, 13:30.",
    "Balance.standing": "fine",
    "Instalments.every": "day",
    "role": "billing",
    "code": "demo-domestic",
    "anonymised_at": None,
    "valid_to": None,
    "withdrawn_at": None,
    "disconnected_at": None,
    "closed_at": None,
    "undone_by": None,
    "transformer": "T1",
    "feeder": "North",
    "commodity": "electricity",
    "purpose": "consumer",
    "actor": "user 17 token 4",
    "reason": "a wrong meter was named",
    "status": "measured",
    "next": None,
}
"""Values by the name of a field, or of one type's field, where their type allows; others are made up by the type."""


def example_of(described: object) -> object:
    """Return plain values that a type takes."""
    return _example(inspect.type_info(described), "")


def _example(kind: inspect.Type, name: str, owner: str = "") -> object:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        return _of_union(kind, name, owner)
    for known in (f"{owner}.{name}", name):
        if known in BY_NAME and _takes(kind, BY_NAME[known]):
            return BY_NAME[known]
    match kind:
        case inspect.StructType():
            return {one.encode_name: _example(one.type, one.name, kind.cls.__name__) for one in kind.fields}
        case inspect.ListType() | inspect.SetType() | inspect.VarTupleType() | inspect.CollectionType():
            return [_example(kind.item_type, name)]
        case inspect.TupleType():
            return [_example(one, name) for one in kind.item_types]
        case inspect.DictType():
            return {}
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.EnumType():
            return next(iter(kind.cls)).value
        case inspect.DateTimeType():
            return "2026-03-20T13:42:00+05:30"
        case inspect.DateType():
            return "2026-03-20"
        case inspect.BytesType():
            return base64.b64encode(bytes(8)).decode()
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return kind.ge if kind.ge is not None else 1 if kind.gt is None else kind.gt + 1
        case inspect.FloatType() | inspect.DecimalType():
            return 1.5
        case inspect.StrType():
            return name.replace("_", " ") or "text"
        case inspect.NoneType():
            return None
        case _:
            return {}


def _of_union(kind: inspect.UnionType, name: str, owner: str) -> object:
    if BY_NAME.get(name, "") is None and kind.includes_none:
        return None
    meant = [one for one in kind.types if not isinstance(one, inspect.NoneType) and not _unset(one)]
    return _example(meant[0], name, owner)


def _unset(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.CustomType) and kind.cls is msgspec.UnsetType


def _takes(kind: inspect.Type, value: object) -> bool:
    kinds = ((inspect.StrType, str), (inspect.IntType, int), (inspect.ListType, list))
    return any(isinstance(kind, one) and isinstance(value, plain) for one, plain in kinds)
