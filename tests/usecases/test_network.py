"""Nodes and service points are placed elsewhere: from an instant on, with all below, and never over later records."""

from datetime import timedelta

import pytest
from tests.apps.town import START
from tests.conftest import begun_with
from tests.usecases.life import DAY, HOUR, connect, do, install_meter, stock
from tests.usecases.test_undoing import state

MOVED = START + 2 * HOUR


def with_trees(database):
    """Two substations, two transformers on feeders, a pole, two divisions, two sections; a connection at the pole."""
    from urja.apps.network.kinds import Tree
    from urja.apps.network.models import Node, NodePeriod
    from urja.usecases.operations import add_transformer

    add_transformer("T1", feeder="F1", recorded_at=START, actor="test")
    add_transformer("T2", feeder="F2", recorded_at=START, actor="test")
    stamp = {"recorded_at": START, "actor": "test"}
    for number, (tree, level, code) in enumerate(
        (
            (Tree.GRID, "substation", "SS1"),
            (Tree.GRID, "substation", "SS2"),
            (Tree.GRID, "pole", "P1"),
            (Tree.ADMINISTRATION, "division", "D1"),
            (Tree.ADMINISTRATION, "division", "D2"),
            (Tree.ADMINISTRATION, "section", "S1"),
            (Tree.ADMINISTRATION, "section", "S2"),
        ),
        start=901,
    ):
        Node.objects.create(id=number, tree=tree, level=level, code=code, **stamp)
    for child, parent in (("P1", "T1"), ("S1", "D1")):
        NodePeriod.objects.create(
            id=950 + NodePeriod.objects.count(),
            node=Node.objects.get(code=child),
            parent=Node.objects.get(code=parent),
            valid_from=START,
            **stamp,
        )
    stock(1)
    connect(administration="section S1", grid="pole P1", phase="R")
    install_meter()


database, trees = begun_with(with_trees)


def move_node(node, placed_under, at=MOVED, now=START + DAY):
    from urja.usecases.operations import MoveNode

    return do(MoveNode(node=node, parent=placed_under, moved_at=at), now)


def move(now=START + DAY, **more):
    from urja.usecases.operations import MoveServicePoint

    return do(MoveServicePoint(**({"consumer_number": "C-1", "moved_at": MOVED} | more)), now)


def refused(says, ask, *given, **more):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError, match=says):
        ask(*given, **more)


def installed(code):
    from urja.apps.network.models import NodePeriod

    periods = NodePeriod.objects.filter(node__code=code).order_by("valid_from")
    return list(periods.values_list("parent__code", "valid_from", "valid_to"))


def placed(tree="grid"):
    from urja.apps.network.models import Placement

    found = Placement.objects.filter(service_point__consumer_number="C-1", tree=tree).order_by("valid_from")
    return list(found.values_list("node__code", "phase", "valid_from", "valid_to"))


def test_a_root_is_placed_and_then_moved(trees):
    move_node("feeder F1", "substation SS1", START + HOUR)
    move_node("feeder F1", "substation SS2")
    assert installed("F1") == [("SS1", START + HOUR, MOVED), ("SS2", MOVED, None)]


def test_the_meters_below_a_pole_learn_of_their_new_transformer(trees, database):
    from urja.apps.assets.models import Projection
    from urja.apps.commissioning import device_entries as queries
    from urja.apps.journal.models import AuditEntry
    from urja.usecases.operations import Undo

    assert queries.due_entries(10)[0].transformer == "T1"
    known = Projection.objects.get().version
    made = move_node("pole P1", "transformer T2")
    moved = Projection.objects.get().version
    assert moved > known
    assert queries.due_entries(10)[0].transformer == "T2"
    do(Undo(entry_id=made.id, reason="another pole"), START + DAY)
    assert Projection.objects.get().version > moved
    assert queries.due_entries(10)[0].transformer == "T1"
    assert AuditEntry.objects.get(id=made.id).undone_by_id is not None


def test_the_head_end_learns_a_meters_area(trees):
    from urja.apps.commissioning import device_entries as queries

    assert queries.due_entries(10)[0].area == "section S1"


