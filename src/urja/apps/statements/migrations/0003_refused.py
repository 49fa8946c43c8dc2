"""A due statement says why the database refuses it, and the installation from which day on statements are made."""

from django.db import migrations, models
from django.db.models import Q

from urja.base.sql_beside import sql_beside


class Migration(migrations.Migration):
    dependencies = [("statements", "0002_rules")]

    operations = [
        migrations.AddField("duestatement", "problem", models.TextField(db_default="")),
        migrations.AddIndex(
            "duestatement",
            models.Index(fields=["agreement"], condition=~Q(problem=""), name="statements_due_refused"),
        ),
        migrations.RunSQL(sql_beside(__file__)),
    ]
