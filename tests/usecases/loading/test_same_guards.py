"""A row of a file is refused by the same guards as the operation on a screen, in the same words."""

from datetime import timedelta

import pytest
from tests.apps.town import START
from tests.usecases.loading.test_consumers import row
from tests.usecases.loading.test_other_kinds import installation_cells, meter

FIRST, SECOND, VACANT = "1001000001", "1001000002", "1001000003"


@pytest.fixture
def loaded(loaded):
    from urja.usecases.operations import employ

    employ("clerk@utility.example", "Clerk", "clerk", recorded_at=START, actor="test")
    return loaded


def connect(**asked):
    from urja.usecases.operations import NewConnection

    given = {"consumer_number": "7", "connected_at": START, "premise_name": "7"}
    return NewConnection(**given | asked)


def move_in(**asked):
    from urja.usecases.operations import MoveIn

    given = {
        "consumer_number": VACANT,
        "at": START,
        "tariff_code": "demo-domestic",
        "sanctioned_load_w": 5000,
    }
    return MoveIn(**given | {"name": "Meera Devi", "email": "new@example.org"} | asked)


def install(**asked):
    from urja.usecases.operations import InstallMeter

    given = {"consumer_number": VACANT, "serial": "URJ00000002", "installed_at": START, "register_wh": 0}
    return InstallMeter(**given | asked)


def receive(**asked):
    from urja.usecases.operations import Delivered, ReceiveDevices

    given = {"serial": "M1", "system_title": bytes(8), "device_type": "urja-d1", "interval_s": 1800}
    keys = {"max_power_w": 14_400, "wrapped_guek": b"x", "wrapped_gak": b"x"}
    return ReceiveDevices(delivery="1", store="Store 4", devices=(Delivered(**given | keys | asked),))


def move(**asked):
    from urja.usecases.operations import MoveServicePoint

    return MoveServicePoint(**{"consumer_number": FIRST, "moved_at": START} | asked)


def install_meter(**asked):
    from urja.usecases.operations import MoveNode

    return MoveNode(**{"moved_at": START} | asked)


def convert(**bill):
    from datetime import date

    from urja.usecases.kinds.agreements import Bill
    from urja.usecases.operations import ConvertToPrepaid

    bills = (Bill(**{"bill": "X", "due_on": date(2026, 1, 1), "principal_minor": 0} | bill),)
    return ConvertToPrepaid(consumer_number=SECOND, effective_on=START.date(), bills=bills, billed_here=False)


def upsert(**asked):
    from urja.usecases.operations import UpsertFromSystem

    return UpsertFromSystem(system="sap", object="premise", external_id="1", attributes=asked)


LATER = "2026-03-09T00:00:00+05:30"
CASES = {
    "section": ("consumers", row(7, section="S9"), lambda: connect(administration="section S9")),
    "transformer": ("consumers", row(7, transformer="T9"), lambda: connect(grid="transformer T9")),
    "licensee": ("consumers", row(7, licensee="L9"), lambda: connect(licensee="L9")),
    "coordinates": ("premises", {"code": "X", "latitude": "26.1"}, lambda: upsert(code="X", latitude="26.1")),
    "tariff": ("consumers", row(VACANT, tariff_code="gone", since="2026-03-02"), lambda: move_in(tariff_code="gone")),
    "policy": ("consumers", row(VACANT, policy="gone"), lambda: move_in(policy="gone")),
    "purpose": ("consumers", row(7, purpose="bulk"), lambda: move_in(consumer_number="B")),
    "the future": ("consumers", row(VACANT, since=LATER), lambda: move_in(at=START + timedelta(days=7))),
    "staff": ("consumers", row(VACANT, email="clerk@utility.example"), lambda: move_in(email="clerk@utility.example")),
    "no connection": ("devices", {"serial": "URJ00000002", **installation_cells("9")}, lambda: install(consumer_number="9")),
    "installed elsewhere": ("devices", {"serial": "URJ00000001", **installation_cells(SECOND, "2026-03-02")},
                        lambda: install(serial="URJ00000001")),
    "seal": ("devices", {"serial": "URJ00000002", "seals": "A17", **installation_cells(SECOND)}, lambda: install(seals=("A17",))),
    "system title": ("devices", meter(1, system_title="55524a0000000001"),
                     lambda: receive(system_title=bytes.fromhex("55524a0000000001"))),
    "SIM": ("devices", meter(1, sim="8991"), lambda: receive(sim="8991")),
    "moved before": ("placements", {"consumer_number": FIRST, "transformer": "T9"}, lambda: move(grid="transformer T9")),
    "level": ("networks", {"level": "feeder", "code": "F1", "parent": "Z1", "parent_level": "zone", "since": "2026-03-02"},
              lambda: install_meter(node="feeder F1", parent="zone Z1")),
    "no dues": ("balances", {"consumer_number": SECOND, "bill": "X", "due_on": "2026-01-01"}, convert),
}  # fmt: skip


def test_a_licensee_of_another_commodity_is_refused_by_every_writer(loaded):
    """Files and outside systems did not ask what a licensee supplies."""
    from urja.apps.journal.errors import RefusedError
    from urja.apps.network.models import Licensee, Utility
    from urja.usecases.operations import UpsertFromSystem, perform

    made = {"recorded_at": START, "actor": "test"}
    utility = Utility.objects.create(id=1, name="Utility", **made)
    Licensee.objects.create(id=2, utility=utility, commodity="gas", code="G", name="Gas", **made)
    said = "licensee G supplies gas, not electricity"
    for number in ("7", FIRST):
        assert [
            one.sentence for one in loaded("consumers", [{"consumer_number": number, "licensee": "G"}]).first
        ] == [said]
    attributes = {"consumer_number": "7", "licensee": "G"}
    system = UpsertFromSystem(system="sap", object="service_point", external_id="7", attributes=attributes)
    for operation in (connect(licensee="G"), system):
        with pytest.raises(RefusedError) as refused:
            perform(operation, recorded_at=loaded.clock.now(), actor="test")
        assert refused.value.faults == [said]


@pytest.mark.parametrize("case", CASES)
def test_a_row_is_refused_as_the_operation_is(loaded, case):
    from urja.apps.journal.errors import RefusedError
    from urja.usecases.operations import perform

    kind, given, operation = CASES[case]
    if case == "SIM":
        loaded("devices", [{"serial": "URJ00000001", "sim": "8991"}])
    if case == "purpose":
        loaded("consumers", [{"consumer_number": "B", "purpose": "bulk"}])
    with pytest.raises(RefusedError) as refused:
        perform(operation(), recorded_at=loaded.clock.now(), actor="test")
    report = loaded(kind, [given])
    said = {one.sentence.replace("service point 7 ", "service point B ") for one in report.first}
    assert said
    assert said <= set(refused.value.faults)
    assert not report.written


def test_a_row_that_the_database_refuses_is_left_out_alone(loaded):
    """What no guard foresees is found among many by halves, and the others go in."""
    from urja.apps.assets.models import DevicePeriod

    rows = [meter(n, **installation_cells(FIRST if n == 3 else f"C{n}")) for n in range(1, 8)]
    loaded("consumers", [{"consumer_number": f"C{n}"} for n in range(1, 8)])
    report = loaded("devices", rows, good_rows=True)
    assert [(one.n, one.sentence) for one in report.first] == [
        (4, "another device is installed there in this role at that time")
    ]
    installed = DevicePeriod.objects.filter(device__serial__startswith="M").values_list(
        "device__serial", flat=True
    )
    assert sorted(installed) == ["M1", "M2", "M4", "M5", "M6", "M7"]
