"""An agreement may have a policy and a billing calendar of its own."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("registry", "0014_known")]

    operations = [
        migrations.AddField("agreement", "billing_day", models.SmallIntegerField(null=True)),
        migrations.AddConstraint(
            "agreement",
            models.CheckConstraint(
                condition=Q(billing_day__isnull=True) | Q(billing_day__range=(1, 28)),
                name="registry_agreement_billing_day",
            ),
        ),
        migrations.AddField(
            "agreementterms",
            "policy",
            models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
    ]
