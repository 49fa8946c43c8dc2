"""Names of staff by actor, for pages that show who did something."""

from collections.abc import Iterable

from django.contrib.auth import get_user_model


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Return names by actor, for actors of the form `user 17`; other actors have none."""
    users = {int(actor.split()[1]): actor for actor in actors if actor.startswith("user ")}
    found = get_user_model().objects.filter(id__in=users).values_list("id", "first_name", "email")
    return {users[id_]: name or email for id_, name, email in found}
