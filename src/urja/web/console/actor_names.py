"""What people who work here are called, wherever something was done by one of them."""

from collections.abc import Iterable

from django.contrib.auth import get_user_model


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """The name of each actor who is a user, `user 17`, by the name that they go by here; others have none."""
    users = {int(actor.split()[1]): actor for actor in actors if actor.startswith("user ")}
    found = get_user_model().objects.filter(id__in=users).values_list("id", "first_name", "email")
    return {users[id_]: name or email for id_, name, email in found}
