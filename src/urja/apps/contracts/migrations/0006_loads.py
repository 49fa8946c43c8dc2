"""Terms may state the sanctioned load in VA, and the contracted load."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("contracts", "0005_ended")]

    operations = [
        *(
            migrations.AddField("agreementterms", name, models.IntegerField(null=True))
            for name in ("sanctioned_load_va", "contracted_load_w", "contracted_load_va")
        ),
        *(
            migrations.AddConstraint(
                "agreementterms",
                models.CheckConstraint(
                    condition=Q(**{name: None}) | Q(**{f"{name}__gt": 0}), name=f"contracts_terms_{name}"
                ),
            )
            for name in ("sanctioned_load_va", "contracted_load_w", "contracted_load_va")
        ),
    ]
