"""When the pipeline first saw a claim; a file is a statement once over all accounts; functions find no temporary table."""

from django.db import migrations, models

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("bank", "0009_cheques")]

    operations = [
        migrations.AddField("claim", "received_at", models.DateTimeField(null=True)),
        migrations.RunSQL(sql_beside(__file__)),
        migrations.RemoveConstraint("statement", "bank_statement_once"),
        migrations.AddConstraint(
            "statement", models.UniqueConstraint(fields=["sha256"], name="bank_statement_once")
        ),
    ]
