"""Orders that change payment modes: what is refused and why, and what a dry run says."""

import pytest
from msgspec.structs import replace
from tests.apps.town import START, adopt
from tests.conftest import begun_with
from tests.pipeline.test_common_areas import Society
from tests.usecases.test_terms import NOW, change_load, day, do, load_tariff, refusal

TODAY = 21


def three_houses(database):
    for code in ("demo", "bills"):
        load_tariff(code)
    load_tariff("dollars", currency="USD")
    return [adopt(n, credit_minor=10_000) for n in (1, 2, 3)]


database, houses = begun_with(three_houses)


def change(*numbers, mode="postpaid", on=TODAY, **more):
    from urja.usecases.operations import ChangeModes

    listed = {} if "under" in more else {"consumer_numbers": tuple(f"URJ{n:08}" for n in numbers)}
    return ChangeModes(
        **({"payment_mode": mode, "effective_on": day(on), "reason": "ordered"} | listed | more)
    )


def told(operation):
    return "; ".join(str(fault) for fault in refusal(operation))


def summary(operation):
    from urja.usecases.dry_run import dry_run_effects

    return dry_run_effects(operation, recorded_at=NOW, actor="officer").mode_change


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        (lambda: change(1, reason=" "), "give a reason"),
        (lambda: change(1, on=TODAY - 1), "which is past: the earliest day is 2026-03-22"),
        (change, "give either a list of consumer numbers, or a node"),
        (lambda: change(under="section Nowhere"), "there is no node section Nowhere"),
        (lambda: change(1, instalments=121), "dues are paid in 1 to 120 instalments, or 0 for none: not 121"),
        (lambda: change(1, first_due_on=day(TODAY)), "give a first due date only with instalments"),
        (lambda: change(1, deposit_minor=-1), "a security deposit cannot be -0.01"),
        (lambda: change(1, mode="prepaid", deposit_minor=5), "a prepaid supply owes no security deposit"),
        (lambda: change(1, mode="prepaid", no_disconnection_from=day(TODAY)), "leave that day out"),
        (lambda: change(1, no_disconnection_from=day(TODAY + 1)), "give an earlier day"),
        (lambda: change(1, mode="prepaid"), "no supply can be converted by this order"),
        (lambda: change(1, 1), "row 2: URJ00000001 is in row 1 already"),
        (lambda: change(1, 99), "row 2: there is no service point URJ00000099"),
        (lambda: change(1, tariff_code="dollars"), "tariff dollars is in USD, the account is in INR"),
    ],
)
def test_what_is_refused(houses, operation, says):
    assert says in told(operation())


def test_a_tariff_by_area_takes_only_supplies_with_an_area_and_a_share(empty_database):
    from urja.usecases.operations import ConvertToPostpaid

    with empty_database.connect() as connection:
        Society(connection, "area")
    adopt(4, tariff_code="area")
    for number in (1, 4):
        do(replace(change_load(4000, 1, number=f"URJ{number:08}"), carpet_area_dm2=5000))
    assert told(change(1, 2, 4, tariff_code="area")) == (
        "row 2: tariff area goes by carpet_area_dm2, which the terms do not state: state it first; "
        "row 3: tariff area shares common areas, and the service point is in no premise that has one: "
        "connect one there first (new_connection, purpose common_area)"
    )
    assert do(change(1, 2, 4, tariff_code="area", good_rows_only=True)).outcome["agreements"] == 1
    one = ConvertToPostpaid(consumer_number="URJ00000002", effective_on=day(TODAY), tariff_code="area")
    assert "goes by carpet_area_dm2, which the terms do not state" in told(one)


def test_one_that_waits_in_an_order_is_in_no_second_one(houses):
    order = do(change(1, on=TODAY + 5))
    assert f"order {order.id} is to convert it already: stop that one first" in told(change(1, 2))


def test_a_policy_without_notice_and_without_time_converts_nothing_to_prepaid(houses):
    from tests.pipeline.test_decide import POLICY

    from urja.usecases.policies import load_policy

    text = POLICY.format(version="1", emergency=0, most=20, stagger=20)
    hard = text.replace('before_cut = ["zero"]\nleast_delivered = 1', "before_cut = []\nleast_delivered = 0")
    load_policy(hard, recorded_at=START, actor="test")
    do(change(1, 2, 3))
    converted(NOW)
    assert "policy story disconnects without a notice" in told(change(1, mode="prepaid", on=TODAY + 1))


def converted(now):
    from urja.pipeline import mode_changes

    return mode_changes.run_once(now)


def test_good_rows_go_ahead_and_the_others_are_listed(houses):
    from urja.apps.contracts.models import ModeChange

    entry = do(change(1, 99, 3, good_rows_only=True))
    assert (entry.outcome["agreements"], entry.outcome["refused"]) == (2, 1)
    order = ModeChange.objects.get(id=entry.id)
    assert list(order.rows.order_by("position").values_list("named", "state")) == [
        ("URJ00000001", "waiting"), ("URJ00000099", "refused"), ("URJ00000003", "waiting"),
    ]  # fmt: skip


def test_an_area_has_its_supplies_with_an_agreement(houses):
    from urja.apps.network.kinds import Tree
    from urja.apps.network.models import Node, Placement

    stamp = {"recorded_at": START, "actor": "test"}
    node = Node.objects.create(id=700, tree=Tree.ADMINISTRATION, level="section", code="North-2", **stamp)
    for number, one in enumerate(houses[:2]):
        Placement.objects.create(
            id=800 + number, service_point_id=one.service_point_id, tree=Tree.ADMINISTRATION, node=node,
            valid_from=START, **stamp,
        )  # fmt: skip
    assert summary(change(under="section North-2"))["agreements"] == 2


def test_a_dry_run_says_counts_and_sums_and_changes_nothing(houses):
    from tests.apps import town

    from urja.apps.billing.models import Arrear
    from urja.apps.contracts.models import ModeChange

    with town.by_hand():
        Arrear.objects.create(
            id=(7 << 40) + 900_001, account_id=houses[1].account_id, bill="B-1", due_on=day(-30),
            principal_minor=25_000, surcharge_minor=500, recorded_at=START, actor="test",
        )  # fmt: skip
    found = summary(change(1, 2, 99, good_rows_only=True, instalments=10, deposit_minor=40_000))
    refusals = found.pop("refusals")
    assert {name: value for name, value in found.items() if value} == {
        "payment_mode": "postpaid",
        "agreements": 2,
        "in_credit": 2,
        "credit_minor": 20_000,
        "with_dues": 1,
        "dues_minor": 25_500,
        "plans_new": 1,
        "deposits_due": 2,
        "deposits_due_minor": 80_000,
        "refused": 1,
    }
    assert [(one["row"], one["named"]) for one in refusals] == [(3, "URJ00000099")]
    assert not ModeChange.objects.exists()
