"""What the web writes down of people, keys and sign-ins."""

from collections.abc import Iterable
from datetime import datetime

from urja.apps.identity.models import PersonalRead
from urja.apps.identity.queries.access import Caller
from urja.apps.journal.operation import next_number


def note_reads(caller: Caller, person_ids: Iterable[int], what: str, at: datetime) -> None:
    """Write down that somebody reads personal data of others, before they are answered; their own is theirs."""
    PersonalRead.objects.bulk_create(
        PersonalRead(
            id=next_number(),
            user_id=caller.user_id,
            token_id=caller.token_id,
            person_id=person_id,
            what=what,
            read_at=at,
        )
        for person_id in sorted(set(person_ids) - {caller.person_id})
    )
