"""Changes of the payment mode of many supplies: ordered, told, converted row by row, stopped, killed and resumed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import adopt
from tests.pipeline import test_decide as stories
from tests.pipeline.test_decide import Place
from tests.usecases.test_terms import day

COUNT = 4


def four_houses(database):
    return Place(database, [adopt(n, credit_minor=10_000) for n in range(1, COUNT + 1)]).left()


@pytest.fixture
def place(lived):
    """Houses with 100 rupees each."""
    with lived(four_houses) as (database, kept):
        place = Place.resumed(database, kept)
        yield place
        place.connection.close()


def numbers(*of):
    return tuple(f"URJ{n:08}" for n in of or range(1, COUNT + 1))


def ordered(place, mode="postpaid", on=2, *, of=(), **more):
    """An order, as the stage `register` carries it out."""
    from urja.apps.contracts.models import ModeChange
    from urja.usecases.operations import ChangeModes, perform

    content = {"payment_mode": mode, "effective_on": day(on), "reason": "an order of the state"} | more
    if "under" not in content:
        content["consumer_numbers"] = numbers(*of)
    entry = perform(ChangeModes(**content), recorded_at=place.now, actor="user 5")
    return ModeChange.objects.get(id=entry.outcome["mode_change_id"])


def used_up(place, house=0):
    """Monday 09:00: a house has used far more than 100 rupees and is told; the others report that they use nothing."""
    place.now = place.at(1, 9)
    for other in set(range(COUNT)) - {house}:
        place.use(0, house=other)
    stories.used_up(place, house)


def cut(place):
    used_up(place)
    stories.cut(place)


def run(now):
    from urja.pipeline import mode_changes

    return mode_changes.run_once(now).done


def stop(place, order):
    from urja.usecases.operations import StopModeChange, perform

    operation = StopModeChange(mode_change_id=order.id, reason="the commission has ruled otherwise")
    return perform(operation, recorded_at=place.now, actor="user 6")


def states(order):
    return list(order.rows.order_by("position").values_list("state", flat=True))


def said(order):
    from urja.base.sentences import from_plain

    return [str(from_plain(row.detail)) for row in order.rows.order_by("position")]


def modes(place):
    from urja.apps.contracts import queries

    agreements = queries.agreements([one.agreement_id for one in place.houses])
    return [one.terms_at(place.now).payment_mode for one in agreements]


def laws(place):
    from urja.laws.switching import laws as examined

    return examined(place.connection, place.now, town.ZONE)


def broken(place):
    return [law for law, holds in laws(place).items() if not holds]


def money_laws(place):
    from urja.laws.verify import laws as examined

    return [law for law, holds in examined(place.connection, place.now, town.ZONE).items() if not holds]


def owe(place, house=0, rupees=300):
    """An old bill beside the balance."""
    from urja.apps.billing.models import Arrear

    with town.by_hand():
        return Arrear.objects.create(
            id=(7 << 40) + 900_000 + house,
            account_id=place.houses[house].account_id,
            bill=f"B-{house}",
            due_on=day(-40),
            principal_minor=rupees * 100,
            surcharge_minor=0,
            recorded_at=town.START,
            actor="test",
        )


def agree(place, house=0, rupees=50, first=3, every="month"):
    from urja.usecases.operations import AgreeInstalments, perform

    operation = AgreeInstalments(
        consumer_number=numbers(house + 1)[0],
        every=every,
        amount_minor=rupees * 100,
        first_due_on=day(first),
        reason="agreed",
    )
    perform(operation, recorded_at=place.now, actor="officer")


def plans(place, house=0):
    from urja.apps.billing.models import InstalmentPlan

    found = InstalmentPlan.objects.filter(account_id=place.houses[house].account_id)
    return [(one.amount_minor, one.every, one.valid_to is None) for one in found.order_by("id")]


def registry(place):
    """What an order leaves behind of a place, without numbers and instants of operations."""
    from urja.apps.billing.models import Arrear, Deposit, InstalmentPlan
    from urja.apps.books.models import CreditRequest
    from urja.apps.contracts.models import AgreementTerms

    return [
        list(AgreementTerms.objects.order_by("agreement_id", "valid_from").values_list(
            "agreement_id", "valid_from", "valid_to", "payment_mode", "converted_at", "tariff_code")),
        list(Arrear.objects.order_by("account_id", "due_on").values_list("account_id", "due_on", "principal_minor")),
        list(InstalmentPlan.objects.order_by("account_id").values_list("account_id", "amount_minor", "valid_from")),
        list(Deposit.objects.order_by("agreement_id").values_list("agreement_id", "amount_minor", "returned_at")),
        list(CreditRequest.objects.order_by("account_id", "id").values_list("account_id", "amount_minor", "kind")),
    ]  # fmt: skip


# -- the way of an order ------------------------------------------------------------------------------------------


def test_nothing_happens_before_its_day_but_the_notices(place):
    order = ordered(place)
    run(place.now)
    assert states(order) == ["waiting"] * COUNT
    assert [place.notices(n) for n in range(COUNT)] == [["becomes_postpaid"]] * COUNT
    run(place.at(2, 0) - timedelta(seconds=1))
    assert states(order) == ["waiting"] * COUNT
    place.now = place.at(2, 0)
    run(place.now)
    order.refresh_from_db()
    assert (states(order), modes(place)) == (["done"] * COUNT, ["postpaid"] * COUNT)
    assert order.ended_at == place.now
    assert run(place.now) == 0, "a second run finds nothing to change"


def test_each_conversion_is_in_the_audit_by_who_ordered_it(place):
    from urja.apps.journal.models import AuditEntry

    order = ordered(place, of=(1, 2))
    place.now = place.at(2, 0)
    run(place.now)
    entries = AuditEntry.objects.filter(kind="convert_to_postpaid").order_by("id")
    assert [(entry.actor, entry.idempotency_key) for entry in entries] == [
        ("user 5", f"mode-change:{order.id}:{position}") for position in (1, 2)
    ]
    assert list(order.rows.order_by("position").values_list("operation_id", flat=True)) == [
        entry.id for entry in entries
    ]


def test_a_meter_is_told_its_payment_mode(place):
    from urja.apps.assets.models import Configuration

    ordered(place, of=(1,))
    place.now = place.at(2, 0)
    run(place.now)
    wanted = Configuration.objects.filter(item="payment_mode", device_id=place.houses[0].device_id)
    assert list(wanted.values_list("desired", flat=True)) == ["postpaid"]


def test_stopped_in_the_middle_what_is_done_stays_and_the_rest_is_left(place, monkeypatch):
    from urja.pipeline import mode_changes

    monkeypatch.setattr(mode_changes, "AT_ONCE", 2)
    order = ordered(place)
    place.now = place.at(2, 0)
    run(place.now)
    assert states(order) == ["done", "done", "waiting", "waiting"]
    entry = stop(place, order)
    assert entry.outcome["left"] == 2
    run(place.now)
    order.refresh_from_db()
    assert (states(order), order.ended_at) == (["done", "done", "left", "left"], place.now)
    assert modes(place) == ["postpaid", "postpaid", "prepaid", "prepaid"]
    again = ordered(place, of=(3, 4))
    run(place.now)
    assert states(again) == ["done", "done"], "what was left can be ordered again"


def test_a_stopped_order_or_one_that_has_ended_is_not_stopped_again(place):
    from urja.apps.journal.errors import RefusedError

    order = ordered(place, of=(1,))
    stop(place, order)
    with pytest.raises(RefusedError, match="was stopped already"):
        stop(place, order)
    done = ordered(place, of=(2,))
    run(place.at(2, 0))
    with pytest.raises(RefusedError, match="nothing of it is left to stop"):
        stop(place, done)


@pytest.mark.parametrize("killed_at", range(COUNT))
def test_killed_in_the_middle_it_comes_to_the_same(place, monkeypatch, killed_at):
    """The process dies inside of a conversion: what came before stands, that row is as it was."""
    from urja.usecases import mode_changes as usecase

    owe(place, 1)
    used_up(place, 2)
    order = ordered(place, instalments=10)
    place.now = place.at(2, 0)
    done = []

    def kill(row, *args, **more):
        if len(done) == killed_at and not more.get("refused"):
            raise OSError("killed")
        done.append(row.id)
        return end_row(row, *args, **more)

    end_row = usecase.orders.end_row
    with monkeypatch.context() as patch:
        patch.setattr(usecase.orders, "end_row", kill)
        with pytest.raises(OSError, match="killed"):
            run(place.now)
    assert states(order) == ["done"] * killed_at + ["waiting"] * (COUNT - killed_at)
    run(place.now)
    assert states(order) == ["done"] * COUNT
    killed = registry(place)
    assert killed == unkilled(place), "the same as without a kill"


def unkilled(place):
    """What the same order comes to when nothing happens: by rules of arithmetic, from the same beginning."""
    from urja.apps.books.models import Account

    terms, arrears, agreed, deposits, credits_ = registry(place)
    assert [one[3] for one in terms] == ["prepaid", "postpaid"] * COUNT
    owed = -Account.objects.get(id=place.houses[2].account_id).balance_minor
    # Before the first close nothing is posted, so that nothing is owed: the balance that pages show is accrued.
    assert owed <= 0
    assert [one[2] for one in arrears] == [30_000]
    assert [one[1] for one in agreed] == [3_000]
    assert [one[2] for one in credits_] == ["opening-credit"] * COUNT
    return [terms, arrears, agreed, deposits, credits_]


def test_one_that_cannot_be_converted_when_its_turn_comes_says_why(place):
    from urja.usecases.operations import MoveOut, perform

    order = ordered(place, of=(1, 2))
    run(place.now)
    place.now = place.at(1, 12)
    moved = MoveOut(consumer_number=numbers(1)[0], at=place.now, register_wh=10_000)
    perform(moved, recorded_at=place.now, actor="clerk")
    place.now = place.at(2, 0)
    run(place.now)
    assert states(order) == ["refused", "done"]
    assert said(order)[0] == "the agreement at URJ00000001 has ended: another consumer's is not in this order"


# -- no wrong disconnection ----------------------------------------------------------------------------------------


def test_a_supply_that_is_disconnected_is_reconnected_when_it_becomes_postpaid(place):
    cut(place)
    ordered(place)
    place.until(place.at(2, 0) - timedelta(minutes=1), timedelta(hours=5))
    assert place.holds() == ["credit"]
    place.now = place.at(2, 0)
    run(place.now)
    place.go()
    assert [kind for kind, _ in place.commands()] == ["disconnect", "connect"]
    assert (place.holds(), place.where()) == ([], ("fine", "postpaid"))
    assert broken(place) == []


def test_a_disconnection_under_way_is_called_back_when_the_order_spares_it(place):
    used_up(place)
    place.go(place.at(1, 10, 1))
    assert place.commands() == [("disconnect", "queued")]
    ordered(place, on=3, no_disconnection_from=day(1))
    run(place.now)
    place.go(place.at(1, 10, 2))
    assert place.commands()[0] == ("disconnect", "superseded")
    assert place.where() == ("grace", "becomes_postpaid")
    place.until(place.at(3, 0) - timedelta(minutes=1), timedelta(hours=4))
    assert [state for kind, state in place.commands() if kind == "disconnect"] == ["superseded"]
    assert broken(place) == []


def test_while_the_rest_waits_no_balance_disconnects_it(place, monkeypatch):
    """An order of the whole area takes hours: houses behind in the list are out of credit at ten in the morning."""
    from urja.pipeline import mode_changes

    monkeypatch.setattr(mode_changes, "AT_ONCE", 1)
    ordered(place)
    used_up(place, COUNT - 1)
    place.until(place.at(1, 9, 50))
    place.now = place.at(2, 0)
    run(place.now)
    place.until(place.at(2, 12), timedelta(hours=2))
    assert place.commands(COUNT - 1) == []
    assert place.where(COUNT - 1) == ("grace", "becomes_postpaid")
    assert broken(place) == []


def test_the_rest_of_a_stopped_order_is_disconnected_by_its_balance_again(place):
    order = ordered(place, on=2, no_disconnection_from=day(1))
    run(place.now)
    used_up(place)
    place.go(place.at(1, 10, 1))
    assert place.commands() == []
    place.deliver()
    stop(place, order)
    place.until(place.at(1, 15), timedelta(hours=1))
    assert [kind for kind, _ in place.commands()] == ["disconnect"]
    assert broken(place) == []


def test_a_conversion_from_the_first_day_on_makes_no_earlier_disconnection_wrong(place):
    """Recorded a day later for the day on which the agreement began: its terms are changed in place."""
    from urja.usecases.operations import ConvertToPostpaid, perform

    cut(place)
    place.until(place.at(2, 9), timedelta(hours=4))
    conversion = ConvertToPostpaid(consumer_number=numbers(1)[0], effective_on=day(1))
    perform(conversion, recorded_at=place.now, actor="clerk")
    assert modes(place)[0] == "postpaid"
    assert "cut_of_no_protected_consumer" not in broken(place)


def test_disconnecting_one_that_waits_breaks_the_law(place, monkeypatch):
    """The stage does not look at orders."""
    from urja.apps.supply import account_facts
    from urja.apps.supply.queries import facts

    def blind(*asked):
        return {
            account_id: replace(own, becomes_postpaid=False)
            for account_id, own in account_facts.account_facts(*asked).items()
        }

    ordered(place, on=3, no_disconnection_from=day(1))
    run(place.now)
    monkeypatch.setattr(facts, "account_facts", blind)
    used_up(place)
    place.deliver()
    place.until(place.at(1, 12), timedelta(hours=1))
    assert [kind for kind, _ in place.commands()] == ["disconnect"]
    assert broken(place) == ["cut_across_no_mode_change"]


def test_a_command_from_before_that_is_not_called_back_breaks_the_law(place, monkeypatch):
    """What has lost its reason is left to be carried out."""
    used_up(place)
    place.go(place.at(1, 10, 1))
    place.sent()
    place.now = place.at(1, 10, 2)
    ordered(place, on=3, no_disconnection_from=day(1))
    run(place.now)
    monkeypatch.setattr("urja.pipeline.decide._DecisionExecutor._leave", lambda _self, item: item)
    place.go(place.at(1, 10, 5))
    place.report("confirmed", at=place.at(1, 10, 20))
    place.go(place.at(1, 10, 21))
    assert place.commands() == [("disconnect", "confirmed")]
    assert "cut_across_no_mode_change" in broken(place)


# -- to prepaid -----------------------------------------------------------------------------------------------------


@pytest.fixture
def billed(database):
    """Houses that are paid for by bills; the first has used 60 kWh."""
    from urja.apps.contracts.models import AgreementTerms

    place = Place(database, [adopt(n) for n in range(1, COUNT + 1)])
    with town.by_hand():
        AgreementTerms.objects.update(payment_mode="postpaid")
    place.use(60_000)
    for house in range(1, COUNT):
        place.use(0, house=house)
    yield place
    place.connection.close()


def close_day(place, n):
    """Everything of a day is read and posted."""
    place.now = place.at(n + 1, 1)
    for house in range(COUNT):
        place.use(0, house=house)
    place.go(place.at(n + 1, 2))


def test_it_becomes_prepaid_once_the_day_before_is_closed_and_what_is_owed_is_apart(billed):
    from urja.apps.billing.models import Arrear
    from urja.apps.books.models import Account

    close_day(billed, 1)
    order = ordered(billed, "prepaid", on=3, instalments=3)
    billed.now = billed.at(3, 0)
    run(billed.now)
    assert states(order) == ["waiting"] * COUNT, "the second day is not closed yet"
    close_day(billed, 2)
    run(billed.now)
    assert states(order) == ["done"] * COUNT
    owed = [-account.balance_minor for account in Account.objects.filter(
        id__in=[one.account_id for one in billed.houses]).order_by("id")]  # fmt: skip
    assert owed[0] > 20_000
    assert list(Arrear.objects.order_by("account_id").values_list("principal_minor", flat=True)) == owed
    assert plans(billed) == [(-(-owed[0] // 3), "month", True)]
    billed.go()
    balances = Account.objects.filter(id__in=[one.account_id for one in billed.houses])
    assert set(balances.values_list("balance_minor", flat=True)) == {0}, "the new balance begins with nothing"
    assert billed.notices()[0] == "becomes_prepaid"
    assert (broken(billed), money_laws(billed)) == ([], [])


def not_reporting(billed):
    """The first house's meter says nothing of the day before it becomes prepaid, which is closed provisionally."""
    close_day(billed, 1)
    order = ordered(billed, "prepaid", on=3)
    billed.now = billed.at(3, 0)
    for house in range(1, COUNT):
        billed.use(0, house=house)
    billed.go(billed.at(3, 2))
    run(billed.now)
    return order


