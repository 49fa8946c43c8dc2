"""What the web may record of an authenticator's answer has a size."""

from django.db import migrations

_MOST_BYTES = 16_384
_COLUMNS = {
    "approvals_enrolment": ("client_data", "attestation"),
    "approvals_answer": ("credential_id", "client_data", "authenticator_data", "signature"),
}


def _check(table: str, columns: tuple[str, ...]) -> str:
    within = " AND ".join(f"octet_length({column}) <= {_MOST_BYTES}" for column in columns)
    return f"ALTER TABLE {table} ADD CONSTRAINT {table}_size CHECK ({within})"


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_approvals")]

    operations = [
        migrations.RunSQL(
            [_check(table, columns) for table, columns in _COLUMNS.items()],
            [f"ALTER TABLE {table} DROP CONSTRAINT {table}_size" for table in _COLUMNS],
        )
    ]
