"""What becomes of an error of the database where the guards of an operation ask it."""

import pytest
from tests.apps.town import START


@pytest.mark.parametrize("dry", [False, True])
def test_a_number_that_a_guards_query_does_not_take_is_refused_with_a_sentence(database, dry):
    """It was called an internal error: guards ran outside of where errors of the database become sentences."""
    from django.db import connection

    from urja.apps.journal.errors import RefusedError
    from urja.apps.journal.models import AuditEntry
    from urja.usecases.operations import UseCase, dry_run_changes, perform

    class Count(UseCase):
        pieces: int

        def faults(self, execution):
            with connection.cursor() as cursor:
                cursor.execute("SELECT %s::smallint", [self.pieces])
            yield from ()

    do = dry_run_changes if dry else perform
    with pytest.raises(RefusedError) as refused:
        do(Count(pieces=2**40), recorded_at=START, actor="test")
    assert refused.value.faults == ["a number is too large to be stored"]
    assert not AuditEntry.objects.exists()
