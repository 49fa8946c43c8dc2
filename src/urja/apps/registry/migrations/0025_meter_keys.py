"""What meters' keys are changed with: the master key of each, and new keys until the meter has proven them."""

import django.db.models.deletion
from django.db import migrations, models

_STAY = """
CREATE FUNCTION registry_new_keys_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM registry_device WHERE id = OLD.device_id AND wrapped_guek = OLD.wrapped_guek
        AND wrapped_gak = OLD.wrapped_gak) THEN
        RAISE EXCEPTION 'device % may have taken its new keys: they stay until they are its own', OLD.device_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'registry_new_keys_stay';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER registry_new_keys_stay BEFORE DELETE ON registry_new_keys
FOR EACH ROW EXECUTE FUNCTION registry_new_keys_stay();
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0024_hls_secret")]

    operations = [
        migrations.AddField(
            model_name="device",
            name="wrapped_master",
            field=models.BinaryField(max_length=24, null=True),
        ),
        migrations.CreateModel(
            name="NewKeys",
            fields=[
                (
                    "device",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="new_keys",
                        serialize=False,
                        to="registry.device",
                    ),
                ),
                ("number", models.BigIntegerField()),
                ("wrapped_guek", models.BinaryField(max_length=24)),
                ("wrapped_gak", models.BinaryField(max_length=24)),
                ("seal", models.BinaryField(max_length=32)),
                ("made_at", models.DateTimeField()),
            ],
            options={"db_table": "registry_new_keys"},
        ),
        migrations.RunSQL(_STAY, "DROP FUNCTION registry_new_keys_stay CASCADE"),
    ]
