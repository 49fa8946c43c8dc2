"""A society is set up in one operation, from its name and the ranges of its flats; its sheet then finds the flats."""

import pytest
from click.testing import CliRunner
from tests.apps.town import START
from tests.usecases.life import do
from tests.usecases.loading.filing import Loader

from urja.usecases.kinds.societies import Tower


def society(**changed):
    from urja.usecases.operations import SetUpSociety

    values = {
        "name": "Green Acres",
        "towers": (
            Tower(name="A", first_flat=101, last_flat=1204),
            Tower(name="B", first_flat=1, last_flat=202),
        ),
        "common_areas": ("Lifts", "Pump house"),
        "bulk": True,
        "generator": True,
        "address": "12 Ring Road",
        "connected_at": START,
    }
    return SetUpSociety(**values | changed)


def told(**changed):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError) as refused:
        do(society(**changed))
    return refused.value.faults


def numbers():
    from urja.apps.network.models import ServicePoint

    return dict(ServicePoint.objects.values_list("consumer_number", "purpose"))


def test_a_dry_run_shows_it_and_makes_nothing(database):
    from urja.usecases.operations import dry_run_changes

    changes = dry_run_changes(society(), recorded_at=START, actor="clerk")
    made = [one.table for one in changes]
    # 48 and 6 flats, two common areas, bulk supply and generator; their premises, two towers and the society.
    assert made.count("network_service_point") == 58
    assert made.count("network_premise") == 48 + 6 + 2 + 2 + 1
    assert numbers() == {}


def test_its_flats_are_those_that_its_sheet_names(database, tmp_path, stepped_clock):
    from tests.pipeline.test_post import load as load_tariff

    from urja.apps.contracts.models import Agreement
    from urja.apps.network.models import Premise, ServicePoint
    from urja.apps.work.models import WorkOrder

    do(society())
    found = numbers()
    assert [found[number] for number in ("GA-BULK", "GA-DG", "GA-COMMON-1", "GA-A-101", "GA-A-1204", "GA-B-001")] == [
        "bulk", "dg", "common_area", "consumer", "consumer", "consumer",
    ]  # fmt: skip
    assert "GA-A-1205" not in found
    flat = ServicePoint.objects.get(consumer_number="GA-B-202").premise
    assert (flat.name, flat.parent.name, flat.parent.parent.code) == ("B-202", "B", "GA")
    assert WorkOrder.objects.count() == 0
    load_tariff()
    before = Premise.objects.count()
    report = Loader(tmp_path, stepped_clock)(
        "consumers",
        [
            {
                "consumer_number": "GA-A-101", "society": "Green Acres", "tower": "A", "premise_name": "A-101",
                "premise_kind": "flat", "person_name": "Meera", "since": "2026-03-02", "tariff_code": "demo",
                "sanctioned_load_w": "3000",
            }
        ],
    )  # fmt: skip
    assert (report.written, report.faulty) == (True, 0), report.first
    assert Premise.objects.count() == before
    assert Agreement.objects.get().service_point.consumer_number == "GA-A-101"


def test_it_is_undone_whole(database):
    from urja.apps.network.models import Premise
    from urja.usecases.operations import Undo

    entry = do(society())
    do(Undo(entry_id=entry.pk, reason="another society"))
    assert (numbers(), Premise.objects.count()) == ({}, 0)


NO_FLOORS = """the flats 104 to 1201 of tower 'A' are no floors with the same flats: give the first flat of the lowest \
floor and the last of the highest, such as 101 and 1204"""


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"name": " "}, "give the name of the society"),
        ({"name": "हरियाली"}, "the name has no letters from which consumer numbers could begin: give a prefix"),
        ({"towers": ()}, "give at least one tower with its flats"),
        ({"towers": (Tower(name="A", first_flat=104, last_flat=1201),)},
         NO_FLOORS),
        ({"towers": (Tower(name="A", first_flat=101, last_flat=9999),) * 2}, "tower A is given twice"),
        ({"towers": (Tower(name="A", first_flat=1, last_flat=99_999),)},
         "99000 flats are more than 5000: set it up in parts"),
        ({"common_areas": ("Lift", "lift")}, "common area LIFT is given twice"),
        ({"administration": "section North-2"}, "there is no section North-2"),
        ({"prefix": "X" * 30}, "a consumer number has 1 to 32 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_sentence(database, changed, fault):
    assert fault in told(**changed)


def test_a_second_one_is_refused(database):
    do(society())
    assert "another premise has the code 'GA': give the society another code" in told()


def test_the_command_makes_a_dry_run_first(database, monkeypatch, tmp_path, stepped_clock):
    from urja.site import admin
    from urja.site.cli.society import society as command

    installation = type("Box", (), {"clock": stepped_clock, "setup_django": lambda _self: None})()
    monkeypatch.setattr(admin.Administration, "of", lambda _data: installation)
    arguments = ["Green Acres", "--tower", "A=101-204", "--common", "Lifts", "--dg"]
    seen = CliRunner().invoke(command, arguments)
    assert seen.output.splitlines() == [
        "bulk: 1 (GA-BULK)",
        "dg: 1 (GA-DG)",
        "common_area: 1 (GA-COMMON-1)",
        "consumer: 8 (GA-A-101 to GA-A-204)",
        "Green Acres can be set up like this: give --yes",
    ]
    assert numbers() == {}
    assert CliRunner().invoke(command, [*arguments, "--yes"]).output.endswith("Green Acres is set up\n")
    assert len(numbers()) == 11
    bad = CliRunner().invoke(command, ["X", "--tower", "A"])
    assert "--tower A is no tower with its first and last flat" in str(bad.exception)
