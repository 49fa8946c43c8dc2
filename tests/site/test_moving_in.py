"""The demonstration's town in the registry: every meter as its type says, and an operator in the control room."""

from datetime import UTC, datetime, timedelta

from tests.authenticator import Authenticator

from urja.cosem.security import KekStore
from urja.demo.town import CASHIER, OPERATOR, build_town


def test_the_town_moves_in(database):
    from django.contrib.auth import get_user_model

    from urja.apps.assets.models import Device
    from urja.apps.billing.queries import is_unratable
    from urja.apps.contracts import queries as contracts
    from urja.apps.contracts.models import Agreement
    from urja.apps.network.models import ServicePoint
    from urja.apps.rulebook.queries import heat_values
    from urja.demo.registry_setup import register_town
    from urja.web.shared.colleague import employed

    now = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
    town = build_town(10, 1)
    register_town(town, keys=KekStore(bytes(16)), seed=1, installed_at=now, now=now)
    switches = dict(Device.objects.values_list("serial", "load_switch"))
    without = [house.name for house in town.houses if not switches[house.meter.serial]]
    assert without == ["Gulmohar Workshop"]
    most_w = dict(Device.objects.values_list("device_type", "max_power_w"))
    assert most_w == {
        "urja-d1": 15_000, "urja-d2": 45_000, "urja-d2-net": 45_000, "urja-d2-dg": 45_000, "urja-d3": 140_000,
        "urja-dt": 200_000, "urja-g1-hourly": 2_500,
    }  # fmt: skip
    home, gas = town.houses[9], ServicePoint.objects.get(commodity="gas")
    assert {point.consumer_number for point in ServicePoint.objects.filter(premise=gas.premise_id)} == {
        home.meter.serial,
        home.gas.meter.serial,
    }
    agreements = Agreement.objects.filter(service_point__premise=gas.premise_id).order_by("id")
    assert [(one.terms_at(now).tariff_code, one.customer.email) for one in agreements] == [
        ("demo-domestic", home.email),
        ("town-gas-standard", home.email),
    ]
    assert len({one.account_id for one in agreements}) == 2
    assert not any(
        is_unratable(one, now) for one in contracts.agreements(Agreement.objects.values_list("id", flat=True))
    )
    (heat,) = heat_values.all_versions()
    assert heat.covers(now.date())
    assert {switches[post.meter.serial] for post in town.posts} == {False}
    people = get_user_model().objects
    assert employed(people.get(email=OPERATOR))
    assert employed(people.get(email=CASHIER))
    assert not any(employed(people.get(email=house.email)) for house in town.houses)


def test_the_cashier_gets_a_code_until_there_is_a_passkey(database):
    from django.contrib.auth import get_user_model

    from urja.apps.approvals import passkeys, requests
    from urja.demo.registry_setup import cashier_passkey_code
    from urja.pipeline.approve import run_once as judge
    from urja.usecases.operations import employ

    now = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
    employ(CASHIER, "Cashier", "cashier", recorded_at=now, actor="test")
    code, at = cashier_passkey_code(now), passkeys.site()
    assert at.rp_id == "localhost", "where browsers offer passkeys without TLS"
    cashier = get_user_model().objects.get(email=CASHIER)
    challenge = passkeys.enrolment_challenge(passkeys.code_hash(code), cashier.pk)
    key = Authenticator(rp_id=at.rp_id, origin=at.origins[0])
    requests.enrol(cashier.pk, "telephone", key.register(challenge), now=now)
    # At 600 times real time a month passes while the visitor reads.
    judge(now + timedelta(days=60))
    assert cashier_passkey_code(now) == ""
