"""What later migrations do: a column, another type for a column that a view shows, and a table made from existing rows."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("books", "0012_inputs_as_text")]

    operations = [
        migrations.AddField("account", "opened_by", models.CharField(max_length=40, default="first set")),
        migrations.RunSQL("ALTER TABLE books_account ALTER COLUMN code TYPE text"),
        migrations.RunSQL(
            "CREATE TABLE books_planted AS SELECT account_id, count(*) AS entries FROM books_entry GROUP BY account_id"
        ),
    ]
