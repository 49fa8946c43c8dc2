"""Random operations: mostly sensible, at any time, sometimes nonsense; registers are true ones.

`DRAWN` has a function for each operation. Laws of energy do not hold for readings that were never taken, so a
register is the meter's own where it cannot be refused, or negative.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from tests.apps.town import HALF_HOUR
from tests.usecases.proof.books import EVER
from tests.usecases.proof.model import Model
from tests.usecases.proof.town import ABOVE, COMMODITIES, METERS, POINTS, POLICIES, TARIFFS
from tests.usecases.proof.truth import BEGUN, DAY

ROLES: Final = ("billing", "check", "generation", "source")
WORDS: Final = st.sampled_from(("because", "asked for", "", " ", "नया मीटर", "x" * 400))
NOWHERE: Final = "NOWHERE-1"
NEW: Final = ("NEW-1", "NEW-2")
"""Connections that may be made."""
PEOPLE: Final = ("person1@example.org", "person2@example.org", "clerk@example.org", "no address")


@dataclass
class Asker:
    """Draws what an operation is about: which meter is installed where is the model's, `now` the town's."""

    data: st.DataObject
    now: datetime
    model: Model

    def one_of[T](self, choices: Sequence[T]) -> T:
        return self.data.draw(st.sampled_from(choices))

    def seldom(self) -> bool:
        return self.data.draw(st.integers(0, 39)) == 39

    def whole(self, least: int, most: int) -> int:
        return self.data.draw(st.integers(least, most))

    def words(self) -> str:
        return self.data.draw(WORDS) if self.seldom() else "because"

    def at(self) -> datetime:
        """Mostly of the last days; seldom to come. On a half-hour or between two."""
        ahead = self.whole(1, 40) if self.seldom() else -self.whole(0, 120)
        boundary = self.now - (self.now - BEGUN) % HALF_HOUR + ahead * HALF_HOUR
        return max(BEGUN - DAY, boundary) + timedelta(seconds=self.one_of((0, 0, 1, 437, 1799)))

    def day(self) -> date:
        local = BEGUN + timedelta(hours=12)
        return local.date() + timedelta(days=self.whole(-1, 10))

    def point(self) -> str:
        return self.one_of((NOWHERE, *NEW)) if self.seldom() else self.one_of(POINTS)

    def point_with_meter(self) -> str:
        """A service point with an installed billing meter; seldom any."""
        found = [one.point for one in self.model.installed if one.ends == EVER and one.role == "billing"]
        return self.point() if self.seldom() or not found else self.one_of(sorted(found))

    def free_place(self) -> tuple[str, str]:
        """A service point and a role without an installed meter; seldom any."""
        taken = {(one.point, one.role) for one in self.model.installed if one.ends == EVER}
        free = [
            (point, role)
            for point in POINTS
            for role in ("billing", "check")
            if (point, role) not in taken and not point.startswith("T1")
        ]
        return (self.point(), self.role()) if self.seldom() or not free else self.one_of(free)

    def role(self) -> str:
        return self.one_of((*ROLES, "spare"))

    def serial(self, *, installed: bool, point: str = "") -> str:
        """A meter that is installed, or not; of what a service point is supplied with, if one is given; seldom any."""
        supplied = COMMODITIES.get(point)
        found = [
            serial
            for serial, meter in METERS.items()
            if (self.model.installed_meter(serial=serial) is not None) == installed
            and supplied in (None, meter.type.commodity)
        ]
        if self.seldom() or not found:
            return self.one_of(("URJ99999999", *METERS))
        return self.one_of(found)

    def register_wh(self, serial: str | None, at: datetime) -> int:
        if serial not in METERS or self.seldom():
            return -1
        return METERS[serial].register_wh(at)

    def register(self, serial: str | None, at: datetime, which: str = "") -> dict[str, int]:
        """The field of a register in the unit of its meter; seldom in the other one."""
        of_gas = serial in METERS and METERS[serial].type.commodity == "gas"
        unit = "l" if of_gas != self.seldom() else "wh"
        return {f"{which}register_{unit}": self.register_wh(serial, at)}

    def ratio(self) -> tuple[int, int]:
        return self.one_of(((1, 1), (1, 1), (7, 3), (200, 5), (2, 3), (0, 1)))


def _install(ask: Asker) -> dict[str, Any]:
    point, role = ask.free_place()
    serial, at, ratio = ask.serial(installed=False, point=point), ask.at(), ask.ratio()
    return {
        "consumer_number": point,
        "serial": serial,
        "installed_at": at,
        **ask.register(serial, at),
        "role": role,
        "ratio_primary": ratio[0],
        "ratio_secondary": ratio[1],
        "seals": ask.one_of(((), (), ("S1",), ("S2", "S2"))),
    }


def _remove(ask: Asker) -> dict[str, Any]:
    serial, at = ask.serial(installed=True), ask.at()
    return {"serial": serial, "removed_at": at, **_read_or_not(ask, serial, at)}


def _read_or_not(ask: Asker, serial: str | None, at: datetime) -> dict[str, Any]:
    """A last register as it was read, one that is estimated, or neither; seldom both."""
    read: dict[str, Any] = ask.register(serial, at)
    both = {**read, "estimated": True} if ask.seldom() else read
    return ask.one_of((both, both, {}, {"estimated": True}))


def _exchange(ask: Asker) -> dict[str, Any]:
    point, role, at = ask.point_with_meter(), "check" if ask.seldom() else "billing", ask.at()
    old, new = ask.model.installed_meter(point=point, role=role), ask.serial(installed=False, point=point)
    primary, secondary = ask.one_of(((None, None), (None, None), (7, 3), (5, None)))
    return {
        "consumer_number": point,
        "at": at,
        **ask.register(old.serial if old else None, at, "old_"),
        "new_serial": new,
        **ask.register(new, at, "new_"),
        "reason": ask.words(),
        "role": role,
        "ratio_primary": primary,
        "ratio_secondary": secondary,
        "seals": ask.one_of(((), (), ("S3",), ("S4", "S5"))),
    }


def _last_read(ask: Asker) -> dict[str, Any]:
    serial = ask.one_of(tuple(METERS))
    removed = ask.model.last_removed(serial)
    at = ask.now if removed is None else removed.ends
    return {
        "serial": serial,
        **_read_or_not(ask, serial, at),
        "reason": ask.words(),
        "removed_at": ask.one_of((None, at)),
    }


def _edit_interval(ask: Asker) -> dict[str, Any]:
    return {
        "serial": ask.one_of(tuple(METERS)),
        "start_at": ask.at(),
        **ask.one_of(({"energy_wh": 100}, {"energy_l": 100}, {"energy_wh": -1}, {})),
        "reason": ask.words(),
    }


def _ratio(ask: Asker) -> dict[str, Any]:
    point, at = ask.point_with_meter(), ask.at()
    installed = ask.model.installed_meter(point=point, role="billing")
    primary, secondary = ask.ratio()
    return {
        "consumer_number": point,
        "at": at,
        "primary": primary,
        "secondary": secondary,
        "register_wh": ask.register_wh(installed.serial if installed else None, at),
        "reason": ask.words(),
    }


def _swap(ask: Asker) -> dict[str, Any]:
    return {
        "serial_a": ask.serial(installed=True),
        "serial_b": ask.serial(installed=True),
        "since": ask.at(),
        "reason": ask.words(),
    }


def _commission(ask: Asker) -> dict[str, Any]:
    return {
        "serial": ask.serial(installed=True),
        "relay_test": ask.seldom(),
        "payment_mode": ask.one_of(("", "", "prepaid", "cash")),
    }


def _record_commissioning(ask: Asker) -> dict[str, Any]:
    """As the stage does it where every check of a call has passed: the register is read at that moment."""
    from urja.apps.commissioning.models import Call

    calls = {call.id: call.device.serial for call in Call.objects.select_related("device").order_by("id")}
    call_id = ask.one_of((*calls, 7))
    return {
        "call_id": call_id,
        "read_at": ask.now,
        **ask.register(calls.get(call_id), ask.now),
        "firmware": "1.2",
    }


def _receive(ask: Asker) -> dict[str, Any]:
    from urja.usecases.kinds.stock import Delivered

    number = ask.one_of((5, 90, 91))
    device = Delivered(
        serial=f"URJ{number:08}",
        system_title=b"URJ" + number.to_bytes(5, "big"),
        device_type="urja-d1",
        wrapped_guek=bytes(24),
        wrapped_gak=bytes(24),
        interval_s=1800,
        max_power_w=14_400,
    )
    devices = ask.one_of(((device,), (), (device, device)))
    return {"delivery": "D-1", "store": ask.one_of(("North", "North", "")), "devices": devices}


def _test_device(ask: Asker) -> dict[str, Any]:
    return {
        "serial": ask.serial(installed=ask.seldom()),
        "tested_at": ask.at(),
        "passed": ask.one_of((True, False)),
        "note": ask.words(),
    }


def _issue_device(ask: Asker) -> dict[str, Any]:
    return {"serial": ask.serial(installed=ask.seldom()), "fitter": ask.words()}


def _return_device(ask: Asker) -> dict[str, Any]:
    return {"serial": ask.serial(installed=ask.seldom()), "store": ask.words()}


def _scrap_device(ask: Asker) -> dict[str, Any]:
    return {"serial": ask.serial(installed=ask.seldom()), "reason": ask.words()}


def _upsert(ask: Asker) -> dict[str, Any]:
    about, attributes = ask.one_of(
        (
            ("person", {"name": "Asha", "email": PEOPLE[0]}),
            ("person", {"name": "Asha"}),
            ("premise", {"name": "Plot 8", "code": "P8"}),
            ("service_point", {"consumer_number": "URJ00000001"}),
            ("service_point", {"consumer_number": "NEW-2", "premise": "P8"}),
            ("person", {"moon": "full"}),
            ("castle", {}),
        )
    )
    return {"system": "cis", "object": about, "external_id": f"X{ask.whole(1, 2)}", "attributes": attributes}


def _arrival(ask: Asker) -> dict[str, Any]:
    return ask.one_of(
        (
            {"email": PEOPLE[1], "name": "Two"},
            {"email": "new@example.org", "name": "New"},
            {"email": "new@example.org", "name": ""},
            {"consumer_id": _person_id(ask)},
            {"email": PEOPLE[3], "name": "Nobody"},
        )
    )


def _register_there(ask: Asker, point: str, at: datetime) -> dict[str, int]:
    """The register of the meter that is billed by at an instant; sometimes left out."""
    there = [
        one
        for one in ask.model.installed
        if one.point == point and one.role == "billing" and one.begins <= at <= one.ends
    ]
    return ask.one_of(({}, *(2 * [ask.register(max(there).serial, at)] if there else [{"register_wh": 5}])))


def _instant(ask: Asker, point: str, at: datetime) -> dict[str, Any]:
    return {"consumer_number": point, "at": at, **_register_there(ask, point, at)}


def _move_in(ask: Asker) -> dict[str, Any]:
    empty = [point for point in POINTS if ask.model.paying(point) is None]
    point = ask.point() if ask.seldom() or not empty else ask.one_of(empty)
    return {
        **_instant(ask, point, ask.at()),
        **_arrival(ask),
        "tariff_code": ask.one_of((*TARIFFS, *TARIFFS, "unheard-of")),
        "sanctioned_load_w": ask.one_of((2_000, 5_000, 0)),
        "payment_mode": ask.one_of(("prepaid", "prepaid", "postpaid", "cash")),
        "metering_mode": ask.one_of(("forward", "forward", "net")),
        "policy": ask.one_of(("", "", *POLICIES, "unheard-of")),
        "credit_minor": ask.one_of((0, 20_000, -1)),
        "billing_day": _billing_day(ask),
    }


def _billing_day(ask: Asker) -> int | None:
    return ask.one_of((None, None, 1, 5, 28, 31))


def _inhabited(ask: Asker) -> str:
    inhabited = [point for point in POINTS if ask.model.paying(point) is not None]
    return ask.point() if ask.seldom() or not inhabited else ask.one_of(inhabited)


def _account(ask: Asker) -> int | None:
    from urja.apps.books.models import Account

    accounts = Account.objects.filter(kind="consumer").order_by("id").values_list("id", flat=True)
    return ask.one_of((None, None, 7, *accounts))


def _move_out(ask: Asker) -> dict[str, Any]:
    return {
        **_instant(ask, _inhabited(ask), ask.at()),
        "transfer_to": _account(ask),
        "consented": ask.one_of((True, False)),
        "hold_vacant": ask.one_of((True, False)),
    }


def _transfer_ownership(ask: Asker) -> dict[str, Any]:
    return {
        **_instant(ask, _inhabited(ask), ask.at()),
        **_arrival(ask),
        "remaining": ask.one_of(("refund", "transfer")),
        "consented": ask.one_of((True, False)),
        "deposit_minor": ask.one_of((0, 0, 10_000, -1)),
        "policy": ask.one_of((None, None, "", *POLICIES, "unheard-of")),
        "billing_day": _billing_day(ask),
    }


def _end_connection(ask: Asker) -> dict[str, Any]:
    return {
        **_instant(ask, ask.point(), ask.at()),
        "meter_removed": ask.one_of((True, False)),
        "estimated": ask.one_of((False, False, True)),
        "transfer_to": _account(ask),
        "consented": ask.one_of((True, False)),
    }


def _hold(ask: Asker) -> dict[str, Any]:
    return {
        "consumer_number": ask.point(),
        "reason": ask.one_of(("safety", "vacant", "request", "dispute", "whim")),
        "note": ask.words(),
    }


def _letter(ask: Asker) -> dict[str, Any]:
    return {"consumer_number": ask.point(), "posted_at": ask.at(), "reference": ask.words()}


def _reopen(ask: Asker) -> dict[str, Any]:
    return {"consumer_number": ask.point(), "note": ask.words()}


def _new_connection(ask: Asker) -> dict[str, Any]:
    return {
        "consumer_number": ask.one_of((*POINTS, *NEW, "", "x" * 40)),
        "connected_at": ask.at(),
        **ask.one_of(
            (
                {"premise_name": "Plot 7"},
                {"premise_code": "P7", "premise_name": "Plot 7"},
                {"premise_code": "P7"},
                {},
            )
        ),
        "purpose": ask.one_of(("consumer", "consumer", "common_area", "castle")),
        "administration": ask.one_of(("section S1", "", "section S9", "moon")),
        "grid": ask.one_of(("transformer T1", "", "feeder F1", "section S1")),
    }


def _open_order(ask: Asker) -> dict[str, Any]:
    return {
        "consumer_number": ask.point(),
        "kind_of_work": ask.one_of(("inspect", "install", "exchange", "dance")),
        "note": ask.words(),
    }


def _order(ask: Asker) -> tuple[int, str | None]:
    """A work order, and the meter it is about."""
    from urja.apps.work.models import WorkOrder

    known = WorkOrder.objects.select_related("device").order_by("id")
    orders = [(order.id, order.device.serial if order.device else None) for order in known]
    return ask.one_of((*orders, (7, None)))


def _assign_order(ask: Asker) -> dict[str, Any]:
    return {"work_order_id": _order(ask)[0], "email": ask.one_of(PEOPLE)}


def _withdraw_order(ask: Asker) -> dict[str, Any]:
    return {"work_order_id": _order(ask)[0], "reason": ask.words()}


def _close_order(ask: Asker) -> dict[str, Any]:
    order, serial = _order(ask)
    at = ask.now if ask.seldom() else ask.at()
    return {
        "work_order_id": order,
        "closed_at": at,
        "note": ask.words(),
        **ask.one_of(({}, ask.register(serial, at))),
        "seals": ask.one_of(((), ("S6",))),
        "removed_seals": ask.one_of(((), ("S6",))),
    }


def _to_prepaid(ask: Asker) -> dict[str, Any]:
    from urja.usecases.kinds.agreements import Bill

    bill = Bill(
        bill=f"B{ask.whole(1, 3)}", due_on=ask.day() - 30 * DAY, principal_minor=ask.whole(-1, 2) * 10_000
    )
    return {
        "consumer_number": ask.point(),
        "effective_on": ask.day(),
        "bills": ask.one_of(((), (bill,), (bill, bill))),
        "billed_here": ask.one_of((False, True)),
        "deposit": ask.one_of(("arrears", "balance", "keep")),
        "tariff_code": ask.one_of((None, *TARIFFS)),
    }


def _to_postpaid(ask: Asker) -> dict[str, Any]:
    return {
        "consumer_number": ask.point(),
        "effective_on": ask.day(),
        "deposit_minor": ask.whole(-1, 3) * 10_000,
        "deposit_due_minor": ask.whole(-1, 2) * 10_000,
        "deposit_instalments": ask.whole(0, 3),
        "tariff_code": ask.one_of((None, *TARIFFS)),
    }


def _agree_instalments(ask: Asker) -> dict[str, Any]:
    return {
        "consumer_number": ask.point(),
        "every": ask.one_of(("day", "month")),
        "amount_minor": ask.one_of((1_000, 5_000, 0, 900_000)),
        "first_due_on": ask.now.date() + timedelta(days=ask.whole(-1, 3)),
        "reason": ask.words(),
    }


def _end_instalments(ask: Asker) -> dict[str, Any]:
    return {
        "consumer_number": ask.point(),
        "from_on": ask.now.date() + timedelta(days=ask.whole(-2, 5)),
        "reason": ask.words(),
    }


def _protect(ask: Asker) -> dict[str, Any]:
    begins = ask.at()
    return {
        "consumer_number": ask.point(),
        "kind_of_protection": ask.one_of(("medical", "never_cut", "noble")),
        "evidence": ask.words(),
        "protected_from": begins,
        "protected_until": ask.one_of((None, ask.at())),
    }


def _end_protection(ask: Asker) -> dict[str, Any]:
    return {
        "consumer_number": ask.point(),
        "kind_of_protection": ask.one_of(("medical", "never_cut", "noble")),
        "ended_at": ask.at(),
        "reason": ask.words(),
    }


def _load(ask: Asker) -> dict[str, Any]:
    return {
        "consumer_number": ask.point(),
        "effective_on": ask.day(),
        "sanctioned_load_w": ask.one_of((1_000, 5_000, 7_000, 14_400, 90_000, 0)),
    }


def _category(ask: Asker) -> dict[str, Any]:
    return {
        "consumer_number": ask.point(),
        "effective_on": ask.day(),
        "tariff_code": ask.one_of((*TARIFFS, "unheard-of")),
        "category": ask.one_of((None, "", "shop")),
    }


def _policy(ask: Asker) -> dict[str, Any]:
    return {
        "consumer_number": ask.point(),
        "effective_on": ask.day(),
        "policy": ask.one_of((*POLICIES, *POLICIES, "", "unheard-of")),
        "reason": ask.words(),
    }


def _transformer(ask: Asker) -> dict[str, Any]:
    return {"code": ask.one_of(("T1", "T2", "T3", "x" * 40)), "feeder": ask.one_of(("F1", "F2", "x" * 40))}


def _move_node(ask: Asker) -> dict[str, Any]:
    """A node to another of the levels above its own; seldom to any."""
    node = ask.one_of(tuple(ABOVE))
    now = [one.node for one in ask.model.placed_under if (one.point, one.ends) == (node, EVER)]
    others = [above for above in ABOVE[node] if above not in now]
    placed_under = ask.one_of(("moon 1", *ABOVE)) if ask.seldom() or not others else ask.one_of(others)
    return {"node": node, "parent": placed_under, "moved_at": ask.at()}


def _move_connection(ask: Asker) -> dict[str, Any]:
    """Under a node where it is not placed now, in one tree or both, or to another phase; seldom nonsense."""
    point = ask.point()
    now = [one.node for one in ask.model.placed if (one.point, one.ends) == (point, EVER)]
    sections = [one for one in ("section S1", "section S2") if one not in now]
    feeds = [one for one in ("transformer T1", "pole P1") if one not in now]
    trees = ask.one_of(("administration", "grid", "both", "phase"))
    return {
        "consumer_number": point,
        "moved_at": ask.at(),
        "administration": ask.one_of(sections) if trees in ("administration", "both") else "",
        "grid": ask.one_of(feeds) if trees in ("grid", "both") else "",
        "phase": "G" if ask.seldom() else ask.one_of(("R", "Y", "RYB")) if trees == "phase" else "",
    }


def _person_id(ask: Asker) -> int:
    from urja.apps.people.models import Person

    return ask.one_of((7, *Person.objects.order_by("id").values_list("id", flat=True)))


def _correct_person(ask: Asker) -> dict[str, Any]:
    more = ask.one_of(
        (
            {"phone": "+91 98123 45678"},
            {"phone": "12"},
            {"name": "Neelam"},
            {"language": "hi"},
            {"language": "xx"},
            {},
        ),
    )
    return {"consumer_id": _person_id(ask), **more}


def _nameless(ask: Asker) -> dict[str, Any]:
    return {"consumer_id": _person_id(ask)}


def _employ(ask: Asker) -> dict[str, Any]:
    return {"email": ask.one_of(PEOPLE), "name": "A Person", **_role_of_staff(ask)}


def _dismiss(ask: Asker) -> dict[str, Any]:
    return {"email": ask.one_of(PEOPLE), **_role_of_staff(ask)}


def _role_of_staff(ask: Asker) -> dict[str, Any]:
    return {
        "role": ask.one_of(("clerk", "auditor", "secretary", "king")),
        "area": ask.one_of(("", "", "section S1", "section S9", "premise X", "moon")),
    }


def _issue_token(ask: Asker) -> dict[str, Any]:
    number = ask.whole(1, 4)
    return {
        "name": f"key {number}",
        "prefix": f"prefix{number}",
        "digest": bytes([number]) * 32,
        "scopes": ask.one_of((["read:*"], [], ["write:change_load"], ["nonsense"])),
        "expires_at": ask.at(),
        "per_minute": ask.one_of((60, 0)),
        **ask.one_of(({"role": "clerk"}, {"email": PEOPLE[0]}, {}, {"role": "clerk", "email": PEOPLE[0]})),
    }


def _revoke_token(ask: Asker) -> dict[str, Any]:
    return {"prefix": f"prefix{ask.whole(1, 5)}"}


DRAWN: Final[dict[str, Callable[[Asker], dict[str, Any]]]] = {
    "install_meter": _install,
    "remove_meter": _remove,
    "exchange_meter": _exchange,
    "swap_meters": _swap,
    "move_in": _move_in,
    "move_out": _move_out,
    "transfer_ownership": _transfer_ownership,
    "disconnect_permanently": _end_connection,
    "disconnect_temporarily": _hold,
    "reconnect": _hold,
    "reopen_service_point": _reopen,
    "record_letter": _letter,
    "receive_devices": _receive,
    "test_device": _test_device,
    "issue_device": _issue_device,
    "return_device": _return_device,
    "scrap_device": _scrap_device,
    "upsert_from_system": _upsert,
    "correct_last_read": _last_read,
    "edit_interval": _edit_interval,
    "commission": _commission,
    "record_commissioning": _record_commissioning,
    "new_connection": _new_connection,
    "open_work_order": _open_order,
    "assign_work_order": _assign_order,
    "withdraw_work_order": _withdraw_order,
    "close_work_order": _close_order,
    "convert_to_prepaid": _to_prepaid,
    "convert_to_postpaid": _to_postpaid,
    "agree_instalments": _agree_instalments,
    "end_instalments": _end_instalments,
    "protect": _protect,
    "end_protection": _end_protection,
    "change_ratio": _ratio,
    "change_load": _load,
    "change_category": _category,
    "change_policy": _policy,
    "add_transformer": _transformer,
    "move_node": _move_node,
    "move_service_point": _move_connection,
    "correct_consumer": _correct_person,
    "anonymise_consumer": _nameless,
    "employ": _employ,
    "dismiss": _dismiss,
    "issue_token": _issue_token,
    "revoke_token": _revoke_token,
}

OTHERWISE: Final = {
    "change_modes": "its rows are conversions, which are drawn: tests/pipeline/test_mode_changes.py",
    "stop_mode_change": "tests/pipeline/test_mode_changes.py",
    "rewrap_keys": "no request asks for it: tests/site/test_master_key.py",
    "take_new_keys": "a meter proves them: tests/pipeline/test_key_change.py",
    "approve_address_change": "no person reads mail in this town: tests/pipeline/test_addresses.py",
    "change_address": "no person reads mail in this town: tests/pipeline/test_addresses.py",
    "readdress": "no person reads mail in this town: tests/pipeline/test_addresses.py",
    "charge_deposit": "the pipeline asks for it on the due day: tests/pipeline/test_deposits.py",
    "record_dues_paid": "the last instalment asks for it: tests/pipeline/test_instalments.py",
    "read_meters": "asks meters, changes no row: tests/pipeline/test_meter_jobs.py",
    "set_calendars": "asks meters, changes no row: tests/pipeline/test_calendar_jobs.py",
    "reset_demands": "asks meters, changes no row: tests/pipeline/test_calendar_jobs.py",
    "set_clocks": "asks meters, changes no row: tests/pipeline/test_meter_jobs.py",
    "show_text": "asks meters, changes no row: tests/pipeline/test_meter_jobs.py",
    "change_keys": "asks meters, changes no row: tests/pipeline/test_key_change.py",
    "test_relays": "asks meters, changes no row: tests/pipeline/test_relay_tests.py",
    "cancel_meter_job": "asks meters, changes no row: tests/pipeline/test_meter_jobs.py",
    "set_up_society": "its rows are those of new connections: tests/usecases/test_societies.py",
    "sign_off_opening_balances": "no file brings a balance here: tests/pipeline/test_opening_balances.py",
    "adoption": "raises the town",
    "install_network_meter": "raises the town",
    "undo": "has rules of its own",
    "note_difference": "no consumer pays in this town: tests/web/test_console_payments.py",
    "close_difference": "no consumer pays in this town: tests/web/test_console_payments.py",
    "adjust_balance": "moves money alone: tests/usecases/test_adjustments.py",
    "waive_charges": "moves money alone: tests/usecases/test_adjustments.py",
    "decide_review": "no charge is abnormal here: tests/pipeline/test_reviews.py",
    "write_off": "moves money alone: tests/usecases/test_adjustments.py",
    "record_subsidy_payment": "no body pays in this town: tests/usecases/test_subsidy_payments.py",
    "refund_credit": "moves money alone: tests/usecases/test_adjustments.py",
    "post_maintenance": "moves money alone: tests/usecases/test_maintenance.py",
    "open_drawer": "no passkeys in this town: tests/adversary/test_counter.py",
    "take_receipt": "no passkeys in this town: tests/adversary/test_counter.py",
    "cancel_receipt": "no passkeys in this town: tests/adversary/test_counter.py",
    "close_drawer": "no passkeys in this town: tests/adversary/test_counter.py",
    "deposit_takings": "no passkeys in this town: tests/adversary/test_counter.py",
    "clear_cheque": "no passkeys in this town: tests/adversary/test_counter.py",
    "return_cheque": "no passkeys in this town: tests/adversary/test_counter.py",
    "load_statement": "no consumer pays in this town: tests/apps/bank/test_matching.py",
    "claim_transfer": "no consumer pays in this town: tests/apps/bank/test_matching.py",
    "decide_claim": "no consumer pays in this town: tests/apps/bank/test_matching.py",
    "reverse_claim": "no consumer pays in this town: tests/apps/bank/test_matching.py",
}
"""Operations that are not drawn, and where they are done."""

LIKELY: Final = (
    "install_meter",
    "remove_meter",
    "exchange_meter",
    "exchange_meter",
    "exchange_meter",
    "change_ratio",
    "swap_meters",
    "move_in",
    "move_out",
    "transfer_ownership",
    "move_service_point",
    "move_node",
)
"""Drawn half of the time; any operation else."""
