"""Adoption is all or nothing; periods do not overlap, also between concurrent transactions."""

import threading
from datetime import timedelta

import psycopg
import pytest
from django.db import connection as django_connection
from tests.apps.town import START, adopt, by_hand, install, remove

from urja.base.ids import bucket_of


def test_adoption_makes_everything_in_one_bucket(database):
    from urja.apps.books.models import CreditRequest
    from urja.apps.commissioning import device_entries
    from urja.apps.contracts import queries as contracts
    from urja.apps.identity.queries import accounts as identity

    made = adopt(bucket=700, credit_minor=50_000)
    keys = (made.premise_id, made.service_point_id, made.device_id, made.agreement_id, made.account_id)
    assert {bucket_of(key) for key in keys} == {700}
    assert CreditRequest.objects.get().amount_minor == 50_000
    assert [(one.account_id, one.role) for one in identity.accesses_of(made.user_id)] == [
        (made.account_id, "owner")
    ]
    assert contracts.agreement_at(made.account_id, START).id == made.agreement_id
    (due,) = device_entries.due_entries(10)
    assert (due.device_id, due.bucket, due.active) == (made.device_id, 700, True)
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT billed_value, watermark_at, opening_value FROM readings_accrual"
        ).fetchall()
    assert rows == [(0, START, 10_000)]


def test_a_person_with_two_supplies_is_one_person(database):
    from urja.apps.identity.queries import accounts

    first, second = adopt(1, email="a@example.org"), adopt(2, email="A@Example.org ")
    assert first.user_id == second.user_id
    assert [access.account_id for access in accounts.accesses_of(first.user_id)] == [
        first.account_id,
        second.account_id,
    ]


def test_gas_at_a_premise_is_a_second_supply_with_a_balance_of_its_own(database):
    from urja.apps.books.models import Account
    from urja.apps.journal.errors import RefusedError
    from urja.apps.network.models import Premise
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs
    from urja.usecases.tariffs import load_tariffs

    load_tariffs([bundled_tariffs()[f"demo-{name}.toml"] for name in ("gas", "domestic")], START)
    home = adopt(1, email="a@example.org", credit_minor=5_000)
    gas = {"device_type": "urja-g1", "interval_s": 3600, "tariff_code": "demo-gas", "email": "a@example.org"}
    supply = adopt(2, premise_code=f"premise:{home.premise_id}", credit_minor=700, **gas)
    assert (supply.premise_id, supply.user_id) == (home.premise_id, home.user_id)
    assert Premise.objects.count() == 1
    with pytest.raises(RefusedError, match="there is no premise premise:1"):
        adopt(3, premise_code="premise:1", **gas)
    with pytest.raises(RefusedError, match="is for electricity"):
        adopt(3, premise_code=f"premise:{home.premise_id}", **gas | {"tariff_code": "demo-domestic"})
    assert {home.account_id, supply.account_id} <= {*Account.objects.values_list("id", flat=True)}
    assert home.account_id != supply.account_id


def test_the_same_meter_twice_changes_nothing(database):
    from urja.apps.network.models import Premise
    from urja.usecases.errors import AlreadyAdoptedError, MeterConflictError

    adopt(1)
    with pytest.raises(AlreadyAdoptedError):
        adopt(1)
    with pytest.raises(MeterConflictError, match="known with system title"):
        adopt(1, system_title=b"OTHER001")
    with pytest.raises(MeterConflictError, match="that of meter URJ00000001"):
        adopt(1, serial="SOMETHING")
    assert Premise.objects.count() == 1


def test_a_failing_adoption_leaves_nothing(database):
    from urja.apps.books.models import Account
    from urja.apps.journal.errors import RefusedError
    from urja.apps.network.models import Premise

    with pytest.raises(RefusedError, match="more than 0 W"):
        adopt(1, sanctioned_load_w=0)
    assert Premise.objects.count() == Account.objects.count() == 0


PERIOD = (
    "INSERT INTO assets_device_period (id, service_point_id, device_id, role, valid_from, valid_to, recorded_at,"
    " actor) VALUES (%s, %s, %s, %s, %s, %s, now(), 'test')"
)


