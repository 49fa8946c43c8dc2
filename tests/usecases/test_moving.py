"""Move-in and move-out: energy is divided at an instant, money goes to the right account, and no consumer sees
another's history.
"""

from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.town import HALF_HOUR, START, adopt
from tests.conftest import begun_with
from tests.pipeline.test_post import load
from tests.usecases.life import DAY, HOUR, commissioned, connect, do, install_meter, stock

NOON = START + 12 * HOUR
COMMISSIONED = START + 2 * HOUR


@pytest.fixture
def connection(database):
    with database.connect() as connection:
        yield connection


def without_a_consumer(database):
    """A new service point with a meter in service, where no consumer has supply yet."""
    load()
    connect()
    stock(1)
    install_meter(1, START + HOUR)
    commissioned(1, COMMISSIONED)
    return "C-1"


database, vacant = begun_with(without_a_consumer)


def moving_in(**more):
    from urja.usecases.operations import MoveIn

    values = {
        "consumer_number": "C-1",
        "at": COMMISSIONED,
        "name": "Meera",
        "email": "meera@example.org",
        "tariff_code": "demo",
        "sanctioned_load_w": 5000,
    }
    return MoveIn(**(values | more))


def moving_out(**more):
    from urja.usecases.operations import MoveOut

    return MoveOut(**({"consumer_number": "C-1", "at": NOON} | more))


def refused(operation, *says, at=NOON):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError) as refusal:
        do(operation, at)
    text = "; ".join(refusal.value.faults)
    for one in says:
        assert one in text, text


def agreements():
    from urja.apps.contracts.models import Agreement

    return list(Agreement.objects.order_by("valid_from"))


def orders():
    """What was asked of the supply, in order."""
    from urja.apps.supply.models import Order

    return list(Order.objects.order_by("id").values_list("action", "hold"))


class Meter:
    """A billing meter that pushes half an hour after half an hour, and is read at each midnight."""

    def __init__(self, connection, place="C-1"):
        from urja.apps.assets.models import DevicePeriod

        self.connection = connection
        self.period = DevicePeriod.objects.select_related("device").get(
            service_point__consumer_number=place, valid_to=None
        )

    def _row(self, at):
        from types import SimpleNamespace

        holding = [a for a in agreements() if a.valid_from <= at and (a.valid_to is None or a.valid_to > at)]
        return SimpleNamespace(
            service_point_id=self.period.service_point_id,
            device_id=self.period.device_id,
            agreement_id=holding[0].id if holding else 0,
        )

    def blocks(self, start, *energies):
        """Half hours one after the other, each with its Wh."""
        for number, wh in enumerate(energies):
            at = start + number * HALF_HOUR
            town.store_blocks(self.connection, town.blocks(self._row(at), (at, wh)), now=at + HOUR)

    def daily(self, at, wh):
        town.store_registers(self.connection, town.registers(self._row(at - HALF_HOUR), (at, wh)), now=at)


