"""Who was in the control room's group works there by the registry's book after an upgrade."""

import importlib

from django.db import connection


def test_members_of_the_group_are_employed(database, standing_clock):
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group

    from urja.apps.identity.models import Employment
    from urja.web.shared.colleague import employed

    operator, other = (
        get_user_model().objects.create_user(f"{name}@example.org", f"{name}@example.org")
        for name in ("operator", "other")
    )
    operator.groups.add(Group.objects.create(name="control_room"))
    # Business time stands behind the wall's: they have worked here from the first thing written down.
    from tests.apps.street import START, adopt

    adopt(1)
    migration = importlib.import_module("urja.web.console.migrations.0002_employed")
    with connection.cursor() as cursor:
        cursor.execute(migration._EMPLOY)
    (held,) = Employment.objects.all()
    assert (held.user_id, held.role, held.valid_from, held.node_id) == (
        operator.pk,
        "control_room",
        START,
        None,
    )
    assert employed(operator)
    assert not employed(other)
    assert not Group.objects.exists()