@pytest.mark.parametrize(
    ("place", "device", "role", "refused"),
    [
        ("first", "second", 1, "assets_one_device_per_role"),
        ("first", "second", 2, None),
        ("second", "first", 2, "assets_device_in_one_place"),
    ],
)
def test_periods_of_one_role_or_one_device_do_not_overlap(database, place, device, role, refused):
    made = {"first": adopt(1), "second": adopt(2)}
    end = START + timedelta(days=10)
    remove(2, end)
    with database.connect() as connection:
        row = [1, made[place].service_point_id, made[device].device_id, role]
        if place == "second":
            row[2] = made["first"].device_id
        after = [*row, end, None]
        if refused is None:
            with by_hand(), django_connection.cursor() as cursor:
                cursor.execute(PERIOD, after)
                cursor.execute("UPDATE assets_device SET stock = 'installed' WHERE id = %s", [row[2]])
            return
        with pytest.raises(psycopg.errors.ExclusionViolation, match=refused):
            connection.execute(PERIOD, after)


def test_a_period_may_begin_where_another_ends(database):
    from urja.apps.journal.errors import RefusedError

    adopt(1)
    adopt(2)
    end = START + timedelta(days=10)
    remove(2, end)
    with pytest.raises(RefusedError, match="another device is installed there"):
        install(2, end, place=1)
    remove(1, end)
    install(2, end, place=1)
    with pytest.raises(RefusedError, match="is not installed"):
        remove(1, end)


def test_two_concurrent_agreements_cannot_both_be_made(database):
    """The second insert waits for the first and fails when it commits: no check-then-act in between."""
    from urja.apps.contracts.models import Agreement, AgreementTerms

    made = adopt(1)
    insert = (
        "INSERT INTO contracts_agreement (id, service_point_id, account_id, valid_from, recorded_at, actor)"
        " VALUES (%s, %s, %s, %s, now(), 'test')"
    )
    later = START + timedelta(days=1)
    with by_hand():
        AgreementTerms.objects.update(valid_to=later)
        Agreement.objects.update(valid_to=later)
    outcome = []
    with database.connect(autocommit=False) as one, database.connect(autocommit=False) as two:
        # Terms are looked for at the transaction's end; here only the agreements matter.
        for connection in (one, two):
            connection.execute("ALTER TABLE contracts_agreement DISABLE TRIGGER contracts_terms_cover")
            connection.commit()
        one.execute(insert, [1, made.service_point_id, made.account_id, later])
        pid = two.info.backend_pid

        def second():
            try:
                two.execute(insert, [2, made.service_point_id, made.account_id, later + timedelta(days=5)])
                two.commit()
            except psycopg.errors.ExclusionViolation as error:
                outcome.append(error.diag.constraint_name)

        thread = threading.Thread(target=second)
        thread.start()
        with database.connect() as watcher:
            while not watcher.execute(
                "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'", [pid]
            ).fetchone():
                assert thread.is_alive()
        one.commit()
        thread.join()
    assert outcome == ["contracts_one_agreement"]


def test_a_change_during_projection_stays_due(database):
    from urja.apps.assets import queries as assets
    from urja.apps.commissioning import device_entries

    adopt(1)
    (due,) = device_entries.due_entries(10)
    remove(1, START + timedelta(days=1))
    assets.mark_projected([(due, b"digest")])
    (again,) = device_entries.due_entries(10)
    assert not again.active
    assets.mark_projected([(again, b"digest")])
    assert device_entries.due_entries(10) == []


def test_a_transformers_meter_is_installed_without_an_agreement(database):
    from urja.apps.assets.kinds import DeviceRole
    from urja.apps.contracts.models import Agreement
    from urja.apps.network import queries
    from urja.usecases.operations import InstallNetworkMeter, add_transformer, install_network_meter

    add_transformer("T1", feeder="F1", recorded_at=START, actor="test")
    period = install_network_meter(
        InstallNetworkMeter(
            serial="DT0001",
            system_title=b"URJ\0\0\0\0\1",
            device_type="urja-dt",
            interval_s=1800,
            max_power_w=100_000,
            wrapped_guek=bytes(24),
            wrapped_gak=bytes(24),
            register_wh=0,
            valid_from=START,
            premise_name="Transformer T1",
            transformer="T1",
            bucket=3,
        ),
        recorded_at=START,
        actor="test",
    )
    assert period.role == DeviceRole.SOURCE
    assert queries.transformers_of([period.service_point_id]) == {period.service_point_id: "T1"}
    assert not Agreement.objects.filter(service_point=period.service_point).exists()
