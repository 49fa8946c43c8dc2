from django.db import migrations


class Migration(migrations.Migration):
    """The cache table that all web processes share: allauth counts sign-in attempts in it.

    Not logged: what it holds is worth minutes, and a crash may empty it.
    """

    dependencies = [("notices", "0001_initial")]

    operations = [
        migrations.RunSQL(
            """
            CREATE UNLOGGED TABLE web_cache (
                cache_key varchar(255) PRIMARY KEY,
                value text NOT NULL,
                expires timestamptz NOT NULL
            );
            CREATE INDEX web_cache_expires ON web_cache (expires);
            """,
            "DROP TABLE web_cache",
        ),
    ]
