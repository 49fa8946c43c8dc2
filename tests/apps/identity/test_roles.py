"""The table of roles has a row for each operation and read, and areas follow the nodes as they are at an instant."""

from datetime import timedelta

import pytest
from tests.apps.town import START, adopt, by_hand
from tests.conftest import begun_with

LATER = START + timedelta(days=10)
STAMP = {"recorded_at": START, "actor": "test"}


def test_every_operation_and_every_read_has_its_row(database):
    from urja.apps.identity.queries.roles import TABLE, Read, write_scope
    from urja.usecases.kinds import ALL

    assert {*TABLE} == {*Read} | {write_scope(operation.kind()) for operation in ALL}


def test_roles_are_those_of_staff_and_those_of_accounts(database):
    from urja.apps.identity.kinds import AccessRole, StaffRole
    from urja.apps.identity.queries.roles import Role

    assert {*Role} == {"consumer", "member"} | {*StaffRole.values}
    assert {*AccessRole.values} == {"owner", "member"}


WITHOUT_A_PLACE = {
    "close_difference",
    "note_difference",
    "add_transformer",
    "record_subsidy_payment",
    "sign_off_opening_balances",
    "upsert_from_system",
    "load_statement",
    "decide_claim",
    "reverse_claim",
}
"""Operations that name nothing which is in an area: for who is employed everywhere."""


def test_every_operation_says_where_it_is(database):
    from urja.apps.identity.queries.roles import roles_allowed, write_scope
    from urja.apps.overviews.queries.authorization import KEY_FIELDS
    from urja.usecases.kinds import ALL

    by_request = [operation for operation in ALL if roles_allowed(write_scope(operation.kind()))]
    fields = {operation.kind(): {*operation.__struct_fields__} & {*KEY_FIELDS} for operation in by_request}
    assert {kind for kind, names in fields.items() if not names} == WITHOUT_A_PLACE
    assert {name for names in fields.values() for name in names} == {*KEY_FIELDS}, "names that nothing has"


def test_a_scope_covers_itself_or_all_of_a_kind(database):
    from urja.apps.identity.queries.roles import scope_covers

    assert scope_covers("read:*", "read:device")
    assert scope_covers("read:device", "read:device")
    assert not scope_covers("read:*", "write:undo")
    assert not scope_covers("read:dev", "read:device")


def two_sections(database):
    """A division with a section, another section elsewhere; three supplies, one of them in a society."""
    from urja.apps.network.kinds import Tree
    from urja.apps.network.models import Node, NodePeriod, Placement, Premise

    made = [adopt(number, bucket=number) for number in (1, 2, 3)]
    nodes = {}
    for number, (level, code) in enumerate([("division", "D"), ("section", "A"), ("section", "B")], 701):
        nodes[code] = Node.objects.create(
            id=number, tree=Tree.ADMINISTRATION, level=level, code=code, **STAMP
        )
    NodePeriod.objects.create(
        id=1, node=nodes["A"], parent=nodes["D"], valid_from=START, valid_to=LATER, **STAMP
    )
    for one, code in zip(made, "AB", strict=False):
        Placement.objects.create(
            id=one.service_point_id + 9000, service_point_id=one.service_point_id, tree=Tree.ADMINISTRATION,
            node=nodes[code], valid_from=START, **STAMP,
        )  # fmt: skip
    society = Premise.objects.create(id=900, kind="society", name="S", code="S", **STAMP)
    tower = Premise.objects.create(id=901, kind="tower", name="T", parent=society, **STAMP)
    with by_hand():
        Premise.objects.filter(id=made[2].premise_id).update(parent=tower)
    return made


database, trees = begun_with(two_sections)


def employed(area, role="clerk", at=START):
    from urja.apps.identity.queries.access import caller_of_user
    from urja.usecases.operations import employ

    user = employ("x@example.org", "X", role, area, recorded_at=START, actor="test")
    return caller_of_user(user.pk, at)


def numbers(area, at):
    from urja.apps.network.models import ServicePoint
    from urja.apps.overviews.queries.areas import all_service_points, service_points, service_points_if_few

    found = ServicePoint.objects.filter(service_points(area, at)).order_by("consumer_number")
    if not area.everywhere:
        assert all_service_points(area, at) == sorted(place.id for place in found)
        assert service_points_if_few(area, at) == all_service_points(area, at)
    return [place.consumer_number[-1] for place in found]


@pytest.mark.parametrize(
    ("area", "at", "there"),
    [
        ("", START, ["1", "2", "3"]),
        ("division D", START, ["1"]),
        ("division D", LATER, []),
        ("section A", LATER, ["1"]),
        ("section B", START, ["2"]),
        ("premise S", START, ["3"]),
    ],
)
def test_an_area_is_the_service_points_below_it_at_that_instant(trees, area, at, there):
    from urja.apps.identity.queries.roles import Read

    assert numbers(employed(area).area(Read.SERVICE_POINT), at) == there


def test_two_roles_are_two_areas(trees):
    from urja.apps.identity.queries.roles import Read, write_scope

    employed("section A")
    caller = employed("premise S", "secretary")
    assert numbers(caller.area(Read.SERVICE_POINT), START) == ["1", "3"]
    assert numbers(caller.area(Read.AGREEMENT), START) == ["1"]
    assert caller.area(write_scope("add_transformer")) is not None
    assert caller.area(Read.OVERVIEW) is None


