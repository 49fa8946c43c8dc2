"""A model of what operations should have done: a fold over those in force, in plain Python.

The effect of an operation is a function that changes the model's periods; `EFFECTS` has one for each, `nothing` where
an operation installs nothing and makes no agreement. An undone operation is left out of the fold.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from tests.usecases.proof.books import EVER, Agreed, Installed, Placed
from tests.usecases.proof.town import METERS


@dataclass
class Model:
    """Which meter is installed where, and who pays where; and its place in both trees."""

    installed: list[Installed]
    agreed: list[Agreed]
    placed: list[Placed]
    placed_under: list[Placed]
    now: datetime = EVER
    """When the operation is done whose effect is calculated."""

    def installed_meter(
        self, *, serial: str | None = None, point: str | None = None, role: str | None = None
    ) -> Installed | None:
        """The meter that is installed there without an end."""
        for one in self.installed:
            if (
                one.ends == EVER
                and serial in (None, one.serial)
                and (point, role) in ((None, None), (one.point, one.role))
            ):
                return one
        return None

    def last_removed(self, serial: str) -> Installed | None:
        """The last time of a meter that has ended."""
        ended = [one for one in self.installed if one.serial == serial and one.ends != EVER]
        return max(ended, key=lambda one: one.ends, default=None)

    def paying(self, point: str) -> Agreed | None:
        """The agreement that holds there without an end."""
        return next((one for one in self.agreed if one.point == point and one.ends == EVER), None)

    def pay_until(self, point: str, at: datetime) -> None:
        paying = _sure(self.paying(point))
        self.agreed[self.agreed.index(paying)] = replace(paying, ends=at)

    def end(self, installed: Installed, at: datetime) -> None:
        self.installed[self.installed.index(installed)] = replace(installed, ends=at)


def nothing(_model: Model, _operation: Any) -> None:
    """Neither meters nor agreements nor places."""


def install_meter(model: Model, asked: Any) -> None:
    ratio = (asked.ratio_primary, asked.ratio_secondary)
    model.installed.append(
        Installed(asked.consumer_number, asked.role, asked.installed_at, EVER, asked.serial, ratio)
    )


def remove_meter(model: Model, asked: Any) -> None:
    model.end(_sure(model.installed_meter(serial=asked.serial)), asked.removed_at)


def exchange_meter(model: Model, asked: Any) -> None:
    old = _sure(model.installed_meter(point=asked.consumer_number, role=asked.role))
    model.end(old, asked.at)
    stated = None if asked.ratio_primary is None else (asked.ratio_primary, asked.ratio_secondary)
    ratio = stated or _continued(old, asked.new_serial)
    model.installed.append(replace(old, begins=asked.at, ends=EVER, serial=asked.new_serial, ratio=ratio))


def _continued(old: Installed, serial: str) -> tuple[int, int]:
    """The ratio before another meter behind the same transformers, of which its registers may include its own."""
    before, after = METERS[old.serial].type.own_ratio, METERS[serial].type.own_ratio
    transformers = Fraction(*old.ratio) * before
    if before == after:
        return old.ratio
    return (1, 1) if transformers == 1 else (transformers / after).as_integer_ratio()


def change_ratio(model: Model, asked: Any) -> None:
    before = _sure(model.installed_meter(point=asked.consumer_number, role=asked.role))
    model.end(before, asked.at)
    model.installed.append(
        replace(before, begins=asked.at, ends=EVER, ratio=(asked.primary, asked.secondary))
    )


def swap_meters(model: Model, asked: Any) -> None:
    first, second = (
        _sure(model.installed_meter(serial=serial)) for serial in (asked.serial_a, asked.serial_b)
    )
    for own in (first, second):
        if own.begins < asked.since:
            model.end(own, asked.since)
        else:
            model.installed.remove(own)
    for own, other in ((first, second), (second, first)):
        ratio = _continued(own, other.serial)
        model.installed.append(replace(own, begins=asked.since, ends=EVER, serial=other.serial, ratio=ratio))


def move_in(model: Model, asked: Any) -> None:
    model.agreed.append(Agreed(asked.consumer_number, asked.at, EVER))


def move_out(model: Model, asked: Any) -> None:
    model.pay_until(asked.consumer_number, asked.at)


def transfer_ownership(model: Model, asked: Any) -> None:
    move_out(model, asked)
    move_in(model, asked)


def disconnect_permanently(model: Model, asked: Any) -> None:
    if model.paying(asked.consumer_number) is not None:
        move_out(model, asked)
    if asked.meter_removed:
        model.end(_sure(model.installed_meter(point=asked.consumer_number, role="billing")), asked.at)


def new_connection(model: Model, asked: Any) -> None:
    for tree, node in (("administration", asked.administration), ("grid", asked.grid)):
        if node:
            model.placed.append(Placed(asked.consumer_number, tree, node, asked.connected_at, EVER))


def add_transformer(model: Model, asked: Any) -> None:
    model.placed_under.append(
        Placed(f"transformer {asked.code}", "feeder", f"feeder {asked.feeder}", model.now, EVER)
    )


def move_service_point(model: Model, asked: Any) -> None:
    for tree, node in (("administration", asked.administration), ("grid", asked.grid)):
        if node or (tree == "grid" and asked.phase):
            before = _ended(model.placed, asked.consumer_number, asked.moved_at, tree)
            where = node or _sure(before).node
            model.placed.append(Placed(asked.consumer_number, tree, where, asked.moved_at, EVER))


def move_node(model: Model, asked: Any) -> None:
    _ended(model.placed_under, asked.node, asked.moved_at)
    level = asked.parent.split()[0]
    model.placed_under.append(Placed(asked.node, level, asked.parent, asked.moved_at, EVER))


def _ended(placed: list[Placed], what: str, at: datetime, tree: str | None = None) -> Placed | None:
    """Ends the open place of a node or service point; of nodes in whichever tree they are."""
    for one in placed:
        if one.point == what and one.ends == EVER and tree in (None, one.tree):
            placed[placed.index(one)] = replace(one, ends=at)
            return one
    return None


def _sure[T](found: T | None) -> T:
    assert found is not None, "it was done, so the meter was installed there"
    return found


EFFECTS: Final[dict[str, Callable[[Model, Any], None]]] = {
    "install_meter": install_meter,
    "remove_meter": remove_meter,
    "exchange_meter": exchange_meter,
    "change_ratio": change_ratio,
    "swap_meters": swap_meters,
    "move_in": move_in,
    "move_out": move_out,
    "transfer_ownership": transfer_ownership,
    "disconnect_permanently": disconnect_permanently,
    "disconnect_temporarily": nothing,
    "reconnect": nothing,
    "reopen_service_point": nothing,
    "receive_devices": nothing,
    "test_device": nothing,
    "issue_device": nothing,
    "return_device": nothing,
    "scrap_device": nothing,
    "upsert_from_system": nothing,
    "correct_last_read": nothing,
    "edit_interval": nothing,
    "commission": nothing,
    "record_commissioning": nothing,
    "new_connection": new_connection,
    "open_work_order": nothing,
    "assign_work_order": nothing,
    "withdraw_work_order": nothing,
    "close_work_order": nothing,
    "convert_to_prepaid": nothing,
    "convert_to_postpaid": nothing,
    "agree_instalments": nothing,
    "end_instalments": nothing,
    "record_letter": nothing,
    "protect": nothing,
    "end_protection": nothing,
    "change_load": nothing,
    "change_category": nothing,
    "change_policy": nothing,
    "add_transformer": add_transformer,
    "move_node": move_node,
    "move_service_point": move_service_point,
    "correct_consumer": nothing,
    "anonymise_consumer": nothing,
    "employ": nothing,
    "dismiss": nothing,
    "issue_token": nothing,
    "revoke_token": nothing,
}


@dataclass
class Done:
    """An operation that was done; undone later, or not."""

    entry_id: int
    operation: Any
    at: datetime
    undone: bool = False


@dataclass
class Story:
    """What there was in the beginning, and what was done since."""

    first: Model
    done: list[Done] = field(default_factory=list)

    def model(self) -> Model:
        """As things ought to stand."""
        first = self.first
        model = Model(list(first.installed), list(first.agreed), list(first.placed), list(first.placed_under))
        for one in self.standing():
            model.now = one.at
            EFFECTS[one.operation.kind()](model, one.operation)
        return model

    def standing(self) -> Iterable[Done]:
        return [one for one in self.done if not one.undone]
