"""A share of recharges pays arrears: what each entry has paid of which bill, and what is still owed of each."""

import django.db.models.deletion
from django.db import migrations, models

_LEFT = """
CREATE VIEW ledger_arrear_left AS
SELECT r.id, r.account_id, r.bill, r.due_on,
    r.principal_minor - coalesce(p.principal_minor, 0) AS principal_minor,
    r.surcharge_minor - coalesce(p.surcharge_minor, 0) AS surcharge_minor
FROM registry_arrear r LEFT JOIN LATERAL (
    SELECT sum(principal_minor)::bigint AS principal_minor, sum(surcharge_minor)::bigint AS surcharge_minor
    FROM ledger_arrear_payment WHERE arrear_id = r.id
) p ON true;
"""

_RULES = """
CREATE FUNCTION ledger_arrears_only_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was paid of arrears is never changed or deleted: a reversal is another row'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER ledger_arrear_payment_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_arrear_payment
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_arrears_only_added();

CREATE FUNCTION ledger_check_arrear() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    arrear bigint;
    broken record;
BEGIN
    IF TG_TABLE_NAME = 'registry_arrear' THEN arrear := NEW.id; ELSE arrear := NEW.arrear_id; END IF;
    SELECT l.bill INTO broken FROM ledger_arrear_left l JOIN registry_arrear r ON r.id = l.id
        WHERE l.id = arrear AND (least(l.principal_minor, l.surcharge_minor) < 0
            OR l.principal_minor > r.principal_minor OR l.surcharge_minor > r.surcharge_minor);
    IF FOUND THEN
        RAISE EXCEPTION 'bill % is paid more than is owed of it, or less than nothing', broken.bill
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_arrear_in_bounds AFTER INSERT ON ledger_arrear_payment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_arrear();
CREATE CONSTRAINT TRIGGER ledger_arrear_in_bounds AFTER UPDATE ON registry_arrear
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_arrear();

CREATE FUNCTION ledger_check_arrears_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.amount_minor <> -coalesce((SELECT sum(surcharge_minor + principal_minor) FROM ledger_arrear_payment
            WHERE account_id = NEW.account_id AND seq = NEW.seq), 0) THEN
        RAISE EXCEPTION 'entry % of account % is not what it pays of the bills', NEW.seq, NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_entry_arrears AFTER INSERT ON ledger_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.line = 'arrears')
    EXECUTE FUNCTION ledger_check_arrears_entry();
"""

_REVERSE = """
DROP TRIGGER ledger_entry_arrears ON ledger_entry;
DROP TRIGGER ledger_arrear_in_bounds ON registry_arrear;
DROP TRIGGER ledger_arrear_in_bounds ON ledger_arrear_payment;
DROP TRIGGER ledger_arrear_payment_append_only ON ledger_arrear_payment;
DROP VIEW ledger_arrear_left;
DROP FUNCTION ledger_check_arrears_entry, ledger_check_arrear, ledger_arrears_only_added;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0008_final"),
        ("registry", "0005_depth"),
    ]

    operations = [
        migrations.AddField(
            model_name="creditrequest",
            name="arrears_minor",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="debitrequest",
            name="credit",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="debits",
                to="ledger.creditrequest",
            ),
        ),
        migrations.CreateModel(
            name="ArrearPayment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seq", models.BigIntegerField()),
                ("surcharge_minor", models.BigIntegerField()),
                ("principal_minor", models.BigIntegerField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.account"
                    ),
                ),
                (
                    "arrear",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="registry.arrear",
                    ),
                ),
            ],
            options={
                "db_table": "ledger_arrear_payment",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "seq", "arrear"), name="ledger_arrear_paid_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(_LEFT + _RULES, _REVERSE),
    ]
