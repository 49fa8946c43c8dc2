"""A new connection, step by step: the service point, the work order, the meter with seals and photograph."""

from datetime import timedelta

import pytest
from tests.apps.town import START
from tests.apps.work.test_work import JPEG
from tests.conftest import begun_with
from tests.usecases.life import DAY, HOUR, connect, do, install_meter, stock


def with_trees(database):
    from urja.apps.network.models import Node
    from urja.usecases.operations import add_transformer

    add_transformer("T1", feeder="F1", recorded_at=START, actor="test")
    Node.objects.create(
        id=900, tree="administration", level="section", code="North-2", recorded_at=START, actor="test"
    )


database, trees = begun_with(with_trees)


def refused(says, **more):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError, match=says):
        connect(**more)


def test_a_connection_stands_in_both_trees_and_waits_for_a_meter(trees):
    from urja.apps.network import queries
    from urja.apps.network.models import Placement, ServicePoint
    from urja.apps.overviews.queries.work_orders import everywhere

    made = connect(
        administration="section North-2",
        grid="transformer T1",
        phase="R",
        note="by the well",
        due_at=START + DAY,
    ).outcome
    place = ServicePoint.objects.get(consumer_number="C-1")
    assert place.premise.name == "Neem House"
    assert place.id >> 40 == place.premise_id >> 40
    assert queries.transformers_of([place.id]) == {place.id: "T1"}
    assert set(Placement.objects.values_list("tree", "node__code", "phase")) == {
        ("administration", "North-2", ""),
        ("grid", "T1", "R"),
    }
    (order,) = everywhere(9)
    assert (order.kind, order.serial, order.due_at) == ("install", None, START + DAY)
    assert (order.id, order.asked["note"]) == (made["work_order_id"], "by the well")


def test_a_flat_is_part_of_its_society_and_a_second_connection_of_its_flat(trees):
    from urja.apps.network.models import Premise

    connect("S-0", premise_name="Neem Society", premise_code="NEEM", premise_kind="society", purpose="bulk")
    connect("A-1", premise_name="Flat 1", premise_code="NEEM/1", premise_kind="flat", part_of="NEEM")
    connect("A-2", premise_name="", premise_code="NEEM/1")
    flat = Premise.objects.get(code="NEEM/1")
    assert (flat.parent.code, flat.service_points.count(), Premise.objects.count()) == ("NEEM", 2, 2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"number": ""}, "1 to 32 characters"),
        ({"premise_name": ""}, "give the name of a new premise"),
        ({"premise_kind": "castle"}, "a premise is house, flat.*not 'castle'"),
        ({"purpose": "fun"}, "not 'fun'"),
        ({"phase": "X"}, "a phase is R, Y, B, RYB, not 'X'"),
        ({"part_of": "ELM"}, "there is no premise ELM"),
        ({"licensee": "L"}, "there is no licensee L"),
        ({"grid": "transformer T9"}, "there is no transformer T9"),
        ({"grid": "section North-2"}, "is no node of the grid"),
        ({"administration": "North-2"}, "is no node of the administration"),
    ],
)
def test_what_is_missing_is_said(trees, change, says):
    refused(says, **change)


def test_a_number_is_given_once(trees):
    connect()
    refused("service point C-1 exists already")


def test_the_meter_closes_the_order_with_register_seals_and_photograph(trees):
    from urja.apps.assets.models import Seal
    from urja.apps.work.models import WorkOrder
    from urja.apps.work.requests import add_photo

    number = connect().outcome["work_order_id"]
    meter = stock(1)
    photo = add_photo(number, JPEG, recorded_at=START, actor="anil")
    made = install_meter(1, seals=("S-1", "S-2"), photos=(photo.id,)).outcome
    order = WorkOrder.objects.get(id=number)
    assert (order.state, order.closed_at, made["work_order_id"]) == ("done", START + HOUR, number)
    assert (order.result["register_wh"], order.result["seals"]) == (100, ["S-1", "S-2"])
    assert order.result["photos"] == [photo.id]
    assert set(Seal.objects.values_list("number", "device_id")) == {("S-1", meter.id), ("S-2", meter.id)}
    meter.refresh_from_db()
    assert meter.stock == "installed"


def test_what_cannot_be_placed(trees):
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import InstallMeter

    connect()
    stock(1)
    operation = InstallMeter(
        consumer_number="C-1",
        serial="URJ00000001",
        installed_at=START + timedelta(days=3),
        register_wh=-1,
        photos=(4,),
        seals=("S", "S"),
    )
    with pytest.raises(RefusedError) as refused:
        do(operation, START + HOUR)
    assert len(refused.value.faults) == 4
    for fault, says in zip(
        refused.value.faults, ("cannot read -1", "is in the future", "photo 4", "given twice"), strict=True
    ):
        assert says in fault


def test_undoing_goes_back_step_by_step(trees):
    from urja.apps.journal.errors import RefusedError
    from urja.apps.network.models import Premise, ServicePoint
    from urja.apps.work.models import WorkOrder
    from urja.usecases.operations import Undo

    connection = connect()
    with_meter = connect("C-2", premise_name="Other")
    stock(1)
    installation = install_meter(1, place="C-2")
    with pytest.raises(RefusedError, match=rf"operation {installation.id} \(install_meter\) came after"):
        do(Undo(entry_id=with_meter.id, reason="x"))
    do(Undo(entry_id=installation.id, reason="the wrong house"), START + DAY)
    with pytest.raises(RefusedError, match="is done: the work at the meter cannot be undone"):
        do(Undo(entry_id=with_meter.id, reason="x"))
    do(Undo(entry_id=connection.id, reason="never asked for"), START + DAY)
    assert (ServicePoint.objects.get().consumer_number, Premise.objects.count()) == ("C-2", 1)
    assert WorkOrder.objects.get().state == "done"
