"""A model of what operations should have done: a fold over those in force, in plain Python.

The effect of an operation is a function that changes the model's periods; `EFFECTS` has one for each, `nothing` where
an operation installs nothing and makes no agreement. An undone operation is left out of the fold.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from tests.usecases.proof.books import EVER, Agreed, Hung, Placed


@dataclass
class Model:
    """Who hangs where, and who pays where; and where both trees have it."""

    hung: list[Hung]
    agreed: list[Agreed]
    placed: list[Placed]
    hangs_on: list[Placed]
    now: datetime = EVER
    """When the operation is done whose effect is reckoned."""

    def hanging(
        self, *, serial: str | None = None, point: str | None = None, role: str | None = None
    ) -> Hung | None:
        """The meter that hangs there without an end."""
        for one in self.hung:
            if (
                one.ends == EVER
                and serial in (None, one.serial)
                and (point, role) in ((None, None), (one.point, one.role))
            ):
                return one
        return None

    def last_removed(self, serial: str) -> Hung | None:
        """The last time of a meter that has ended."""
        ended = [one for one in self.hung if one.serial == serial and one.ends != EVER]
        return max(ended, key=lambda one: one.ends, default=None)

    def paying(self, point: str) -> Agreed | None:
        """The agreement that holds there without an end."""
        return next((one for one in self.agreed if one.point == point and one.ends == EVER), None)

    def pay_until(self, point: str, at: datetime) -> None:
        paying = _sure(self.paying(point))
        self.agreed[self.agreed.index(paying)] = replace(paying, ends=at)

    def end(self, hung: Hung, at: datetime) -> None:
        self.hung[self.hung.index(hung)] = replace(hung, ends=at)


def nothing(_model: Model, _operation: Any) -> None:
    """Neither meters nor agreements, nor where anything hangs."""


def install_meter(model: Model, asked: Any) -> None:
    ratio = (asked.ratio_primary, asked.ratio_secondary)
    model.hung.append(Hung(asked.consumer_number, asked.role, asked.installed_at, EVER, asked.serial, ratio))


def remove_meter(model: Model, asked: Any) -> None:
    model.end(_sure(model.hanging(serial=asked.serial)), asked.removed_at)


def exchange_meter(model: Model, asked: Any) -> None:
    old = _sure(model.hanging(point=asked.consumer_number, role=asked.role))
    model.end(old, asked.at)
    ratio = (asked.ratio_primary or old.ratio[0], asked.ratio_secondary or old.ratio[1])
    model.hung.append(replace(old, begins=asked.at, ends=EVER, serial=asked.new_serial, ratio=ratio))


def change_ratio(model: Model, asked: Any) -> None:
    before = _sure(model.hanging(point=asked.consumer_number, role=asked.role))
    model.end(before, asked.at)
    model.hung.append(replace(before, begins=asked.at, ends=EVER, ratio=(asked.primary, asked.secondary)))


def swap_meters(model: Model, asked: Any) -> None:
    first, second = (_sure(model.hanging(serial=serial)) for serial in (asked.serial_a, asked.serial_b))
    for own in (first, second):
        if own.begins < asked.since:
            model.end(own, asked.since)
        else:
            model.hung.remove(own)
    for own, other in ((first, second), (second, first)):
        model.hung.append(replace(own, begins=asked.since, ends=EVER, serial=other.serial))


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
        model.end(_sure(model.hanging(point=asked.consumer_number, role="billing")), asked.at)


def new_connection(model: Model, asked: Any) -> None:
    for tree, node in (("administration", asked.administration), ("grid", asked.grid)):
        if node:
            model.placed.append(Placed(asked.consumer_number, tree, node, asked.connected_at, EVER))


def add_transformer(model: Model, asked: Any) -> None:
    model.hangs_on.append(
        Placed(f"transformer {asked.code}", "feeder", f"feeder {asked.feeder}", model.now, EVER)
    )


def move_service_point(model: Model, asked: Any) -> None:
    for tree, node in (("administration", asked.administration), ("grid", asked.grid)):
        if node or (tree == "grid" and asked.phase):
            before = _ended(model.placed, asked.consumer_number, asked.moved_at, tree)
            where = node or _sure(before).node
            model.placed.append(Placed(asked.consumer_number, tree, where, asked.moved_at, EVER))


def move_node(model: Model, asked: Any) -> None:
    _ended(model.hangs_on, asked.node, asked.moved_at)
    level = asked.parent.split()[0]
    model.hangs_on.append(Placed(asked.node, level, asked.parent, asked.moved_at, EVER))


def _ended(placed: list[Placed], what: str, at: datetime, tree: str | None = None) -> Placed | None:
    """Where something hangs without an end: it hangs there no longer; of nodes in whichever tree they are."""
    for one in placed:
        if one.point == what and one.ends == EVER and tree in (None, one.tree):
            placed[placed.index(one)] = replace(one, ends=at)
            return one
    return None


def _sure[T](found: T | None) -> T:
    assert found is not None, "it was done, so the meter hung there"
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
        model = Model(list(first.hung), list(first.agreed), list(first.placed), list(first.hangs_on))
        for one in self.standing():
            model.now = one.at
            EFFECTS[one.operation.kind()](model, one.operation)
        return model

    def standing(self) -> Iterable[Done]:
        return [one for one in self.done if not one.undone]
