"""Both trees as valid at one instant and known at another, compared with what was observed at the time."""

import random
from datetime import timedelta

import pytest
from tests.apps.town import START
from tests.conftest import begun_with
from tests.usecases.life import DAY, HOUR, connect, do, install_meter, stock

PLACES = 6


def then(valid_at, known_at):
    from urja.apps.overviews.queries.bitemporal import AsOf
    from urja.apps.overviews.queries.network_trees import TreesThen

    return TreesThen(AsOf(valid_at, known_at))


def seen(trees):
    """All nodes from the roots down, with their places and counts."""

    def under(node):
        counts = trees.counts([node]).get(node.id)
        return {
            "counts": counts and (counts.connections, counts.others, counts.meters),
            "path": [above.code for above in trees.path(node)],
            "here": [
                (one.consumer_number, one.phase, one.serial, one.premise, one.purpose)
                for one in trees.service_points_at(node, 100)
            ],
            "below": {below.code: under(below) for below in trees.children(node)},
        }

    return {f"{node.level} {node.code}": under(node) for node in trees.roots()}


def three_transformers(database):
    """Three transformers on two feeders, with connections on the first."""
    from urja.usecases.operations import add_transformer

    for code, feeder in (("T1", "F1"), ("T2", "F1"), ("T3", "F2")):
        add_transformer(code, feeder=feeder, recorded_at=START, actor="test")
    for number in range(1, PLACES + 1):
        stock(number)
        connect(f"C-{number}", grid="transformer T1", phase="R")
        install_meter(number, place=f"C-{number}")


database, grid = begun_with(three_transformers)


def transformer(code):
    from urja.apps.network.models import Node

    return Node.objects.get(level="transformer", code=code)


def numbers(trees, code):
    return [one.consumer_number for one in trees.service_points_at(transformer(code), 100)]


def test_a_connection_that_was_moved_is_known_there_from_then_on_and_until_it_was_undone(grid):
    from urja.usecases.operations import MoveServicePoint, Undo

    moved, learned, undone = START + 2 * HOUR, START + DAY, START + 2 * DAY
    entry = do(MoveServicePoint(consumer_number="C-3", grid="transformer T3", moved_at=moved), learned)
    do(Undo(entry_id=entry.id, reason="another house"), undone)
    for valid_at, known_at, there in (
        (moved, learned - HOUR, []),
        (moved, learned, ["C-3"]),
        (moved - HOUR / 60, learned, []),
        (undone + HOUR, undone - HOUR, ["C-3"]),
        (moved, undone, []),
    ):
        trees = then(valid_at, known_at)
        assert numbers(trees, "T3") == there
        assert ("C-3" in numbers(trees, "T1")) == (not there)
        counts = trees.counts([transformer("T1"), transformer("T3")])
        assert counts[transformer("T1").id].connections == PLACES - len(there)
        assert (transformer("T3").id in counts) == bool(there)


def test_a_node_is_moved_with_its_descendants(grid):
    from urja.apps.network.models import Node
    from urja.usecases.operations import MoveNode

    moved, learned = START + 3 * HOUR, START + DAY
    do(MoveNode(node="transformer T1", parent="feeder F2", moved_at=moved), learned)
    feeders = list(Node.objects.filter(level="feeder").order_by("code"))

    def under(valid_at, known_at):
        found = then(valid_at, known_at).counts(feeders)
        return [found[one.id].connections if one.id in found else 0 for one in feeders]

    assert under(moved, learned) == [0, PLACES]
    assert under(moved - HOUR, learned) == [PLACES, 0]
    assert under(moved, learned - HOUR) == [PLACES, 0]
    trees = then(moved, learned - HOUR)
    assert [node.code for node in trees.path(transformer("T1"))] == ["F1"]
    assert [node.code for node in trees.children(feeders[0])] == ["T1", "T2"]


def test_a_node_that_was_not_recorded_yet_is_not_shown(grid):
    from urja.usecases.operations import add_transformer

    add_transformer("T9", feeder="F9", recorded_at=START + DAY, actor="test")
    assert then(START + 2 * DAY, START + HOUR).named("T9") == []
    assert [node.code for node in then(START + 2 * DAY, START + DAY).named("T9")] == ["T9"]
    assert [node.code for node in then(START + DAY, START + DAY).roots()] == ["F1", "F2", "F9"]
    # It was under no node and no node under it: it did not exist, and is no root.
    assert [node.code for node in then(START, START + DAY).roots()] == ["F1", "F2", "F9"]
    assert then(START, START - HOUR).roots() == []


