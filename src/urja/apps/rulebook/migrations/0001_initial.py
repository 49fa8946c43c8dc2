"""Versions of tariffs, which nobody changes: also not the owner of the table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="TariffVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=64)),
                ("version", models.CharField(max_length=64)),
                ("valid_from", models.DateField()),
                ("text", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                ("loaded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "tariffs_version",
                "constraints": [
                    models.UniqueConstraint(fields=("code", "version"), name="tariffs_one_text_per_version")
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE FUNCTION tariffs_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'a tariff version is never changed or deleted: load a new version'
                    USING ERRCODE = 'integrity_constraint_violation';
            END $$;
            CREATE TRIGGER tariffs_version_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON tariffs_version
                FOR EACH STATEMENT EXECUTE FUNCTION tariffs_refuse_change();
            """,
            """
            DROP TRIGGER tariffs_version_immutable ON tariffs_version;
            DROP FUNCTION tariffs_refuse_change;
            """,
        ),
    ]