def test_on_a_provisional_balance_it_stays_postpaid_until_the_read_has_come(billed):
    from urja.apps.billing.models import Arrear
    from urja.apps.books.models import Account

    order = not_reporting(billed)
    assert states(order) == ["waiting"] + ["done"] * (COUNT - 1)
    account = billed.houses[0].account_id
    known = Account.objects.get(id=account).balance_minor
    billed.now = billed.at(3, 23)
    billed.use(90_000)
    close_day(billed, 3)
    owed = -Account.objects.get(id=account).balance_minor
    assert owed > -known
    run(billed.now)
    assert states(order) == ["done"] * COUNT
    assert Arrear.objects.get(account_id=account).principal_minor == owed
    billed.go()
    assert Account.objects.get(id=account).balance_minor == 0
    billed.until(billed.at(4, 15), timedelta(hours=3))
    assert billed.commands() == []
    assert (broken(billed), money_laws(billed)) == ([], [])


def test_without_a_read_it_is_refused_after_thirty_days(billed):
    order = not_reporting(billed)
    run(billed.at(33, 0) - timedelta(seconds=1))
    assert states(order)[0] == "waiting"
    run(billed.at(33, 0))
    assert states(order) == ["refused"] + ["done"] * (COUNT - 1)
    assert "not closed with a register read after 30 days" in said(order)[0]
    assert modes(billed)[0] == "postpaid"
    order.refresh_from_db()
    assert order.ended_at == billed.at(33, 0)


