"""Keys to the API; who read what by a key; and the one way in which what names a person leaves the books."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

_WITHOUT = r"""
CREATE FUNCTION registry_plain(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT regexp_replace(lower(value), '[\s()-]', '', 'g')
$$;

-- A document without the strings that say no more than one of the words.
CREATE FUNCTION registry_without(content jsonb, words text[]) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    CASE jsonb_typeof(content)
    WHEN 'object' THEN
        RETURN coalesce(
            (SELECT jsonb_object_agg(key, registry_without(value, words)) FROM jsonb_each(content)), '{}');
    WHEN 'array' THEN
        RETURN coalesce(
            (SELECT jsonb_agg(registry_without(item, words) ORDER BY number)
            FROM jsonb_array_elements(content) WITH ORDINALITY AS e (item, number)), '[]');
    WHEN 'string' THEN
        RETURN CASE WHEN registry_plain(content #>> '{}') = ANY(words) THEN '""'::jsonb ELSE content END;
    ELSE
        RETURN content;
    END CASE;
END $$;
"""

_STAY = """
CREATE FUNCTION registry_operations_stay_as_they_are() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Only registry_forget, which runs as the owner, takes something out of what was asked for.
    IF current_setting('urja.forgetting', true) = 'yes'
        AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID)
        AND (OLD.kind, OLD.actor, OLD.recorded_at) IS NOT DISTINCT FROM (NEW.kind, NEW.actor, NEW.recorded_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is only ever added to', TG_TABLE_NAME;
END $$;
DROP TRIGGER registry_operations_do_not_change ON registry_operation;
CREATE TRIGGER registry_operations_do_not_change BEFORE UPDATE ON registry_operation
FOR EACH ROW WHEN (
    (OLD.kind, OLD.content, OLD.actor, OLD.recorded_at) IS DISTINCT FROM (NEW.kind, NEW.content, NEW.actor, NEW.recorded_at)
    OR OLD.undone_by_id IS NOT NULL AND OLD.undone_by_id IS DISTINCT FROM NEW.undone_by_id
) EXECUTE FUNCTION registry_operations_stay_as_they_are();
"""

# SECURITY DEFINER: history and audit are changed by nobody else, and sign-ins are the web's.
_FORGET = """
CREATE FUNCTION registry_forget(person bigint) RETURNS void
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
REVOKE ALL ON FUNCTION registry_forget FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0008_loading"),
        ("notices", "0005_news"),
        ("account", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Token",
            fields=[
                ("recorded_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=100)),
                ("operation_id", models.BigIntegerField(db_index=True, null=True)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100, unique=True)),
                ("prefix", models.CharField(max_length=8, unique=True)),
                ("digest", models.BinaryField(max_length=32)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("secretary", "Secretary"),
                            ("clerk", "Clerk"),
                            ("field_engineer", "Field Engineer"),
                            ("control_room", "Control Room"),
                            ("revenue_officer", "Revenue Officer"),
                            ("auditor", "Auditor"),
                            ("administrator", "Administrator"),
                        ],
                        max_length=16,
                        null=True,
                    ),
                ),
                ("scopes", models.JSONField()),
                ("per_minute", models.IntegerField()),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                (
                    "node",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.node",
                    ),
                ),
                (
                    "premise",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.premise",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"db_table": "registry_token"},
        ),
        migrations.AlterField(
            model_name="personalread",
            name="user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="personalread",
            name="token",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.token",
            ),
        ),
        migrations.AddConstraint(
            model_name="personalread",
            constraint=models.CheckConstraint(
                condition=Q(user__isnull=False) | Q(token__isnull=False), name="registry_read_by_somebody"
            ),
        ),
        migrations.AddConstraint(
            model_name="token",
            constraint=models.CheckConstraint(
                condition=(Q(user=None) & Q(role__isnull=False)) | (Q(user__isnull=False) & Q(role=None)),
                name="registry_token_of_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="token",
            constraint=models.CheckConstraint(
                condition=Q(node=None, premise=None)
                | (Q(role__isnull=False) & (Q(node=None) | Q(premise=None))),
                name="registry_token_one_area",
            ),
        ),
        migrations.AddConstraint(
            model_name="token",
            constraint=models.CheckConstraint(
                condition=Q(role=None) | ~Q(role="secretary") | Q(premise__isnull=False),
                name="registry_token_secretary_of_a_society",
            ),
        ),
        migrations.AddConstraint(
            model_name="token",
            constraint=models.CheckConstraint(
                condition=Q(per_minute__gt=0), name="registry_token_per_minute"
            ),
        ),
        migrations.RunSQL(_WITHOUT, migrations.RunSQL.noop),
        migrations.RunSQL(_STAY, migrations.RunSQL.noop),
        migrations.RunSQL(_FORGET, migrations.RunSQL.noop),
    ]
