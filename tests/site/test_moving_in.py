"""The demonstration's town in the registry: every meter as its type says, and somebody in the control room."""

from datetime import UTC, datetime

from urja.cosem.security import KekStore
from urja.demo.town import OPERATOR, build_town


def test_the_town_moves_in(database):
    from django.contrib.auth import get_user_model

    from urja.apps.assets.models import Device
    from urja.demo.registry_setup import register_town
    from urja.web.shared.colleague import employed

    now = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
    town = build_town(3, 1)
    register_town(town, keys=KekStore(bytes(16)), seed=1, installed_at=now, now=now)
    switches = dict(Device.objects.values_list("serial", "load_switch"))
    assert {switches[house.meter.serial] for house in town.houses} == {True}
    assert {switches[post.meter.serial] for post in town.posts} == {False}
    people = get_user_model().objects
    assert employed(people.get(email=OPERATOR))
    assert not any(employed(people.get(email=house.email)) for house in town.houses)
