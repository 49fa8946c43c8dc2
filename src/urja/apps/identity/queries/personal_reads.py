"""Queries on reads of personal data."""

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
    """Return the newest reads of people's data, newest first.

    `people` is a condition on `person_id`; a person, a reader and a number that the reads lie before narrow it.
    """
    given = {"person_id": person_id, "user_id": user_id, "token_id": token_id, "id__lt": before}
    rows = PersonalRead.objects.filter(
        people, **{name: value for name, value in given.items() if value is not None}
    )
    return list(rows.order_by("-id")[:limit])


def of_person(person_id: int) -> list[PersonalRead]:
    """Return all reads of one person's data, the oldest first."""
    return list(PersonalRead.objects.filter(person_id=person_id).order_by("id"))
