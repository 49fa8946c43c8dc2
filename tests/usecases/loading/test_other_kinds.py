"""Networks, premises, placements, meters and balances by file."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.usecases.loading.filing import KEYS, example, read, some_map

from urja.usecases.loading import as_toml, parse

MIDNIGHT = datetime(2026, 2, 28, 18, 30, tzinfo=UTC)
KINDS = ("premises", "networks", "consumers", "placements", "devices", "balances")


def told(report):
    return [(one.n, one.field, one.sentence) for one in report.first]


def test_all_examples_load_one_on_the_other_and_once(loaded):
    from urja.apps.journal.models import AuditEntry

    for kind in KINDS:
        again = loaded(kind, example(kind))
        assert (again.faulty, again.counts) == (0, {}), (kind, again.first)
    assert AuditEntry.objects.filter(kind="import").count() == len(KINDS)


def test_networks_are_placed_under_each_other_whatever_the_order_of_their_rows(load):
    from urja.apps.network.models import Node, NodePeriod

    load("networks", list(reversed(example("networks"))))
    installation_cells = {
        p.node.code: p.parent.code for p in NodePeriod.objects.select_related("node", "parent")
    }
    assert installation_cells == {"S1": "Z1", "F1": "SS1", "T1": "F1", "T1/7": "T1"}
    transformer = Node.objects.get(code="T1")
    assert (transformer.tree, transformer.rating_va, float(transformer.latitude)) == (
        "grid",
        100_000,
        26.8467,
    )


def test_a_transformer_on_another_feeder_is_dated(loaded):
    from urja.apps.network.models import NodePeriod

    moved = {"level": "transformer", "code": "T1", "parent": "F2"}
    feeder = {"level": "feeder", "code": "F2", "parent": "SS1"}
    assert loaded("networks", [feeder, moved | {"since": "2026-03-02"}]).faulty == 1, (
        "it is placed there since a later instant"
    )
    loaded.clock.advance(timedelta(days=3))
    loaded("networks", [feeder, moved | {"since": "2026-03-04"}])
    assert [(p.parent.code, p.valid_to is None) for p in NodePeriod.objects.filter(node__code="T1").order_by("valid_from")] == [
        ("F1", False), ("F2", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "field", "sentence"),
    [
        ({"level": "feeder", "code": "F9", "parent": "S1", "parent_level": "section"}, "row",
         "a feeder is placed under a higher level of the same hierarchy: substation"),
        ({"level": "zone", "code": "Z9", "parent": "Z1"}, "row",
         "a zone is placed under a higher level of the same hierarchy: none"),
        ({"level": "feeder", "code": "F9", "parent": "SS9"}, "row", "there is no substation SS9"),
        ({"level": "feeder", "code": "F9", "rating_va": "5"}, "rating_va", "only a transformer has a rating"),
        ({"level": "feeder", "code": "F9", "licensee": "L"}, "row", "there is no licensee L"),
    ],
)  # fmt: skip
def test_what_a_network_cannot_be(loaded, row, field, sentence):
    assert (2, field, sentence) in told(loaded("networks", [row]))


def test_an_empty_cell_changes_nothing(loaded):
    rows = [{"level": "feeder", "code": "F1", "parent": "", "name": "", "latitude": ""}]
    assert loaded("networks", rows).counts == {}


def test_a_row_below_a_faulty_one_is_left_out_too(load):
    from urja.apps.network.models import Node

    rows = [
        {"level": "substation", "code": "SS1", "latitude": "north"},
        {"level": "feeder", "code": "F1", "parent": "SS1"},
        {"level": "transformer", "code": "T1", "parent": "F1"},
        {"level": "substation", "code": "SS2"},
    ]
    report = load("networks", rows, good_rows=True)
    assert (report.faulty, list(Node.objects.values_list("code", flat=True))) == (3, ["SS2"])


def test_premises_lie_in_each_other_in_one_bucket(load):
    from urja.apps.network.models import Premise

    load("premises", list(reversed(example("premises"))))
    flat = Premise.objects.get(code="GA-A-101")
    assert (flat.parent.code, flat.parent.parent.code, flat.parent.parent.kind) == ("GA-A", "GA", "society")
    assert flat.bucket == flat.parent.bucket == flat.parent.parent.bucket
    load("consumers", [{"consumer_number": "1", "premise_code": "GA-A-101"}])
    assert flat.service_points.get().consumer_number == "1"


def test_premises_that_would_lie_in_themselves(loaded):
    rows = [
        {"code": "A", "parent": "B"},
        {"code": "B", "parent": "A"},
        {"code": "C", "parent": "C"},
        {"code": "GA", "parent": "GA-A"},
    ]
    assert {(n, sentence) for n, _, sentence in told(loaded("premises", rows))} == {
        (2, "it is part of itself, or more than 6 levels deep"),
        (3, "it is part of itself, or more than 6 levels deep"),
        (4, "it is part of itself, or more than 6 levels deep"),
        (5, "premise GA cannot be part of a premise that belongs to it"),
    }


def test_a_service_point_is_moved_from_a_day_on(loaded):
    from urja.apps.network.models import Placement
    from urja.apps.network.queries import transformers_of

    loaded("networks", [{"level": "transformer", "code": "T2", "parent": "F1"}])
    loaded.clock.advance(timedelta(days=5))
    refused = loaded(
        "placements", [{"consumer_number": "1001000001", "transformer": "T2", "since": "2026-02-01"}]
    )
    assert told(refused) == [
        (
            2,
            "row",
            "the placement of service point 1001000001 changed at 2026-02-28T18:30:00+00:00 already: give a later instant, or undo that operation first",
        )
    ]
    report = loaded(
        "placements", [{"consumer_number": "1001000001", "transformer": "T2", "since": "2026-03-05"}]
    )
    assert report.counts == {"placement: changed": 1, "placement: new": 1}
    now = Placement.objects.get(service_point__consumer_number="1001000001", tree="grid", valid_to=None)
    assert (now.node.code, now.phase) == ("T2", "R"), "a file that does not know phases keeps them"
    assert transformers_of([now.service_point_id]) == {now.service_point_id: "T2"}


def test_meters_come_with_wrapped_keys_registers_and_accruals(loaded, database):
    from urja.apps.assets.models import Device, DevicePeriod, Seal
    from urja.apps.commissioning import device_entries as queries

    installed, stored = Device.objects.order_by("serial")
    assert KEYS.unwrap(bytes(installed.wrapped_guek)) == bytes(range(16))
    assert (installed.stock, stored.stock, stored.held_by) == ("installed", "delivered", "Store 4")
    assert (installed.interval_s, installed.load_switch, installed.nameplate) == (
        1800, True, {"manufacturer": "URJ", "year": "2025", "category": "D1"},
    )  # fmt: skip
    period = DevicePeriod.objects.get()
    assert (period.service_point.consumer_number, period.valid_from, period.taken_over_at, period.commissioned_at, period.role) == (
        "1001000001", MIDNIGHT, MIDNIGHT, None, 1,
    )  # fmt: skip
    assert sorted(Seal.objects.values_list("number", flat=True)) == ["A17", "A18"]
    with database.connect() as connection:
        rows = connection.execute("SELECT opening_value, anchor_at, latest FROM readings_accrual").fetchall()
        assert rows == [(12_000, MIDNIGHT, True)]
    assert {due.serial: due.active for due in queries.due_entries(10)} == {
        "URJ00000001": True, "URJ00000002": False,
    }  # fmt: skip


def meter(number, **changes):
    return {
        "serial": f"M{number}",
        "system_title": f"{number:016x}",
        "type": "urja-d1",
        "guek": "00" * 16,
        "gak": "11" * 16,
    } | changes


def installation_cells(place, since="2026-03-01", register="0", **changes):
    return {"consumer_number": place, "installed_at": since, "register_wh": register} | changes


def test_a_meter_with_two_installations_is_two_rows(loaded):
    from urja.apps.assets.models import Device, DevicePeriod

    loaded.clock.advance(timedelta(days=20))
    report = loaded(
        "devices",
        [
            meter(1, **installation_cells("1001000003", "2026-03-10", "700")),
            meter(
                1,
                **installation_cells(
                    "1001000002", "2026-03-01", "100", removed_at="2026-03-08", last_register_wh="700"
                ),
            ),
        ],
    )
    assert report.counts == {"device: new": 1, "device_period: new": 2, "register: new": 3}
    assert Device.objects.get(serial="M1").stock == "installed"
    assert DevicePeriod.objects.filter(device__serial="M1").count() == 2


def gas_meter(number, **changes):
    return meter(
        number, **{"type": "urja-g1", "consumer_number": "G-1", "installed_at": "2026-03-01"} | changes
    )


def test_gas_meters_have_their_registers_in_cubic_metres(loaded, database):
    loaded("consumers", [{"consumer_number": "G-1", "commodity": "gas", "premise_name": "17"}])
    loaded.clock.advance(timedelta(days=20))
    names = ("system_title", "type", "guek", "gak", "consumer_number", "installed_at", "removed_at")
    metres = some_map("devices", "serial", *names)
    in_metres = parse(
        as_toml(metres)
        + 'register_l = { column = "Index m³", unit = "m³" }\nlast_register_l = { column = "Last m³", unit = "m³" }\n'
    )
    rows = [gas_meter(1, removed_at="2026-03-08", **{"Index m³": "5.125", "Last m³": "6.250"})]
    report = loaded("devices", rows, in_metres)
    assert (report.faulty, report.counts["register: new"]) == (0, 2), report.first
    with database.connect() as connection:
        reads = connection.execute(
            "SELECT values[1] FROM readings.register r JOIN network.service_point s ON s.id = r.service_point_id"
            " WHERE s.consumer_number = 'G-1' ORDER BY read_at"
        )
        assert reads.fetchall() == [(5_125,), (6_250,)]
    again = loaded("devices", [gas_meter(1, register_l="5126", removed_at="2026-03-08")])
    assert told(again) == [(2, "register_l", "the register was read as 5125 L")]


def test_a_register_in_the_column_of_the_other_commodity_is_a_fault(loaded):
    loaded("consumers", [{"consumer_number": "G-1", "commodity": "gas", "premise_name": "17"}])
    loaded.clock.advance(timedelta(days=20))
    rows = [
        gas_meter(1, register_wh="5"),
        gas_meter(2),
        meter(3, **installation_cells("1001000002"), last_register_l="5"),
        gas_meter(4, register_l="7", removed_at="2026-03-08", last_register_l="6"),
    ]
    assert told(loaded("devices", rows)) == [
        (2, "register_wh", "it is a gas meter"),
        (3, "register_l", "the meter is installed, and it is empty"),
        (4, "last_register_l", "it is a meter of electricity"),
        (5, "row", "meter M4 read 7 L when it was installed: it cannot have read 6 L when it was removed"),
    ]


def test_of_a_meters_rows_the_good_ones_go_in(loaded):
    from urja.apps.assets.models import Device, DevicePeriod

    loaded.clock.advance(timedelta(days=20))
    rows = [
        meter(
            1, **installation_cells("9", "2026-03-01", "100", removed_at="2026-03-08", last_register_wh="700")
        ),
        meter(1, **installation_cells("1001000003", "2026-03-10", "700")),
    ]
    assert loaded("devices", rows, good_rows=True).faulty == 1
    assert DevicePeriod.objects.get(device__serial="M1").service_point.consumer_number == "1001000003"
    assert Device.objects.get(serial="M1").stock == "installed"


def test_a_meter_in_stock_is_installed(loaded):
    from urja.apps.assets.models import Device

    report = loaded("devices", [{"serial": "URJ00000002", **installation_cells("1001000002")}])
    assert report.counts == {"device: changed": 1, "device_period: new": 1, "register: new": 1}
    device = Device.objects.get(serial="URJ00000002")
    assert (device.stock, device.held_by) == ("installed", "")


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([meter(1, system_title="55524a0000000001")], (2, "row", "system title 55524a0000000001 belongs to meter URJ00000001 already")),
        ([meter(1), meter(2, system_title=f"{1:016x}")], (3, "row", "system title 0000000000000001 belongs to meter M1 already")),
        ([meter(1, guek="00")], (2, "guek", "it has 1 bytes, not 16")),
        ([meter(1, gak="")], (2, "gak", "the meter is new here, and it is empty")),
        ([meter(1, type="x")], (2, "type", "there is no such device type")),
        ([meter(1, stock="installed")], (2, "stock", "the meter is not installed")),
        ([meter(1, **installation_cells("1001000001"))], (2, "row", "another device is installed there in this role at that time")),
        ([meter(1, **installation_cells("1001000002")), meter(2, **installation_cells("1001000002", "2026-03-02"))],
         (3, "row", "another device is installed there in this role at that time")),
        ([meter(1, **installation_cells("1001000002")), meter(1, **installation_cells("1001000003", "2026-03-02"))],
         (3, "row", "meter M1 is installed at 1001000002: remove it there first")),
        ([meter(1, **installation_cells("9"))], (2, "row", "there is no service point 9")),
        ([{"serial": "URJ00000001", **installation_cells("1001000001", "2026-03-01", "11000")}],
         (2, "register_wh", "the register was read as 12000 Wh")),
        ([{"serial": "URJ00000001", **installation_cells("1001000002", "2026-03-02")}],
         (2, "row", "meter URJ00000001 is installed at 1001000001: remove it there first")),
        ([{"serial": "URJ00000002", "stock": "tested"}], (2, "stock", "the stock has it as delivered")),
        ([meter(1, address="tcp://10.20.0.9:4060?address=3")],
         (2, "address", "'tcp://10.20.0.9:4060?address=3': the meter's physical address, address=16 to 16381, is needed")),
        ([meter(1, seals="A17")], (2, "row", "seal A17 was put on meter URJ00000001 at 2026-02-28T18:30:00+00:00 already: each number is used once")),
    ],
)  # fmt: skip
def test_what_a_meter_cannot_be(loaded, rows, fault):
    report = loaded("devices", rows)
    assert fault in told(report)
    assert not report.written


def test_no_key_is_shown(loaded, tmp_path):
    faults = tmp_path / "faults.csv"
    secret = "deadbeef" * 4
    report = loaded(
        "devices", [meter(1, guek=secret + "zz"), meter(1, gak=secret, system_title="")], faults=faults
    )
    assert report.faulty == 2
    assert all("deadbeef" not in f"{one.value}{one.sentence}{one.remedy}" for one in report.first)
    assert faults.stat().st_mode & 0o777 == 0o600, "what is handed back has the keys that it was given with"
    assert all("deadbeef" not in row["fault"] for row in read(faults))
    assert "deadbeef" not in repr(KEYS)


def test_a_fault_shows_what_the_file_has_and_no_key(loaded):
    rows = [
        meter(1, **installation_cells(f"100100000{n}", f"2026-03-0{n}", removed_at=f"2026-03-0{n + 1}"))
        for n in (2, 3)
    ]
    loaded.clock.advance(timedelta(days=20))
    rows[1] |= {"guek": "dd" * 16, "firmware": "2.0"}
    report = loaded("devices", rows)
    assert {(one.field, one.value) for one in report.first} == {("guek", ""), ("firmware", "2.0")}
    later = loaded("balances", [{"consumer_number": "1001000002", "deposit_taken_at": "2026-03-05"}])
    assert [(one.field, one.value) for one in later.first] == [("deposit_taken_at", "2026-03-05")]


def test_other_keys_are_a_change_that_the_history_keeps_wrapped(loaded):
    from urja.apps.assets.models import Device
    from urja.apps.journal.models import History

    row = {"serial": "URJ00000001", "guek": "ff" * 16}
    report = loaded("devices", [row])
    assert report.counts == {"device: changed": 1}
    assert KEYS.unwrap(bytes(Device.objects.get(serial="URJ00000001").wrapped_guek)) == b"\xff" * 16
    assert "wrapped_guek" in History.objects.get().row


def test_a_type_of_hls_mechanism_2_is_loaded_with_its_secret(loaded):
    from urja.apps.assets.models import Device

    row = {
        "serial": "URJ00000009",
        "system_title": "55524a0000000009",
        "type": "urja-d1-aes",
        "guek": "01" * 16,
    }
    row |= {"gak": "02" * 16, "stock": "delivered", "held_by": "Store 4"}
    missing = loaded("devices", [row])
    assert told(missing) == [
        (2, "hls_secret", "it is empty, and meters of type urja-d1-aes need it for their association")
    ]
    loaded("devices", [row | {"hls_secret": "03" * 16}])
    device = Device.objects.get(serial="URJ00000009")
    assert KEYS.unwrap(bytes(device.wrapped_hls_secret)) == b"\x03" * 16
    # What is known already need not be said again.
    assert told(loaded("devices", [row | {"firmware": "2.0"}])) == []


def test_balances_are_credit_deposit_and_arrears_by_bill(loaded):
    from urja.apps.billing.models import Arrear, Deposit
    from urja.apps.books.models import CreditRequest
    from urja.apps.books.operations import request_credit

    assert list(Arrear.objects.order_by("bill").values_list("bill", "principal_minor", "surcharge_minor")) == [
        ("B-2026-01", 125_050, 1_875), ("B-2026-02", 110_000, 0),
    ]  # fmt: skip
    assert Deposit.objects.get().amount_minor == 200_000
    credit = CreditRequest.objects.get()
    assert (credit.amount_minor, credit.kind) == (50_000, "opening-credit")
    again = request_credit(
        account_id=credit.account_id,
        amount_minor=50_000,
        kind="opening-credit",
        idempotency_key=credit.idempotency_key,
        requested_at=MIDNIGHT,
    )
    assert again.id == credit.id, "the ledger knows it as the same request"


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([{"consumer_number": "1001000002", "credit": "600"}], (2, "credit", "it was loaded as 500.00 before")),
        ([{"consumer_number": "1001000003", "credit": "600"}], (2, "consumer_number", "the service point has no consumer")),
        ([{"consumer_number": "1001000001", "bill": "X", "principal": "1"}], (2, "due_on", "the due date of the bill is empty")),
        ([{"consumer_number": "1001000001", "bill": "X", "due_on": "2026-01-01"}], (2, "row", "bill X: a principal of 0.00 and a surcharge of 0.00 are no valid dues")),
        ([{"consumer_number": "1001000001", "bill": "X", "due_on": "2026-01-01", "principal": "0.005"}],
         (2, "principal", "it has more decimals than can be stored")),
        ([{"consumer_number": "1001000001", "bill": "", "due_on": "2026-01-01"}], (2, "due_on", "the row has no bill")),
        ([{"consumer_number": "1001000002", "deposit": "90000000000.01"}], (2, "deposit", "it is outside 0.01 to 90000000000")),
    ],
)  # fmt: skip
def test_what_a_balance_cannot_be(loaded, rows, fault):
    assert fault in told(loaded("balances", rows))


def test_a_corrected_arrear_is_a_change(loaded):
    from urja.apps.billing.models import Arrear
    from urja.apps.journal.models import History

    the_map = some_map("balances", "consumer_number", "bill", "due_on", "principal", "surcharge")
    row = {
        "consumer_number": "1001000001",
        "bill": "B-2026-02",
        "due_on": "2026-02-28",
        "principal": "900",
        "surcharge": "0",
    }
    assert loaded("balances", [row], the_map).counts == {"arrear: changed": 1}
    assert Arrear.objects.get(bill="B-2026-02").principal_minor == 90_000
    assert History.objects.get().row["principal_minor"] == 110_000


def test_what_recharges_have_paid_of_a_bill_stays_paid(loaded):
    """The file says what was owed at the beginning: it comes in again as it was, and not below what was paid."""
    from urja.apps.billing.arrears import Rule, dues_of
    from urja.apps.billing.posting import post_credit_requests
    from urja.apps.books.models import Account
    from urja.apps.books.operations import request_credit

    the_map = some_map("balances", "consumer_number", "bill", "due_on", "principal", "surcharge")
    row = {
        "consumer_number": "1001000001",
        "bill": "B-2026-01",
        "due_on": "2026-01-31",
        "principal": "1250.50",
        "surcharge": "18.75",
    }
    account = Account.objects.get(arrears__bill="B-2026-01")
    request_credit(
        account_id=account.id,
        amount_minor=120_000,
        kind="recharge",
        idempotency_key="x",
        requested_at=MIDNIGHT,
    )
    rule = Rule(50, "story 1")
    post_credit_requests(account.bucket, MIDNIGHT.date(), MIDNIGHT, lambda ids: dict.fromkeys(ids, rule))
    assert loaded("balances", [row], the_map).counts == {}
    assert [
        (due.bill, due.principal_minor, due.surcharge_minor) for due in dues_of([account.id])[account.id]
    ] == [
        ("B-2026-01", 66_925, 0),
        ("B-2026-02", 110_000, 0),
    ]
    lower = row | {"principal": "581.24"}
    assert (
        2,
        "row",
        "recharges have paid 581.25 of the principal of bill B-2026-01: give the original dues",
    ) in told(loaded("balances", [lower], the_map))