def test_who_is_dismissed_may_no_more(trees):
    from urja.apps.identity.queries.access import caller_of_user
    from urja.usecases.operations import dismiss

    caller = employed("section A")
    dismiss("x@example.org", "clerk", "section A", recorded_at=LATER, actor="test")
    assert caller_of_user(caller.user_id, LATER).grants == ()
    assert caller_of_user(caller.user_id, LATER - timedelta(seconds=1)).roles == ["clerk"]


@pytest.mark.parametrize(
    ("area", "serial", "outside"),
    [
        ("section A", "URJ00000001", False),
        ("section A", "URJ00000002", True),
        ("section A", "URJ00000009", True),
        ("premise S", "URJ00000003", False),
        ("premise S", "URJ00000001", True),
        ("", "URJ00000009", False),
    ],
)
def test_an_operation_is_judged_by_the_things_it_names(trees, area, serial, outside):
    from urja.apps.identity.errors import OutOfAreaError
    from urja.apps.overviews.queries.authorization import authorize
    from urja.usecases.operations import RemoveMeter

    caller = employed(area)
    removal = RemoveMeter(serial=serial, removed_at=LATER)
    if outside:
        with pytest.raises(OutOfAreaError):
            authorize(caller, removal, START)
    else:
        authorize(caller, removal, START)


def test_what_is_undone_is_judged_by_all_that_it_named(trees):
    """A balance that was moved to an account elsewhere is not taken back by a clerk of this area alone."""
    from urja.apps.identity.errors import OutOfAreaError
    from urja.apps.journal.models import AuditEntry
    from urja.apps.overviews.queries.authorization import authorize
    from urja.usecases.operations import Undo

    here, elsewhere, _ = trees
    caller = employed("section A")
    for number, to in enumerate((here, elsewhere), 901):
        content = {"consumer_number": "URJ00000001", "transfer_to": to.account_id, "register_wh": None}
        AuditEntry.objects.create(
            id=number, kind="move_out", content=content, service_point_id=here.service_point_id, **STAMP
        )
    authorize(caller, Undo(entry_id=901, reason="wrong account"), START)
    with pytest.raises(OutOfAreaError):
        authorize(caller, Undo(entry_id=902, reason="wrong account"), START)


def test_each_name_is_where_its_supply_is(trees):
    from urja.apps.identity.queries.roles import write_scope
    from urja.apps.journal.models import AuditEntry
    from urja.apps.overviews.queries.authorization import KEY_FIELDS, KEY_LIST_FIELDS
    from urja.apps.people.models import Person
    from urja.apps.work.kinds import WorkOrderKind
    from urja.apps.work.models import WorkOrder

    area = employed("section A").area(write_scope("move_out"))

    def named(supply, code):
        number = f"URJ{trees.index(supply) + 1:08}"
        order = WorkOrder.objects.create(
            id=supply.device_id,
            kind=WorkOrderKind.MAGNET,
            service_point_id=supply.service_point_id,
            opened_at=START,
        )
        return {
            "consumer_number": number,
            "serial": number,
            "consumer_id": Person.objects.get(user_id=supply.user_id).id,
            "transfer_to": supply.account_id,
            "node": f"section {code}",
            "under": f"section {code}",
            "work_order_id": order.id,
            "entry_id": AuditEntry.objects.get(kind="adoption", service_point_id=supply.service_point_id).id,
        }

    for supply, code, inside in ((trees[0], "A", True), (trees[1], "B", False)):
        found = {name: KEY_FIELDS[name](area, key, START) for name, key in named(supply, code).items()}
        assert found == dict.fromkeys(found, inside)
        assert KEY_LIST_FIELDS["meters"](area, [f"URJ{trees.index(supply) + 1:08}"], START) is inside
    nowhere = {"consumer_number": "x", "serial": "x", "consumer_id": 1, "transfer_to": 1, "node": "section X"}
    nowhere |= {"under": "section X", "work_order_id": 1, "entry_id": 10**9, "job_id": 1, "premise_code": "x"}
    assert {name for name, key in nowhere.items() if KEY_FIELDS[name](area, key, START) is not None} == set()


def test_a_meter_in_stock_is_nowhere(trees):
    from tests.apps.town import remove

    from urja.apps.identity.errors import OutOfAreaError
    from urja.apps.overviews.queries.authorization import authorize
    from urja.usecases.operations import InstallMeter

    remove(2, LATER)
    caller = employed("section A")

    def install(number, place):
        return InstallMeter(
            serial=f"URJ{number:08}", consumer_number=f"URJ{place:08}", installed_at=LATER, register_wh=0
        )

    authorize(caller, install(2, 1), START)
    for elsewhere in (install(2, 2), install(3, 1)):
        with pytest.raises(OutOfAreaError):
            authorize(caller, elsewhere, START)


def test_a_premise_is_in_an_area_with_all_that_is_in_it(trees):
    from urja.apps.identity.queries.roles import Read
    from urja.apps.network.models import Premise
    from urja.apps.overviews.queries.areas import holds_premise

    area = employed("section A").area(Read.TOTALS)
    assert holds_premise(area, trees[0].premise_id, START) is True
    assert holds_premise(area, 900, START) is False
    with by_hand():
        Premise.objects.filter(id=trees[0].premise_id).update(parent=900)
    assert holds_premise(area, 900, START) is False
    empty = Premise.objects.create(id=902, kind="tower", name="T", **STAMP)
    assert holds_premise(area, empty.id, START) is None