class TestMovingIn:
    def test_everything_is_made_and_the_supply_is_released(self, vacant):
        from urja.apps.assets.models import Configuration
        from urja.apps.books.models import CreditRequest
        from urja.apps.identity.queries import accounts
        from urja.apps.people.models import Person

        made = do(moving_in(credit_minor=50_000, phone="98123 45678", category="bpl"), NOON).outcome
        (agreement,) = agreements()
        person = Person.objects.get()
        assert (agreement.customer, agreement.valid_from, agreement.valid_to) == (person, COMMISSIONED, None)
        assert (person.name, person.email, person.phone) == ("Meera", "meera@example.org", "9812345678")
        assert (agreement.terms_at(NOON).category, agreement.terms_at(NOON).tariff_code) == ("bpl", "demo")
        (access,) = accounts.accesses_of(made["user_id"])
        assert (access.account_id, access.role) == (made["account_id"], "owner")
        assert CreditRequest.objects.get().amount_minor == 50_000
        assert orders() == [("release", "vacant")]
        wanted = dict(Configuration.objects.values_list("item", "desired"))
        assert wanted == {"payment_mode": "prepaid", "metering_mode": "forward", "load_limit_w": "5000"}

    def test_who_is_known_is_not_made_again(self, vacant):
        from urja.apps.people.models import Person

        known = adopt(2, email="meera@example.org")
        do(moving_in(name="", email="Meera@Example.org "), NOON)
        assert [one.customer_id for one in agreements()] == [Person.objects.get().id] * 2
        assert known

    def test_by_number(self, vacant):
        from urja.apps.people.models import Person

        adopt(2)
        do(moving_in(name="", email="", consumer_id=Person.objects.get().id), NOON)
        assert Person.objects.count() == 1

    def test_who_has_no_address_gets_a_login_by_number(self, vacant):
        from urja.apps.identity.queries.mobile_users import users_of_number

        do(moving_in(email="", phone="98765 43210"), NOON)
        [user] = users_of_number("+919876543210", NOON)
        assert user.name == "Meera"
        assert not users_of_number("+919876543211", NOON)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"consumer_number": "C-9"}, "there is no service point C-9"),
            ({"email": "meera"}, "'meera' is not an e-mail address"),
            ({"email": ""}, "give an e-mail address or a mobile number"),
            ({"email": "", "name": "", "phone": "9876543210"}, "give the name of a new person"),
            ({"name": ""}, "no person is known by meera@example.org: give a name"),
            ({"phone": "12"}, "'12' is not a telephone number"),
            ({"language": "fr"}, "not 'fr'"),
            ({"consumer_id": 5}, "there is no person 5"),
            ({"tariff_code": "gold"}, "no version of tariff 'gold'"),
            ({"sanctioned_load_w": 0}, "more than 0 W"),
            ({"sanctioned_load_w": 20_000}, "is rated for 14400 W, less than the sanctioned load of 20000 W"),
            ({"payment_mode": "never"}, "not 'never'"),
            ({"metering_mode": "both"}, "not 'both'"),
            ({"billing_day": 0}, "begin on a day from 1 to 28 of a month, not on 0"),
            ({"billing_day": 29}, "begin on a day from 1 to 28 of a month, not on 29: leave it out"),
            ({"credit_minor": -1}, "an opening credit cannot be negative: -0.01"),
            ({"deposit_minor": 100}, "a prepaid supply needs no security deposit"),
            ({"at": NOON + DAY}, "is in the future"),
            ({"at": START + HOUR}, "is in service only from"),
            ({"at": COMMISSIONED + HOUR}, "is not known at"),
            ({"at": COMMISSIONED + HOUR, "register_wh": 99}, "cannot go back to 99 Wh"),
            ({"currency": "USD"}, "tariff demo is in INR"),
        ],
    )
    def test_what_stands_against_it(self, vacant, change, says):
        refused(moving_in(**change), says)

    def test_a_meter_that_is_not_in_service_supplies_no_consumer(self, database):
        connect("C-2")
        asked = moving_in(consumer_number="C-2")
        refused(asked, "no billing meter is installed at C-2: install_meter, then commission")
        stock(2)
        install_meter(2, place="C-2")
        refused(asked, "meter URJ00000002 is not in service: commission it first")

    def test_a_forward_only_meter_is_no_net_meter(self, database):
        connect("C-2")
        stock(2, forward_only=True)
        install_meter(2, place="C-2")
        commissioned(2, COMMISSIONED)
        refused(
            moving_in(consumer_number="C-2", metering_mode="net"),
            "net-metered and needs a bidirectional meter",
        )
        do(moving_in(consumer_number="C-2"), NOON)

    def test_no_person_moves_into_an_occupied_or_closed_supply(self, vacant):
        do(moving_in(), NOON)
        refused(moving_in(email="b@example.org"), "its consumer must move out first")
        connect("T-1", premise_name="Pole", purpose="transformer")
        refused(
            moving_in(consumer_number="T-1"),
            "has the purpose transformer: only consumers' service points have agreements",
        )

    def test_a_postpaid_supply_gives_a_deposit(self, vacant):
        from urja.apps.billing.models import Deposit

        do(moving_in(payment_mode="postpaid", deposit_minor=90_000), NOON)
        assert Deposit.objects.get().amount_minor == 90_000

    def test_undoing_it(self, vacant):
        from urja.apps.books.models import CreditRequest, DebitRequest
        from urja.apps.identity.models import AccountAccess
        from urja.apps.people.models import Person
        from urja.usecases.operations import Undo

        entry = do(moving_in(credit_minor=100), NOON)
        do(Undo(entry_id=entry.id, reason="the wrong flat"), NOON)
        assert (agreements(), list(Person.objects.all()), list(AccountAccess.objects.all())) == ([], [], [])
        assert CreditRequest.objects.get().amount_minor == DebitRequest.objects.get().amount_minor
        assert orders() == [("release", "vacant"), ("hold", "vacant")]

    def test_the_pipelines_role_can_do_it(self, vacant):
        from django.db import connections

        settings = connections["default"].settings_dict
        owner = settings["USER"]
        connections.close_all()
        try:
            settings["USER"] = "urja_pipeline"
            do(moving_in(credit_minor=100), NOON)
            do(moving_out(register_wh=200), NOON)
        finally:
            connections.close_all()
            settings["USER"] = owner
        assert agreements()[0].valid_to == NOON


