"""A thief who holds the web's database role tries to change payment modes by the tables of the orders.

An order is made by the pipeline from a request that it judges, and above the thresholds by people's passkeys.
"""

import csv
import io
import json
from datetime import timedelta

import pytest
from tests.adversary.test_stolen_web import house, refused, thief  # noqa: F401 - fixtures
from tests.apps.town import START, adopt
from tests.usecases.test_terms import day

ORDER = (
    "INSERT INTO contracts_mode_change (id, payment_mode, effective_on, effective_at, arguments, reason, actor, asked_at, "
    "agreements, stopped_by) VALUES (9, 'prepaid', '2026-03-02', now(), '{}', 'x', 'user 1', now(), 1, '')"
)


@pytest.fixture
def order(house):  # noqa: F811
    from tests.pipeline.test_post import load as load_tariff

    from urja.apps.contracts.models import ModeChange
    from urja.usecases.operations import ChangeModes, perform

    load_tariff()
    operation = ChangeModes(
        payment_mode="postpaid", effective_on=day(5), consumer_numbers=("URJ00000001",), reason="ordered"
    )
    entry = perform(operation, recorded_at=START, actor="user 1")
    return ModeChange.objects.get(id=entry.id)


def test_no_order_can_be_made_changed_or_taken_away(thief, house, order):  # noqa: F811
    refused(thief, ORDER)
    refused(
        thief,
        "INSERT INTO contracts_mode_change_row (mode_change_id, position, named, agreement_id, account_id, "
        "service_point_id, state, result, detail) VALUES (%s, 2, 'x', %s, %s, %s, 'waiting', '{}', '\"\"')",
        (order.id, house.agreement_id, house.account_id, house.service_point_id),
    )
    for change in (
        "payment_mode = 'prepaid'", "effective_at = now()", "effective_on = now()", "spares_from_at = NULL",
        "arguments = '{}'", "stopped_at = now()", "ended_at = now()",
    ):  # fmt: skip
        refused(thief, f"UPDATE contracts_mode_change SET {change}")
    for change in ("state = 'left'", "state = 'done'", "told_at = now()", "agreement_id = agreement_id"):
        refused(thief, f"UPDATE contracts_mode_change_row SET {change}")
    refused(thief, "DELETE FROM contracts_mode_change_row")
    refused(thief, "DELETE FROM contracts_mode_change")
    refused(thief, "TRUNCATE contracts_mode_change_row")


def test_terms_are_not_the_webs_to_write(thief, house):  # noqa: F811
    refused(thief, "UPDATE contracts_agreement_terms SET payment_mode = 'postpaid'")


def test_deposits_that_are_due_are_not_the_webs_to_write(thief, house):  # noqa: F811
    refused(
        thief,
        "INSERT INTO billing_deposit_demand (id, agreement_id, amount_minor, due_on, recorded_at, actor) "
        "VALUES (1, %s, 5, now(), now(), 'x')",
        (house.agreement_id,),
    )
    refused(thief, "UPDATE billing_deposit_demand SET ended_at = now()")
    refused(thief, "DELETE FROM billing_deposit_demand")


@pytest.mark.parametrize("kind", ["change_modes", "stop_mode_change"])
def test_a_request_without_a_person_changes_nothing(thief, house, order, kind):  # noqa: F811
    from urja.apps.contracts.models import ModeChange
    from urja.apps.journal.models import Request
    from urja.pipeline.register import run_once as answer_requests

    content = {
        "change_modes": {
            "payment_mode": "prepaid", "effective_on": "2026-03-05", "consumer_numbers": ["URJ00000001"], "reason": "x",
        },
        "stop_mode_change": {"mode_change_id": order.id, "reason": "x"},
    }[kind]  # fmt: skip
    thief.execute(
        "INSERT INTO journal_request (id, kind, content, dry_run, actor, requested_at) "
        "VALUES (77, %s, %s, false, 'user 4711', %s)",
        (kind, json.dumps(content), START),
    )
    answer_requests(START)
    assert Request.objects.get(id=77).state == "refused"
    order.refresh_from_db()
    assert (ModeChange.objects.count(), order.stopped_at) == (1, None)


def test_the_pipeline_cannot_rewrite_what_an_order_says(database, order):
    from django.db import ProgrammingError, connection
    from tests.pipeline.test_addresses import in_the_rights_of

    with in_the_rights_of("urja_pipeline"), pytest.raises(ProgrammingError), connection.cursor() as cursor:
        cursor.execute("UPDATE contracts_mode_change SET payment_mode = 'prepaid'")


