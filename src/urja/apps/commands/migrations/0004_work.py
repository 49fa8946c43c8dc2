"""Work orders have an app of their own by now (`urja.apps.work`), which has taken them over."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("commands", "0003_tampers"),
        ("supply", "0005_work"),
        ("work", "0001_initial"),
    ]

    operations = [
        migrations.DeleteModel(name="WorkOrder"),
    ]
