"""Versions of meter types, which nobody changes: also not the owner of the table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="MeterTypeVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=48)),
                ("version", models.CharField(max_length=32)),
                ("valid_from", models.DateField()),
                ("text", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                ("loaded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
            ],
            options={
                "db_table": "meter_types_version",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("name", "version"), name="meter_types_one_text_per_version"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE FUNCTION meter_types_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'a version of a meter type is never changed or deleted: load a new version'
                    USING ERRCODE = 'integrity_constraint_violation';
            END $$;
            CREATE TRIGGER meter_types_version_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON meter_types_version
                FOR EACH STATEMENT EXECUTE FUNCTION meter_types_refuse_change();
            """,
            """
            DROP TRIGGER meter_types_version_immutable ON meter_types_version;
            DROP FUNCTION meter_types_refuse_change;
            """,
        ),
    ]