def test_no_text_of_the_report_is_a_formula(order):
    """A consumer number may begin with a formula, and a refusal with a consumer number."""
    from urja.apps.contracts.models import ModeChangeRow
    from urja.apps.overviews.queries.mode_changes import csv_of
    from urja.base.sentences import say, to_plain

    formula = "=HYPERLINK(1)"
    detail = to_plain(say("{consumer_number} is in row {row} already", consumer_number=formula, row=1))
    rows = ModeChangeRow.objects.filter(mode_change=order)
    assert rows.update(named=formula, detail=detail) == 1
    [row] = csv.DictReader(io.StringIO("".join(csv_of(rows))))
    assert (row["consumer_number"], row["detail"]) == (f"'{formula}", f"'{formula} is in row 1 already")


# -- a session that was taken over ------------------------------------------------------------------------------------


@pytest.fixture
def office(database):
    """A revenue officer, and homes that are paid for by bills; three disconnections a day need a passkey."""
    from tests.apps.approvals.office import Person, home
    from tests.pipeline.test_post import load as load_tariff

    from urja.apps.approvals import thresholds
    from urja.core.approvals import bundled_thresholds

    load_tariff()
    text = bundled_thresholds().replace("actor = 20", "actor = 3").replace("actor = 100", "actor = 3")
    thresholds.load(text.replace("default-1", "strict-1"), recorded_at=START, actor="test")
    for number in (1, 2, 3, 4):
        home(number)
    return Person("ravi", "revenue_officer")


def asked(person, *numbers, mode="postpaid", **more):
    from tests.apps.approvals.office import NOW, state_of, work

    from urja.usecases.operations import ChangeModes

    request = person.ask(
        ChangeModes(
            payment_mode=mode,
            effective_on=day(3),
            consumer_numbers=tuple(f"URJ{number:08}" for number in numbers),
            reason="ordered",
            **more,
        ),
        NOW,
    )
    work()
    return request, state_of(request)


def test_many_are_not_changed_without_a_passkey(office):
    from tests.apps.approvals.office import work

    from urja.apps.contracts.models import ModeChange

    request, state = asked(office, 1, 2, 3)
    assert (state, ModeChange.objects.count()) == ("approval", 0)
    office.approve(request)
    work()
    assert ModeChange.objects.get().agreements == 3


def test_many_small_orders_count_together(office):
    assert [asked(office, number)[1] for number in (1, 2, 3)] == ["done", "done", "approval"]


def test_each_supply_that_becomes_prepaid_counts_as_a_disconnection(office):
    from tests.apps import town

    from urja.apps.approvals.models import Measured
    from urja.apps.contracts.models import AgreementTerms

    with town.by_hand():
        AgreementTerms.objects.update(payment_mode="postpaid")
    assert asked(office, 1, 2, mode="prepaid")[1] == "done"
    assert list(Measured.objects.values_list("disconnections", "meters")) == [(2, 2)]
    assert asked(office, 3, mode="prepaid")[1] == "approval"


def test_a_demanded_deposit_counts_as_money(office):
    from tests.apps.approvals.office import MONEY

    assert asked(office, 1, deposit_minor=MONEY)[1] == "approval"


def test_staff_of_one_section_change_none_of_another(database):
    from urja.apps.identity.errors import OutOfAreaError
    from urja.apps.identity.queries.access import caller_of_user
    from urja.apps.network.kinds import Tree
    from urja.apps.network.models import Node, Placement
    from urja.apps.overviews.queries.authorization import authorize
    from urja.usecases.operations import ChangeModes, StopModeChange, employ, perform

    stamp = {"recorded_at": START, "actor": "test"}
    for number, code in ((1, "A"), (2, "B")):
        one = adopt(number, bucket=number)
        node = Node.objects.create(
            id=700 + number, tree=Tree.ADMINISTRATION, level="section", code=code, **stamp
        )
        Placement.objects.create(
            id=800 + number, service_point_id=one.service_point_id, tree=Tree.ADMINISTRATION, node=node,
            valid_from=START, **stamp,
        )  # fmt: skip
    user = employ("x@example.org", "X", "revenue_officer", "section A", recorded_at=START, actor="test")
    caller = caller_of_user(user.pk, START)

    def order(**where):
        return ChangeModes(payment_mode="postpaid", effective_on=day(3), reason="x", **where)

    authorize(caller, order(consumer_numbers=("URJ00000001",)), START)
    authorize(caller, order(under="section A"), START)
    elsewhere = perform(order(under="section B"), recorded_at=START + timedelta(hours=1), actor="user 1")
    for asked_for in (
        order(consumer_numbers=("URJ00000001", "URJ00000002")),
        order(consumer_numbers=("NONE",)),
        order(under="section B"),
        StopModeChange(mode_change_id=elsewhere.id, reason="x"),
    ):
        with pytest.raises(OutOfAreaError):
            authorize(caller, asked_for, START)