def test_areas_follow_a_section(trees):
    from urja.apps.identity.queries.access import Area
    from urja.apps.network.models import Node
    from urja.apps.overviews.queries.areas import all_service_points

    move_node("section S1", "division D2")
    one, other = (Area(nodes=frozenset({Node.objects.get(code=code).id})) for code in ("D1", "D2"))
    seen = {at: [len(all_service_points(area, at)) for area in (one, other)] for at in (START, MOVED)}
    assert seen == {START: [1, 0], MOVED: [0, 1]}


@pytest.mark.parametrize(
    ("node", "placed_under", "says"),
    [
        ("feeder F9", "substation SS1", "there is no feeder F9"),
        ("feeder F1", "moon 1", "'moon 1' is no node of the administration or the grid: give a level"),
        ("feeder F1", "transformer T1", "a feeder is placed under a higher level of the same hierarchy: substation"),
        ("feeder F1", "division D1", "a feeder is placed under a higher level of the same hierarchy"),
        ("substation SS1", "substation SS2", "a substation is placed under a higher level of the same hierarchy: none"),
        ("transformer T1", "feeder F1", "transformer T1 is placed there since .* already"),
    ],
)  # fmt: skip
def test_a_node_that_cannot_be_placed_there(trees, node, placed_under, says):
    refused(says, move_node, node, placed_under)


def test_a_node_is_named(trees):
    refused("name the node and its new parent", move_node, "", "feeder F1")


def test_nothing_is_run_over_that_comes_later(trees):
    move_node("transformer T1", "feeder F2")
    later = "changed at .* already: give a later instant, or undo that operation first"
    refused(later, move_node, "transformer T1", "feeder F1", START + HOUR)
    refused(later, move_node, "transformer T1", "feeder F1", MOVED)
    refused("is in the future", move_node, "transformer T1", "feeder F1", START + 2 * DAY)


def test_a_connection_moves_in_both_trees_and_keeps_its_phase(trees):
    made = move(administration="section S2", grid="transformer T2")
    assert placed() == [("P1", "R", START, MOVED), ("T2", "R", MOVED, None)]
    assert placed("administration") == [("S1", "", START, MOVED), ("S2", "", MOVED, None)]
    assert made.service_point_id is not None


def test_a_connection_on_another_phase_stays_where_it_is(trees):
    move(phase="Y")
    assert placed() == [("P1", "R", START, MOVED), ("P1", "Y", MOVED, None)]
    refused("service point C-1 is placed there since .* already", move, phase="Y", moved_at=MOVED + HOUR)


def test_an_unplaced_node_is_placed(trees):
    connect("C-2", premise_name="Banyan House")
    refused("service point C-2 is not placed in the grid: give", move, consumer_number="C-2", phase="Y")
    move(consumer_number="C-2", grid="transformer T2", phase="Y")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"consumer_number": "C-9", "grid": "transformer T1"}, "there is no service point C-9"),
        ({}, "give a section, a transformer or pole, or a phase"),
        ({"grid": "section S1"}, "'section S1' is no node of the grid: give a level"),
        ({"administration": "section S9"}, "there is no section S9"),
        ({"phase": "G"}, "a phase is R, Y, B, RYB, not G"),
        ({"grid": "pole P1"}, "service point C-1 is placed there since .* already"),
        ({"grid": "transformer T2", "moved_at": START}, "changed at .* already"),
        ({"grid": "transformer T2", "moved_at": START + 2 * DAY}, "is in the future"),
    ],
)
def test_a_connection_that_cannot_move(trees, asked, says):
    refused(says, move, **asked)


def test_undoing_places_it_where_it_was(trees, database):
    from urja.usecases.operations import Undo

    with database.connect() as connection:
        before = state(connection)
        made = [move(grid="transformer T2", phase="B").id, move_node("transformer T2", "feeder F1").id]
        assert state(connection) != before
        for entry in reversed(made):
            do(Undo(entry_id=entry, reason="a mistake"), START + DAY + timedelta(minutes=1))
        assert state(connection) == before


def test_a_later_move_stands_on_an_earlier_one(trees):
    from urja.usecases.operations import Undo

    first = move(grid="transformer T2")
    second = move(grid="transformer T1", moved_at=MOVED + HOUR)
    undo = Undo(entry_id=first.id, reason="a mistake")
    refused(f"operation {second.id} .move_service_point. came after", do, undo, START + DAY)