def test_a_root_that_is_placed_under_a_node_later_was_a_root(grid):
    """A transformer whose feeder was not recorded, with a connection below it."""
    from urja.apps.journal.operation import next_number
    from urja.apps.network.models import Node, Placement
    from urja.usecases.operations import MoveNode, MoveServicePoint

    stamp = {"recorded_at": START, "actor": "test"}
    for code in ("T4", "T5"):
        Node.objects.create(id=next_number(), tree="grid", level="transformer", code=code, **stamp)
    do(MoveServicePoint(consumer_number="C-1", grid="transformer T4", moved_at=START + HOUR), START + HOUR)
    for code in ("T4", "T5"):
        do(MoveNode(node=f"transformer {code}", parent="feeder F1", moved_at=START + DAY), START + DAY)
    assert Placement.objects.filter(node__code="T4").count() == 1
    assert [node.code for node in then(START + 2 * HOUR, START + DAY).roots()] == ["F1", "F2", "T4"]
    assert [node.code for node in then(START + DAY, START + DAY).roots()] == ["F1", "F2"]


def test_an_ended_placement_is_not_shown(grid):
    from urja.usecases.operations import DisconnectPermanently

    gone, learned = START + 4 * HOUR, START + DAY
    do(DisconnectPermanently(consumer_number="C-2", at=gone, register_wh=100), learned)
    assert "C-2" not in numbers(then(gone, learned), "T1")
    assert "C-2" in numbers(then(gone, learned - HOUR), "T1")
    assert "C-2" in numbers(then(gone - HOUR, learned), "T1")


def test_of_an_area_alone(grid):
    from urja.apps.network.models import ServicePoint

    mine = list(ServicePoint.objects.filter(consumer_number__in=["C-2", "C-5"]).values_list("id", flat=True))
    trees, node = then(START + DAY, START + DAY), transformer("T1")
    assert trees.counts([node], mine)[node.id].connections == 2
    assert [one.consumer_number for one in trees.service_points_at(node, 100, among=mine)] == ["C-2", "C-5"]
    assert [one.consumer_number for one in trees.service_points_at(node, 2, "C-2")] == ["C-3", "C-4"]
    assert trees.counts([node], []) == {}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 10))])
def test_the_past_is_what_was_seen_then(grid, seed):
    """Moves of the past and of the moment, and undone ones; after each the trees are looked at, now and of a past
    instant. All that is seen again in the end, from what is known by then of what was known.
    """
    from urja.apps.journal.errors import RegistryError
    from urja.apps.overviews.queries.network_trees import TreesNow
    from urja.usecases.operations import MoveNode, MoveServicePoint, Undo

    chance = random.Random(seed)
    looked, entries = [], []
    for turn in range(1, 25):
        now = START + DAY + turn * HOUR
        moved_at = now - chance.choice([0, 0, 1, 30, 90]) * timedelta(minutes=20)
        match chance.randrange(4):
            case 0 if entries:
                operation = Undo(entry_id=chance.choice(entries).id, reason="a mistake")
            case 1:
                code = chance.choice(["T1", "T2", "T3"])
                feeder = chance.choice(["F1", "F2"])
                operation = MoveNode(node=f"transformer {code}", parent=f"feeder {feeder}", moved_at=moved_at)
            case _:
                operation = MoveServicePoint(
                    consumer_number=f"C-{chance.randint(1, PLACES)}",
                    grid=f"transformer T{chance.randint(1, 3)}",
                    phase=chance.choice(["", "R", "Y"]),
                    moved_at=moved_at,
                )
        try:
            entries.append(do(operation, now))
        except RegistryError:
            continue
        before = now - chance.choice([1, 5, 20]) * HOUR
        looked.append((now, now, seen(TreesNow(now))))
        looked.append((before, now, seen(then(before, now))))
    assert len(looked) > 20
    for valid_at, known_at, was in looked:
        assert seen(then(valid_at, known_at)) == was