class TestMovingOut:
    @pytest.fixture
    def meter(self, vacant, connection):
        do(moving_in(), COMMISSIONED)
        return Meter(connection)

    def test_at_the_end_of_an_interval_energy_is_divided_there(self, meter, connection):
        meter.blocks(COMMISSIONED, *[10] * 20)
        do(moving_out(), NOON + HOUR)
        do(moving_in(at=NOON, email="b@example.org", name="Bela"), NOON + HOUR)
        meter.blocks(NOON, 7, 7)
        first, second = agreements()
        used = dict(
            connection.execute(
                "SELECT agreement_id, billed_value FROM readings_accrual ORDER BY 1"
            ).fetchall()
        )
        assert (first.valid_to, second.valid_from) == (NOON, NOON)
        assert used == {first.id: 200, second.id: 14}

    def test_elsewhere_the_nearest_known_instants_are_offered(self, meter):
        meter.blocks(COMMISSIONED, *[10] * 6)
        at = COMMISSIONED + 2 * HOUR + timedelta(minutes=10)
        refused(
            moving_out(at=at),
            "is not known at",
            f"choose {(at - timedelta(minutes=10)).isoformat()} or {(at + timedelta(minutes=20)).isoformat()}",
        )
        do(moving_out(at=at, register_wh=145), NOON)
        assert agreements()[0].valid_to == at

    def test_a_missing_interval_divides_nothing(self, meter):
        meter.blocks(COMMISSIONED, 10, 10)
        meter.blocks(COMMISSIONED + 2 * HOUR, 10, 10)
        refused(moving_out(at=COMMISSIONED + 3 * HOUR), f"choose {(COMMISSIONED + HOUR).isoformat()}, where")

    def test_what_stands_against_it(self, meter):
        refused(moving_out(consumer_number="C-9"), "there is no service point C-9")
        refused(moving_out(at=NOON + DAY), "is in the future")
        refused(moving_out(at=COMMISSIONED), "began only on")
        refused(moving_out(register_wh=1), "cannot go back to 1 Wh")
        refused(moving_out(register_wh=200, transfer_to=5), "there is no account 5", "needs the consent")
        own = agreements()[0].account_id
        refused(moving_out(register_wh=200, transfer_to=own, consented=True), "is the one being closed")
        do(moving_out(register_wh=200), NOON)
        refused(moving_out(register_wh=200), " ended on ")

    def test_terms_that_were_agreed_for_later_come_to_nothing(self, meter):
        from urja.apps.contracts.models import AgreementTerms
        from urja.usecases.operations import ChangeLoad, Undo

        later = (START + 5 * DAY + 6 * HOUR).date()
        do(ChangeLoad(consumer_number="C-1", effective_on=later, sanctioned_load_w=3000), NOON)
        before = list(AgreementTerms.objects.order_by("id").values())
        entry = do(moving_out(register_wh=200), NOON)
        (terms,) = AgreementTerms.objects.all()
        assert (terms.sanctioned_load_w, terms.valid_to) == (5000, NOON)
        do(Undo(entry_id=entry.id, reason="he stays"), NOON)
        assert list(AgreementTerms.objects.order_by("id").values()) == before
        assert agreements()[0].valid_to is None
        assert orders()[-2:] == [("hold", "vacant"), ("release", "vacant")]