def test_warnings_of_an_earlier_prepayment_do_not_serve_after_it(place):
    """Warned twice, made postpaid, and prepaid again: nothing is disconnected before the notices of this credit."""
    used_up(place)
    place.deliver()
    ordered(place, on=2, of=(1,))
    place.now = place.at(2, 0)
    run(place.now)
    place.until(place.at(2, 2), timedelta(hours=1))
    ordered(place, "prepaid", on=3, of=(1,))
    place.until(place.at(3, 2), timedelta(hours=4))
    run(place.now)
    assert modes(place)[0] == "prepaid"
    place.now = place.at(3, 3)
    place.use(30_000)
    place.until(place.at(3, 15), timedelta(hours=2))
    assert place.where() == ("warned", "undelivered")
    assert place.commands() == [], "no notice of this prepayment was delivered"
    place.deliver()
    place.until(place.at(4, 12), timedelta(hours=3))
    assert [kind for kind, _ in place.commands()] == ["disconnect"]
    assert broken(place) == []


def test_serving_it_by_old_warnings_breaks_the_law(place, monkeypatch):
    from urja.core.policy import notice_service

    served = notice_service.notices_served

    def forgetful(policy, facts):
        from dataclasses import replace

        return served(policy, replace(facts, converted_at=None, below_cut_since=town.START))

    monkeypatch.setattr("urja.core.policy.disconnection_bars.notices_served", forgetful)
    used_up(place)
    place.deliver()
    ordered(place, on=2, of=(1,))
    place.now = place.at(2, 0)
    run(place.now)
    place.until(place.at(2, 2), timedelta(hours=1))
    ordered(place, "prepaid", on=3, of=(1,))
    place.until(place.at(3, 2), timedelta(hours=4))
    run(place.now)
    place.now = place.at(3, 3)
    place.use(30_000)
    place.until(place.at(3, 15), timedelta(hours=2))
    assert [kind for kind, _ in place.commands()] == ["disconnect"]
    assert "cut_after_notices" in broken(place)


