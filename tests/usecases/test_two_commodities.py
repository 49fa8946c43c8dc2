"""One person with electricity and gas at one premise: their balances, dues and payments never mix."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from tests.apps import town
from tests.apps.maintenance_cast import dues
from tests.apps.town import START, adopt, by_hand
from tests.conftest import begun_with
from tests.pipeline.test_post import CUT, load as load_tariff
from tests.usecases.test_tariff_commodity import load_gas, told

DAY = timedelta(days=1)
PERSON = {"person_name": "Ravi", "email": "ravi@example.org"}
OWED = {"bill": "2026-02", "due_on": START.date(), "principal_minor": 90_00, "surcharge_minor": 0}


def flat_with_both(database):
    """A flat of the society GP with both supplies; the account of each, with old dues of 90."""
    from urja.apps.billing.models import Arrear
    from urja.apps.journal.operation import next_id
    from urja.apps.network.models import Premise, ServicePoint

    load_tariff()
    load_gas()
    electric = adopt(1, credit_minor=100_00, **PERSON)
    gas = adopt(2, device_type="urja-g1", tariff_code="piped", credit_minor=20_00, **PERSON)
    stamp = {"recorded_at": START, "actor": "test"}
    whole = Premise.objects.create(id=900, kind="society", name="Green Park", code="GP", **stamp)
    with by_hand():
        ServicePoint.objects.filter(id=gas.service_point_id).update(premise_id=electric.premise_id)
        Premise.objects.filter(id=electric.premise_id).update(parent=whole, kind="flat", name="A-101")
        for one in (electric, gas):
            Arrear.objects.create(id=next_id(7), account_id=one.account_id, **OWED, **stamp)
    return electric, gas


database, home = begun_with(flat_with_both)


def balances(*homes):
    from urja.apps.books.models import Account

    return [Account.objects.get(id=one.account_id).balance_minor for one in homes]


def owed(*homes):
    from urja.apps.billing import arrears
    from urja.core.arrears import total_owed

    found = arrears.dues_of([one.account_id for one in homes])
    return [total_owed(found.get(one.account_id, ())) for one in homes]


def post_credits():
    from urja.pipeline.credits import post_credits

    post_credits(START + DAY)


def test_two_agreements_of_one_person_are_two_accounts(home):
    from urja.apps.contracts.models import Agreement

    electric, gas = home
    assert electric.account_id != gas.account_id
    assert Agreement.objects.values("customer_id").distinct().count() == 1


@pytest.mark.parametrize("paid", [0, 1])
def test_a_payment_for_one_pays_neither_balance_nor_dues_of_the_other(home, paid):
    post_credits()
    before, dues_before = balances(*home), owed(*home)
    town.pay(home[paid].account_id, 50_00, f"pay_{paid}", START + timedelta(hours=1))
    post_credits()
    after, dues_after = balances(*home), owed(*home)
    other = 1 - paid
    assert (after[other], dues_after[other]) == (before[other], dues_before[other])
    gained = after[paid] - before[paid] + dues_before[paid] - dues_after[paid]
    assert gained == 50_00


def test_gas_that_runs_out_leaves_the_electricity_with_its_own_balance(database, home):
    from urja.pipeline import post

    electric, gas = home
    with database.connect("urja_pipeline") as connection:
        town.store_registers(connection, town.registers(gas, (START + DAY, 90_000)))
        town.store_registers(connection, town.registers(electric, (START + DAY, 10_000)))
    post.post_due(START + DAY + timedelta(hours=2), CUT)
    left, gone = balances(electric, gas)
    assert gone < 0 < left
    # The fixed charge of the electricity alone, with its duty.
    assert left == 100_00 - 2_10


def test_a_remaining_balance_goes_to_the_other_supply_only_if_the_person_says_so(home):
    from urja.usecases.operations import MoveOut

    _electric, gas = home
    leave = {
        "consumer_number": "URJ00000001",
        "at": START + timedelta(hours=12),
        "register_wh": 10_000,
        "hold_vacant": False,
        "transfer_to": gas.account_id,
    }
    assert any("needs the consent of the consumer" in one for one in told(MoveOut(**leave)))


def test_a_flat_with_both_owes_maintenance_once_beside_its_electricity(home):
    from urja.apps.maintenance.queries import maintenance_of
    from urja.usecases.operations import perform

    electric, gas = home
    done = perform(dues(2500_00), recorded_at=START, actor="test")
    assert (done.outcome["flats"], done.outcome["dues_minor"]) == (1, 2500_00)
    assert maintenance_of(electric.account_id).owed_minor == 2500_00
    assert maintenance_of(gas.account_id) is None


def test_the_month_end_sheet_and_what_was_collected_keep_them_apart(home):
    from urja.apps.identity.queries.access import caller_of_user
    from urja.apps.network.models import Premise
    from urja.usecases.operations import employ
    from urja.web.console import society_money_page as pages

    electric, gas = home
    town.pay(electric.account_id, 190_00, "pay_e", START + timedelta(hours=1))
    town.pay(gas.account_id, 120_00, "pay_g", START + timedelta(hours=1))
    post_credits()
    now = START + 40 * DAY
    secretary = employ("s@example.org", "S", "secretary", "premise GP", recorded_at=START, actor="test")
    caller, whole = caller_of_user(secretary.pk, now), Premise.objects.get(id=900)
    month = START.date().replace(day=1)
    rows = pages.sheet_rows(whole, month, caller, now)
    received = pages.HEADS.index("received")
    assert [(row[0], row[3], row[received]) for row in rows] == [
        ("URJ00000001", "electricity", 190), ("URJ00000002", "gas", 120),
    ]  # fmt: skip
    page = pages.society_money_page(whole, month, ("0", 0), caller, now)
    assert page.collected == "electricity: ₹190.00, gas: ₹120.00"
    names = {row.name for row in (*page.low, *page.defaulters)}
    assert names <= {"A-101", "A-101, gas"}


def test_the_total_of_their_premise_adds_no_litres_to_energy(database, home):
    from urja.apps.identity.queries.access import caller_of_user
    from urja.apps.identity.queries.roles import Read
    from urja.usecases.operations import employ
    from urja.web.api import totals

    with database.connect("urja_pipeline") as connection:
        for one, count in zip(home, (700, 3_000), strict=True):
            town.store_registers(connection, town.registers(one, (START + DAY, 10_000 + count)))
    secretary = employ("s@example.org", "S", "secretary", "premise GP", recorded_at=START, actor="test")
    area = caller_of_user(secretary.pk, START + DAY).must(Read.TOTALS)
    ask = SimpleNamespace(query=totals.TotalsQuery(premise=900, month="2026-03"), area=area, now=START + DAY)
    found = totals.totals(ask)
    assert (found.consumers_wh, found.consumers_l) == (700, 3_000)
    [part] = found.parts
    assert (part.energy_wh, part.volume_l, part.service_points) == (700, 3_000, 2)


def test_a_node_adds_neither_credit_nor_debt_of_gas_to_electricity(home):
    from urja.apps.network.models import Node
    from urja.apps.overviews.queries.network_trees import TreesNow
    from urja.usecases.operations import MoveServicePoint, add_transformer, perform
    from urja.web.console import network_page

    add_transformer("T1", feeder="F1", recorded_at=START, actor="test")
    for number in (1, 2):
        moved = MoveServicePoint(
            consumer_number=f"URJ{number:08}", grid="transformer T1", moved_at=START + timedelta(hours=1)
        )
        perform(moved, recorded_at=START + timedelta(hours=2), actor="test")
    post_credits()
    electric, gas = balances(*home)
    assert min(electric, gas) > 0
    node = Node.objects.get(code="T1")
    counts = TreesNow(START + DAY).counts([node])[node.id]
    assert (counts.credit_minor, counts.owed_minor) == (electric, 0)
    assert (counts.gas_accounts, counts.gas_credit_minor, counts.gas_owed_minor) == (1, gas, 0)
    row = network_page._row(node, counts, network_page.when({}, START + DAY))
    assert (row.credit, row.owed) == ("electricity: ₹100.00, gas: ₹20.00", "electricity: ₹0.00, gas: ₹0.00")


def test_what_planned_disconnections_owe_is_of_each_commodity():
    from urja.apps.supply.queries import PlannedCut
    from urja.web.console.pages import _owed

    def planned(commodity, balance_minor):
        return PlannedCut(1, 1, "URJ", commodity, "A-101", "", START, START, balance_minor, None)

    both = [planned("electricity", -4_10), planned("gas", -90_00), planned("electricity", -1_00)]
    assert _owed(both) == "electricity: ₹5.10, gas: ₹90.00"
    assert (_owed(both[:1]), _owed([])) == ("₹4.10", "₹0.00")
