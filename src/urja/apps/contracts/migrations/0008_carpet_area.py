"""Terms may state the carpet area of a flat."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("contracts", "0007_mode_changes")]

    operations = [
        migrations.AddField("agreementterms", "carpet_area_dm2", models.IntegerField(null=True)),
        migrations.AddConstraint(
            "agreementterms",
            models.CheckConstraint(
                condition=Q(carpet_area_dm2=None) | Q(carpet_area_dm2__gt=0),
                name="contracts_terms_carpet_area_dm2",
            ),
        ),
    ]
