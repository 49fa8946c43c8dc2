"""Which entries of statements are transfers of consumers: no payouts of gateways, and no cheques on deposit slips.

What explains an entry is read from the view `bank_explained_entry`, by which the trigger of `bank_match` refuses it too.
"""

from django.db import connection
from django.db.models.expressions import RawSQL
from django.db.models.query import QuerySet

from urja.apps.bank.models import Entry


def transfers() -> QuerySet[Entry]:
    """Return entries that may be credited as transfers: credits that the society's own records do not explain."""
    explained = RawSQL("SELECT entry_id FROM bank_explained_entry", ())
    return Entry.objects.filter(amount_minor__gt=0, reversal=False).exclude(id__in=explained)


def is_explained(entry_id: int) -> bool:
    """Return whether an entry is a payout in a gateway's report or a cheque on a slip."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM bank_explained_entry WHERE entry_id = %s)", [entry_id])
        return bool(cursor.fetchone()[0])