class TestWhatPeopleSee:
    def test_no_consumer_sees_anothers_history(self, vacant, connection):
        from urja.apps.billing.queries.ledger_entries import entries
        from urja.apps.contracts import queries as contracts
        from urja.apps.identity.queries import accounts as identity
        from urja.apps.readings.queries import use_by_day
        from urja.pipeline import post

        old = do(moving_in(credit_minor=5_000), COMMISSIONED).outcome
        meter = Meter(connection)
        meter.blocks(COMMISSIONED, *[10] * 20)
        do(moving_out(at=NOON), NOON + HOUR)
        new = do(moving_in(at=NOON, email="b@example.org", name="Bela"), NOON + HOUR).outcome
        meter.blocks(NOON, *[500] * 24)
        meter.daily(START + DAY, 100 + 200 + 24 * 500)
        post.run_once(START + DAY + 2 * HOUR)
        assert [one.account_id for one in identity.accesses_of(old["user_id"])] == [old["account_id"]]
        assert [one.account_id for one in identity.accesses_of(new["user_id"])] == [new["account_id"]]
        day = (START + 6 * HOUR).date()
        seen = {}
        for whose in (old, new):
            agreement = contracts.agreement_at(whose["account_id"], START + 2 * DAY)
            (use,) = [one for one in use_by_day(agreement, day) if one.energy_wh is not None]
            seen[whose["account_id"]] = use.energy_wh
            rated = [entry for entry in entries(whose["account_id"], 50) if entry.line == "energy"]
            assert rated
        assert seen == {old["account_id"]: 200, new["account_id"]: 12_000}

    def test_agreements_and_all_their_terms_are_values_of_one_statement(self, vacant, connection):
        from django.db import connection as web
        from django.test.utils import CaptureQueriesContext

        from urja.apps.contracts import queries as contracts
        from urja.usecases.operations import ChangeLoad

        do(moving_in(), COMMISSIONED)
        Meter(connection).blocks(COMMISSIONED, *[10] * 22)
        do(moving_out(at=NOON), NOON + HOUR)
        do(moving_in(at=NOON, email="b@example.org", name="Bela"), NOON + HOUR)
        later = START + 5 * DAY
        day = (later + 6 * HOUR).date()
        do(ChangeLoad(consumer_number="C-1", effective_on=day, sanctioned_load_w=3000), NOON + HOUR)
        first, second = agreements()
        accounts = [second.account_id, first.account_id]
        with CaptureQueriesContext(web) as sent:
            both = contracts.agreements([second.id, first.id])
        assert len(sent) == 1
        for value, row in zip(both, (first, second), strict=True):
            for name in set(value.__slots__) - {
                "follows_at",
                "in_service_at",
                "bill_from_at",
                "commodity",
                "all_terms",
            }:
                assert getattr(value, name) == getattr(row, name), name
            for terms, one in zip(value.all_terms, row.all_terms, strict=True):
                assert all(getattr(terms, name) == getattr(one, name) for name in terms.__slots__)
        assert {one.commodity for one in both} == {"electricity"}
        assert [one.follows_at for one in both] == [None, NOON]
        assert [one.in_service_at for one in both] == [COMMISSIONED, COMMISSIONED]
        new = both[1]
        loads_w = [new.terms_at(at).sanctioned_load_w for at in (START, NOON, later, later + 30 * DAY)]
        assert loads_w == [5000, 5000, 3000, 3000]
        assert contracts.of_service_point(new.service_point_id) == both[::-1]
        assert contracts.in_force(accounts, NOON - HOUR) == both[:1]
        assert contracts.in_force(accounts, NOON) == both[1:]
        assert contracts.last_begun(accounts, NOON) == sorted(both, key=lambda one: one.account_id)
        assert contracts.agreement_at(first.account_id, NOON + DAY) == both[0]
        assert contracts.agreement_at(second.account_id, NOON - HOUR) is None


class TestOwnership:
    def test_the_same_energy_belongs_to_another_consumer_from_an_instant_on(self, vacant, connection):
        from urja.apps.billing.models import FinalSettlement
        from urja.usecases.operations import TransferOwnership

        do(moving_in(category="bpl"), COMMISSIONED)
        meter = Meter(connection)
        meter.blocks(COMMISSIONED, *[10] * 22)
        change = TransferOwnership(
            consumer_number="C-1",
            at=NOON,
            name="Bela",
            email="b@example.org",
            remaining="transfer",
            consented=True,
            credit_minor=700,
        )
        do(change, NOON + HOUR)
        first, second = agreements()
        assert (first.valid_to, second.valid_from, second.valid_to) == (NOON, NOON, None)
        assert first.account_id != second.account_id
        assert second.customer.name == "Bela"
        kept = second.terms_at(NOON)
        assert (kept.category, kept.sanctioned_load_w, kept.tariff_code) == ("bpl", 5000, "demo")
        settlement = FinalSettlement.objects.get()
        assert (settlement.way, settlement.to_account_id) == ("transfer", second.account_id)
        used = dict(connection.execute("SELECT agreement_id, billed_value FROM readings_accrual").fetchall())
        assert used == {first.id: 200, second.id: 20}
        assert orders() == [("release", "vacant")]

    @pytest.mark.parametrize(("said", "own"), [({}, 12), ({"billing_day": 3}, 3)])
    def test_the_new_owner_has_the_calendar_of_before_or_another(self, vacant, said, own):
        from urja.usecases.operations import TransferOwnership, Undo

        do(moving_in(billing_day=12), COMMISSIONED)
        change = {"consumer_number": "C-1", "at": NOON, "name": "Bela", "email": "b@example.org"}
        refused(TransferOwnership(register_wh=200, billing_day=31, **change), "not on 31")
        entry = do(TransferOwnership(register_wh=200, **change, **said), NOON)
        assert [one.billing_day for one in agreements()] == [12, own]
        do(Undo(entry_id=entry.id, reason="he stays"), NOON)
        assert [(one.billing_day, one.valid_to) for one in agreements()] == [(12, None)]

    def test_what_stands_against_it(self, vacant):
        from urja.usecases.operations import TransferOwnership

        change = TransferOwnership(
            consumer_number="C-1", at=NOON, name="Bela", email="b@example.org", remaining="transfer"
        )
        refused(change, "there is no agreement at", "needs the consent")
