"""The law of subsidy claims: the claims of all months come to what the receivable accounts hold, to the minor unit."""

from collections import Counter
from collections.abc import Iterator

from urja.apps.overviews.queries.receivables import CLAIMED, parameters
from urja.laws.connections import Connection


def examine(connection: Connection, bucket: int, zone: str) -> Iterator[str]:
    """Yield each receivable account of a bucket of which the claims of all months have more or less than its balance."""
    claimed: Counter[tuple[str, str]] = Counter()
    for _, code, currency, _, _, _, _, given, taken_back in connection.execute(
        CLAIMED, parameters(zone, bucket)
    ):
        claimed[code, currency] += given - taken_back
    owed = {
        (code, currency): -balance_minor
        for code, currency, balance_minor in connection.execute(
            "SELECT code, currency, balance_minor FROM books_account "
            "WHERE bucket = %s AND kind = 'contra' AND starts_with(code, 'receivable:')",
            [bucket],
        )
    }
    for key in sorted(owed.keys() | claimed.keys()):
        if claimed[key] != owed.get(key, 0):
            yield (
                f"{' '.join(key)} of bucket {bucket} is owed {owed.get(key, 0)}, its claims come to {claimed[key]}"
            )
