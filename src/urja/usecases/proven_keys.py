"""New keys become the current keys of devices once the meters have proven them."""

from typing import Final

from django.db import connection

from urja.apps.assets.models import NewKeys
from urja.apps.meter_jobs.key_changes import resend_unanswered
from urja.apps.meter_jobs.steps import Moment
from urja.usecases.operation_execution import perform
from urja.usecases.take_new_keys import TakeNewKeys

_ACTOR: Final = "meter_jobs"


def settle_new_keys(moment: Moment) -> int:
    """Process new keys, whether a job still waits for them or not; return the number of devices."""
    if not NewKeys.objects.exists():
        return 0
    return take_proven(moment) + resend_unanswered(moment)


_PROVEN: Final = """
SELECT k.device_id, k.number FROM assets.new_keys k WHERE EXISTS (
    SELECT FROM commands.command c WHERE c.device_id = k.device_id AND c.kind = 'change_keys' AND c.state = 'confirmed'
        AND (c.arguments->>'number')::bigint = k.number)
ORDER BY k.device_id LIMIT 500
"""


def take_proven(moment: Moment) -> int:
    """Make new keys that a session has proven the current keys; return the number of devices."""
    with connection.cursor() as cursor:
        cursor.execute(_PROVEN)
        proven = cursor.fetchall()
    for device_id, number in proven:
        perform(TakeNewKeys(device_id=device_id, number=number), recorded_at=moment.now, actor=_ACTOR)
    return len(proven)