# -- plans of instalments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("instalments", [0, 10])
def test_a_plan_goes_on_in_both_directions(place, instalments):
    owe(place)
    agree(place)
    ordered(place, on=2, of=(1,), instalments=instalments)
    place.now = place.at(2, 0)
    run(place.now)
    assert (modes(place)[0], plans(place)) == ("postpaid", [(5_000, "month", True)])
    place.until(place.at(2, 2), timedelta(hours=1))
    ordered(place, "prepaid", on=3, of=(1,), instalments=instalments)
    place.until(place.at(3, 2), timedelta(hours=4))
    run(place.now)
    assert (modes(place)[0], plans(place)) == ("prepaid", [(5_000, "month", True)])


def test_instalments_are_posted_while_the_supply_is_postpaid(place):
    from urja.pipeline import instalments

    owe(place)
    agree(place, every="day", first=2)
    ordered(place, on=2, of=(1,))
    place.now = place.at(2, 0)
    run(place.now)
    close_day(place, 2)
    assert instalments.post_due(place.now) + place_posted(place) >= 1
    assert money_laws(place) == []


def place_posted(place):
    from urja.apps.billing.models import Instalment

    return Instalment.objects.filter(account_id=place.houses[0].account_id).count()


def test_arrears_and_a_negative_balance_are_paid_in_ten_instalments(place):
    """As a state ordered it in 2026."""
    from urja.apps.books.models import Account

    owe(place)
    used_up(place)
    close_day(place, 1)
    owed = -Account.objects.get(id=place.houses[0].account_id).balance_minor
    assert owed > 0
    order = ordered(place, on=3, instalments=10, deposit_minor=50_000)
    place.now = place.at(3, 0)
    run(place.now)
    assert plans(place) == [(-(-(owed + 30_000) // 10), "month", True)]
    row = order.rows.get(position=1)
    assert (row.result["set_apart_minor"], row.result["deposit_due_minor"], row.result["plan"]) == (
        owed, 50_000, "new",
    )  # fmt: skip
    close_day(place, 3)
    assert (broken(place), money_laws(place)) == ([], [])
