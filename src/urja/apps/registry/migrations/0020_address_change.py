"""Changes of the address to sign in with, which are confirmed, and what happens at the door."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_FORGET_BEFORE = """
CREATE OR REPLACE FUNCTION registry_forget(person bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    forgotten registry_person%ROWTYPE;
    reached text[];
    words text[];
    operations bigint[];
BEGIN
    SELECT * INTO forgotten FROM registry_person WHERE id = person FOR UPDATE;
    IF forgotten.nameless_at IS NULL OR forgotten.name <> '' THEN
        RAISE EXCEPTION 'person % is not nameless', person;
    END IF;

    -- What ever named them: e-mail addresses and telephone numbers are theirs alone, names and addresses may be others' too.
    SELECT coalesce(array_agg(DISTINCT registry_plain(word)), '{}') INTO reached FROM (
        SELECT unnest(ARRAY[row->>'email', row->>'phone']) AS word
        FROM registry_history WHERE table_name = 'registry_person' AND row_id = person
        UNION ALL SELECT unnest(ARRAY[email, username]) FROM auth_user WHERE id = forgotten.user_id
        UNION ALL SELECT email FROM account_emailaddress WHERE user_id = forgotten.user_id
    ) said WHERE word <> '';
    SELECT reached || coalesce(array_agg(DISTINCT registry_plain(word)), '{}') INTO words FROM (
        SELECT unnest(ARRAY[row->>'name', row->>'address']) AS word
        FROM registry_history WHERE table_name = 'registry_person' AND row_id = person
        UNION ALL SELECT unnest(ARRAY[first_name, last_name]) FROM auth_user WHERE id = forgotten.user_id
        UNION ALL SELECT evidence FROM registry_protection WHERE person_id = person
    ) said WHERE word <> '';

    UPDATE registry_protection SET evidence = '' WHERE person_id = person AND evidence <> '';
    UPDATE registry_history SET row = row || '{"name": "", "email": "", "phone": null, "address": ""}'
    WHERE table_name = 'registry_person' AND row_id = person;
    UPDATE registry_history SET row = row || '{"evidence": ""}'
    WHERE table_name = 'registry_protection' AND row->>'person_id' = person::text;

    SELECT array_agg(DISTINCT id) INTO operations FROM (
        SELECT forgotten.operation_id AS id
        UNION ALL SELECT operation_id FROM registry_history WHERE table_name = 'registry_person' AND row_id = person
        UNION ALL SELECT operation_id FROM registry_consent WHERE person_id = person
        UNION ALL SELECT operation_id FROM registry_protection WHERE person_id = person
        UNION ALL SELECT operation_id FROM registry_employment WHERE user_id = forgotten.user_id
        UNION ALL SELECT operation_id FROM registry_token WHERE user_id = forgotten.user_id
        UNION ALL SELECT o.id FROM registry_operation o
        WHERE o.service_point_id IN (
            SELECT service_point_id FROM registry_agreement WHERE customer_id = person
            UNION SELECT g.service_point_id FROM registry_agreement g
            JOIN registry_account_access x ON x.account_id = g.account_id WHERE x.person_id = person
        )
    ) touched WHERE id IS NOT NULL;
    PERFORM set_config('urja.forgetting', 'yes', true);
    UPDATE registry_operation SET content = registry_without(content, words), outcome = registry_without(outcome, words)
    WHERE id = ANY(operations);
    PERFORM set_config('urja.forgetting', '', true);
    UPDATE registry_request SET
        content = registry_without(content, words), effects = registry_without(effects, words),
        faults = CASE WHEN EXISTS (SELECT FROM unnest(words) w WHERE strpos(registry_plain(faults::text), w) > 0)
            THEN '[]' ELSE faults END
    WHERE operation_id = ANY(operations) OR registry_without(content, reached) <> content;

    DELETE FROM registry_external WHERE kind = 'person' AND object_id = person;
    UPDATE notices_notice SET recipient = '' WHERE recipient <> '' AND registry_plain(recipient) = ANY(reached);
    DELETE FROM notices_message WHERE registry_plain(recipient) = ANY(reached);
    UPDATE registry_token SET revoked_at = forgotten.nameless_at
    WHERE user_id = forgotten.user_id AND revoked_at IS NULL;
    DELETE FROM account_emailaddress WHERE user_id = forgotten.user_id;
    UPDATE auth_user SET username = 'nameless-' || id, email = '', first_name = '', last_name = '', is_active = false
    WHERE id = forgotten.user_id;
END $$;
"""

_FORGET = """
CREATE OR REPLACE FUNCTION registry_forget(person bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    forgotten registry_person%ROWTYPE;
    reached text[];
    words text[];
    operations bigint[];
BEGIN
    SELECT * INTO forgotten FROM registry_person WHERE id = person FOR UPDATE;
    IF forgotten.nameless_at IS NULL OR forgotten.name <> '' THEN
        RAISE EXCEPTION 'person % is not nameless', person;
    END IF;

    -- What ever named them: e-mail addresses and telephone numbers are theirs alone, names and addresses may be others' too.
    SELECT coalesce(array_agg(DISTINCT registry_plain(word)), '{}') INTO reached FROM (
        SELECT unnest(ARRAY[row->>'email', row->>'phone']) AS word
        FROM registry_history WHERE table_name = 'registry_person' AND row_id = person
        UNION ALL SELECT unnest(ARRAY[email, username]) FROM auth_user WHERE id = forgotten.user_id
        UNION ALL SELECT email FROM account_emailaddress WHERE user_id = forgotten.user_id
        UNION ALL SELECT unnest(ARRAY[old_email, new_email]) FROM registry_address_change
        WHERE person_id = person OR user_id = forgotten.user_id
    ) said WHERE word <> '';
    SELECT reached || coalesce(array_agg(DISTINCT registry_plain(word)), '{}') INTO words FROM (
        SELECT unnest(ARRAY[row->>'name', row->>'address']) AS word
        FROM registry_history WHERE table_name = 'registry_person' AND row_id = person
        UNION ALL SELECT unnest(ARRAY[first_name, last_name]) FROM auth_user WHERE id = forgotten.user_id
        UNION ALL SELECT evidence FROM registry_protection WHERE person_id = person
    ) said WHERE word <> '';

    UPDATE registry_protection SET evidence = '' WHERE person_id = person AND evidence <> '';
    UPDATE registry_history SET row = row || '{"name": "", "email": "", "phone": null, "address": ""}'
    WHERE table_name = 'registry_person' AND row_id = person;
    UPDATE registry_history SET row = row || '{"evidence": ""}'
    WHERE table_name = 'registry_protection' AND row->>'person_id' = person::text;

    SELECT array_agg(DISTINCT id) INTO operations FROM (
        SELECT forgotten.operation_id AS id
        UNION ALL SELECT operation_id FROM registry_history WHERE table_name = 'registry_person' AND row_id = person
        UNION ALL SELECT operation_id FROM registry_address_change
        WHERE person_id = person OR user_id = forgotten.user_id
        UNION ALL SELECT operation_id FROM registry_consent WHERE person_id = person
        UNION ALL SELECT operation_id FROM registry_protection WHERE person_id = person
        UNION ALL SELECT operation_id FROM registry_employment WHERE user_id = forgotten.user_id
        UNION ALL SELECT operation_id FROM registry_token WHERE user_id = forgotten.user_id
        UNION ALL SELECT o.id FROM registry_operation o
        WHERE o.service_point_id IN (
            SELECT service_point_id FROM registry_agreement WHERE customer_id = person
            UNION SELECT g.service_point_id FROM registry_agreement g
            JOIN registry_account_access x ON x.account_id = g.account_id WHERE x.person_id = person
        )
    ) touched WHERE id IS NOT NULL;
    PERFORM set_config('urja.forgetting', 'yes', true);
    UPDATE registry_operation SET content = registry_without(content, words), outcome = registry_without(outcome, words)
    WHERE id = ANY(operations);
    PERFORM set_config('urja.forgetting', '', true);
    UPDATE registry_request SET
        content = registry_without(content, words), effects = registry_without(effects, words),
        faults = CASE WHEN EXISTS (SELECT FROM unnest(words) w WHERE strpos(registry_plain(faults::text), w) > 0)
            THEN '[]' ELSE faults END
    WHERE operation_id = ANY(operations) OR registry_without(content, reached) <> content;

    UPDATE registry_address_change SET old_email = '', new_email = '',
        ended_at = coalesce(ended_at, forgotten.nameless_at),
        state = CASE WHEN state = 'waiting' THEN 'withdrawn' ELSE state END
    WHERE person_id = person OR user_id = forgotten.user_id;
    DELETE FROM registry_external WHERE kind = 'person' AND object_id = person;
    UPDATE notices_notice SET recipient = '' WHERE recipient <> '' AND registry_plain(recipient) = ANY(reached);
    DELETE FROM notices_message WHERE registry_plain(recipient) = ANY(reached);
    UPDATE registry_token SET revoked_at = forgotten.nameless_at
    WHERE user_id = forgotten.user_id AND revoked_at IS NULL;
    DELETE FROM account_emailaddress WHERE user_id = forgotten.user_id;
    UPDATE auth_user SET username = 'nameless-' || id, email = '', first_name = '', last_name = '', is_active = false
    WHERE id = forgotten.user_id;
END $$;
"""

# The web wrote these until now, and they open an account as the user's own address does. Nothing needs them: the code
# itself proves the address.
_PROVEN_BY_THE_WEB = "DELETE FROM account_emailaddress"

_BY_ADDRESS = "CREATE INDEX auth_user_email_upper ON auth_user (upper(email))"

_ONLY_ADDED_TO = """
CREATE FUNCTION registry_sign_ins_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what happened at the door is never changed';
END $$;
CREATE TRIGGER registry_sign_ins_stay BEFORE UPDATE ON registry_sign_in
    FOR EACH ROW EXECUTE FUNCTION registry_sign_ins_stay();
"""

_ONLY_ADDED_TO_REVERSE = """
DROP TRIGGER registry_sign_ins_stay ON registry_sign_in;
DROP FUNCTION registry_sign_ins_stay();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0019_approval_state"),
        ("account", "0001_initial"),
        ("notices", "0005_news"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AddressAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("word", models.CharField(max_length=64)),
                ("received_at", models.DateTimeField()),
            ],
            options={
                "db_table": "registry_address_answer",
            },
        ),
        migrations.CreateModel(
            name="AddressChange",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("old_email", models.CharField(max_length=254)),
                ("new_email", models.CharField(max_length=254)),
                ("system", models.CharField(blank=True, default="", max_length=32)),
                ("of_staff", models.BooleanField(default=False)),
                ("asked_at", models.DateTimeField()),
                ("asked_by", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("done", "Done"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                            ("expired", "Expired"),
                            ("impossible", "Impossible"),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("mailed_at", models.DateTimeField(null=True)),
                ("new_digest", models.BinaryField(max_length=32, null=True)),
                ("old_digest", models.BinaryField(max_length=32, null=True)),
                ("refusal_digest", models.BinaryField(max_length=32, null=True)),
                ("new_confirmed_at", models.DateTimeField(null=True)),
                ("old_confirmed_at", models.DateTimeField(null=True)),
                ("approved_at", models.DateTimeField(null=True)),
                ("approved_by", models.CharField(blank=True, default="", max_length=100)),
                ("approval_counts_from", models.DateTimeField(null=True)),
                ("approval_told_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("end_told_at", models.DateTimeField(null=True)),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.person",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "registry_address_change",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "waiting")),
                        fields=("user",),
                        name="registry_one_address_change",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SignIn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("asked", "Asked"),
                            ("wrong_code", "Wrong Code"),
                            ("limited", "Limited"),
                            ("signed_in", "Signed In"),
                            ("second_factor_failed", "Second Factor Failed"),
                            ("factor_added", "Factor Added"),
                            ("factor_removed", "Factor Removed"),
                            ("signed_out", "Signed Out"),
                        ],
                        max_length=24,
                    ),
                ),
                ("address_digest", models.BinaryField(max_length=32)),
                ("ip", models.GenericIPAddressField(null=True)),
                ("network", models.CharField(max_length=45)),
                ("device_digest", models.BinaryField(max_length=32, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "registry_sign_in",
                "indexes": [
                    models.Index(fields=["address_digest", "at"], name="registry_sign_in_address"),
                    models.Index(fields=["network", "at"], name="registry_sign_in_network"),
                    models.Index(fields=["at"], name="registry_sign_in_at"),
                ],
            },
        ),
        migrations.RunSQL(_FORGET, _FORGET_BEFORE),
        migrations.RunSQL(_PROVEN_BY_THE_WEB, migrations.RunSQL.noop),
        migrations.RunSQL(_BY_ADDRESS, "DROP INDEX auth_user_email_upper"),
        migrations.RunSQL(_ONLY_ADDED_TO, _ONLY_ADDED_TO_REVERSE),
    ]
