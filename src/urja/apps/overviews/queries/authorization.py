"""Whether a caller may request an operation: by the caller's roles, and by where the named things are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from urja.apps.assets import queries as assets
from urja.apps.contracts import mode_changes
from urja.apps.counter import queries as counter
from urja.apps.identity.errors import NotAllowedError, OutOfAreaError
from urja.apps.identity.queries.access import Area, Caller, caller_of
from urja.apps.identity.queries.roles import write_scope
from urja.apps.journal import queries as journal
from urja.apps.journal.operation import Operation
from urja.apps.meter_jobs import queries as meter_jobs
from urja.apps.network import queries as network
from urja.apps.network.kinds import Tree
from urja.apps.network.nodes import node_named, service_points_under
from urja.apps.overviews.queries.areas import ResolvedArea, holds, holds_account, holds_person, holds_premise
from urja.apps.work import queries as work
from urja.base.sentences import say


def authorize(caller: Caller, operation: Operation, at: datetime) -> None:
    """Check that a caller may request an operation at an instant (UTC).

    Raises NotAllowedError where no role of the caller permits this kind of operation, OutOfAreaError where it names
    something outside of the caller's area. A caller with a limited area must name at least one thing in it and none
    outside; a thing without a location, such as a meter in stock, counts as neither. An operation that names no located
    thing needs a role without a limit. An undo needs the right to the operation that it takes back as well.
    """
    for kind in _kinds(operation):
        area = caller.must(write_scope(kind))
        if area.everywhere:
            continue
        # All named things have to be inside: an operation on two meters, such as a swap, changes both of their areas.
        inside = [said for said in _where(_named(operation), area, at) if said is not None]
        if not inside or not all(inside):
            raise OutOfAreaError


def _kinds(operation: Operation) -> Iterator[str]:
    """Return the kinds that a caller must be permitted: of an undo, also the kind of what it takes back."""
    yield operation.kind()
    undone = journal.operation(getattr(operation, "entry_id")) if operation.kind() == "undo" else None  # noqa: B009 - usecases are above this app, which cannot name the class
    if undone is not None:
        yield undone.kind


def refusal_for_actor(actor: str, operation: Operation, at: datetime) -> str | None:
    """Return why an actor's request is refused, by the actor's roles at an instant (UTC); None where it is permitted.

    The pipeline checks with this again what the web recorded, so that a stolen web process gains no permission.
    """
    caller = caller_of(actor, at)
    if caller is None:
        return say("{actor} is not, or no longer, known here", actor=actor or "the sender")
    try:
        authorize(caller, operation, at)
    except NotAllowedError as error:
        return error.says
    except OutOfAreaError:
        return say("it names something outside of the sender's area")
    return None


type _Where = Callable[[Area, Any, datetime], bool | None]
"""Function (area, key, instant) that returns whether the thing of a natural key is in the area; None where it has no
location."""


def _named(operation: Operation) -> Mapping[str, Any]:
    return {name: getattr(operation, name) for name in operation.__struct_fields__}


def _where(named: Mapping[str, Any], area: Area, at: datetime) -> Iterator[bool | None]:
    for name, value in named.items():
        if name in KEY_LIST_FIELDS and value:
            yield KEY_LIST_FIELDS[name](area, value, at)
        elif name in KEY_FIELDS and value not in (None, "", msgspec.UNSET):
            for key in value if isinstance(value, list | tuple) else (value,):
                yield KEY_FIELDS[name](area, key, at)


def _connection(area: Area, number: str, at: datetime) -> bool | None:
    return holds(area, network.service_points_numbered([number]), at)


def _device(area: Area, serial: str, at: datetime) -> bool | None:
    return holds(area, assets.service_points_of([serial]), at)


def _premise(area: Area, code: str, at: datetime) -> bool | None:
    premise_id = network.premise_of(code)
    return None if premise_id is None else holds_premise(area, premise_id, at)


def _node(area: Area, words: str, at: datetime) -> bool | None:
    node = node_named(words)
    # Areas of staff are parts of the administration. A grid node, which crosses their borders, neither permits nor
    # refuses.
    if node is None or node.tree != Tree.ADMINISTRATION:
        return None
    return area.everywhere or node.id in ResolvedArea.of(area, at).nodes


def _work_order(area: Area, order_id: int, at: datetime) -> bool | None:
    return holds(area, work.places_of([order_id]), at)


def _entry(area: Area, entry_id: int, at: datetime) -> bool | None:
    done = journal.operation(entry_id)
    if done is None:
        return None
    if done.service_point_id is None or not holds(area, [done.service_point_id], at):
        return False
    # What is taken back has changed everything that it named, such as the account to which a balance was transferred.
    return all(said is not False for said in _where(done.content, area, at))


def _job(area: Area, job_id: int, at: datetime) -> bool | None:
    return holds(area, meter_jobs.service_points_of(job_id), at)


def _drawer(area: Area, drawer_id: int, at: datetime) -> bool | None:
    premise_id = counter.premise_of_drawer(drawer_id)
    return None if premise_id is None else holds_premise(area, premise_id, at)


def _receipt(area: Area, receipt_id: int, at: datetime) -> bool | None:
    account_id = counter.account_of_receipt(receipt_id)
    return None if account_id is None else holds_account(area, account_id, at)


def _cash(area: Area, rows: Sequence[Any], at: datetime) -> bool | None:
    """Return whether all drawers of a slip are an area's."""
    return all(_drawer(area, row.drawer_id, at) for row in rows)


def _under(area: Area, words: str, at: datetime) -> bool | None:
    """Return whether all service points under a node of either tree are in an area; None where there are none."""
    node = node_named(words)
    return None if node is None else holds(area, service_points_under(node, at), at)


def _meters(area: Area, names: Sequence[str], at: datetime) -> bool | None:
    """Return whether all meters of a list, by serial or consumer number, are in an area. Thousands take one query."""
    wanted = [name.strip() for name in names]
    return holds(area, [*assets.service_points_of(wanted), *network.service_points_numbered(wanted)], at)


def _numbers(area: Area, numbers: Sequence[str], at: datetime) -> bool | None:
    """Return whether all supplies of a list of consumer numbers are in an area."""
    return holds(area, network.service_points_numbered([number.strip() for number in numbers]), at)


def _mode_change(area: Area, order_id: int, at: datetime) -> bool | None:
    return holds(area, mode_changes.service_points_of(order_id), at)


KEY_FIELDS: Final[dict[str, _Where]] = {
    "consumer_number": _connection,
    "serial": _device,
    "new_serial": _device,
    "serial_a": _device,
    "serial_b": _device,
    "consumer_id": holds_person,
    "transfer_to": holds_account,
    "premise_code": _premise,
    "part_of": _premise,
    "administration": _node,
    "node": _node,
    "parent": _node,
    "work_order_id": _work_order,
    "entry_id": _entry,
    "job_id": _job,
    "under": _under,
    "mode_change_id": _mode_change,
    "drawer_id": _drawer,
    "receipt_id": _receipt,
    "receipt_ids": _receipt,
}
"""Fields of operations that hold the natural key of a located thing, and how to find it."""


KEY_LIST_FIELDS: Final[dict[str, _Where]] = {"meters": _meters, "cash": _cash, "consumer_numbers": _numbers}
"""Fields of operations whose values are looked up together: thousands of keys, or rows."""
