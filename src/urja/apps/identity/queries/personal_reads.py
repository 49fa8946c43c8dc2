"""Who has read whose personal data."""

from django.db.models import Q

from urja.apps.identity.models import PersonalRead

type PersonalReadRow = PersonalRead


def of_people(
    people: Q,
    *,
    person_id: int | None = None,
    user_id: int | None = None,
    token_id: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[PersonalRead]:
    """The newest reads of people (a condition on `person_id`), of one person or by one reader where they are given."""
    given = {"person_id": person_id, "user_id": user_id, "token_id": token_id, "id__lt": before}
    rows = PersonalRead.objects.filter(
        people, **{name: value for name, value in given.items() if value is not None}
    )
    return list(rows.order_by("-id")[:limit])


def of_person(person_id: int) -> list[PersonalRead]:
    """All reads of one person, the oldest first."""
    return list(PersonalRead.objects.filter(person_id=person_id).order_by("id"))
