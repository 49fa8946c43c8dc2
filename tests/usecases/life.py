"""The steps of a service point in tests: stock, a premise without a meter, and everything up to a powered supply."""

from datetime import timedelta
from decimal import Decimal

import msgspec
from tests.apps.town import START

from urja.cosem.companion import load_device_type
from urja.cosem.push_object_list import PushObject, PushObjectList, head_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def stock(number, **changes):
    """A meter in the store."""
    from urja.apps.assets.models import Device
    from urja.apps.journal.operation import next_id

    values = {
        "id": next_id(7),
        "serial": f"URJ{number:08}",
        "system_title": b"URJ" + number.to_bytes(5, "big"),
        "device_type": "urja-d1",
        "wrapped_guek": bytes(24),
        "wrapped_gak": bytes(24),
        "stock": "tested",
        "interval_s": 1800,
        "max_power_w": 14_400,
        "recorded_at": START,
        "actor": "test",
    }
    return Device.objects.create(**(values | changes))


def do(operation, at=START, actor="clerk"):
    from urja.usecases.operations import perform

    return perform(operation, recorded_at=at, actor=actor)


def connect(number="C-1", at=START, **more):
    from urja.usecases.operations import NewConnection

    values = {"consumer_number": number, "connected_at": at, "premise_name": "Neem House"}
    return do(NewConnection(**(values | more)), at)


def install_meter(number=1, at=START + HOUR, *, place="C-1", register_wh=100, **more):
    from urja.usecases.operations import InstallMeter

    return do(
        InstallMeter(
            consumer_number=place,
            serial=f"URJ{number:08}",
            installed_at=at,
            register_wh=register_wh,
            **more,
        ),
        at,
    )


def call(number=1, at=START + 2 * HOUR, **more):
    from urja.usecases.operations import Commission

    return do(Commission(serial=f"URJ{number:08}", **more), at).outcome["call_id"]


def read(value, unit=None, scaler=0):
    """What `read_object` brings."""
    scaled = str(Decimal(value).scaleb(scaler))
    return {"value": value, "scaled": scaled if unit else None, "unit": unit}


def text(value):
    return {"value": f"h:{value.encode().hex()}", "scaled": None, "unit": None}


def typed_pushes(name="urja-d1"):
    """What a meter tells of its pushes that sends just what its type says."""
    device_type = load_device_type(name)
    return tuple(
        PushObjectList(
            push.key,
            tuple(
                PushObject(column.class_id, column.obis, column.attribute, column.scaler, column.unit)
                if column.class_id in (3, 4) and column.attribute == 2
                else PushObject(column.class_id, column.obis, column.attribute)
                for column in (*head_of(push), *push.columns)
            ),
        )
        for push in device_type.pushes.values()
    )


def answer(
    at,
    *,
    serial="URJ00000001",
    register_wh=100,
    read_at=None,
    pushes=None,
    firmware="URJA-1.0",
    only=None,
    status_word="0" * 128,
    registers=None,
    **ends,
):
    """The head end's word on every command that is under way; `ends` says otherwise: kind or object -> (state, detail)."""
    from urja.apps.commands import operations
    from urja.apps.commands.kinds import UNFINISHED
    from urja.apps.commands.models import Command
    from urja.stream.orders import Progress

    said = {
        "0.0.96.1.0.255": text(serial),
        "1.0.0.2.0.255": text(firmware),
        "1.0.1.8.0.255": read(register_wh, "Wh") | {"read_at": (read_at or at).isoformat()},
        "0.0.94.91.18.255": {"value": f"b:{status_word}", "scaled": None, "unit": None}
        | ({} if registers is None else {"registers": registers}),
        # Litres, in thousandths of its unit.
        "7.0.3.0.0.255": read(register_wh, "m³", scaler=-3) | {"read_at": (read_at or at).isoformat()},
        "set_clock": {"was_off_s": -7},
        "read_pushes": {"pushes": msgspec.to_builtins(typed_pushes() if pushes is None else pushes)},
        "set_payment_mode": {"mode": "prepaid"},
        "set_load_limit": {},
        "disconnect": {"control_state": "disconnected"},
        "connect": {"control_state": "connected"},
    }
    under_way = Command.objects.filter(state__in=UNFINISHED).order_by("device_id", "sequence")
    if only is not None:
        under_way = under_way.filter(device__serial=only)
    for command in under_way:
        what = command.arguments.get("obis", command.kind)
        state, detail = ends.get(what, ends.get(command.kind, ("confirmed", "")))
        progress = Progress(
            command_id=command.id,
            device_id=command.device_id,
            sequence=command.sequence,
            state=state,
            at=at,
            wall_ms=1,
            evidence=said[what] if state == "confirmed" else {},
            detail=detail,
        )
        operations.record_progress([progress])
    return len(under_way)


def commissioned(number=1, at=START + 2 * HOUR, *, register_wh=100, pushes=None, **more):
    """Called, answered, in service."""
    from urja.apps.commissioning.models import Call
    from urja.pipeline import commission

    call_id = call(number, at, **more)
    while commission.run_once(at, 1).done:
        answer(at, serial=f"URJ{number:08}", register_wh=register_wh, pushes=pushes)
    return Call.objects.get(id=call_id)
