"""An entry moves money between accounts of one currency, and an account stays in its own: the database refuses others."""

from django.db import migrations

_ENTRY = """
CREATE OR REPLACE FUNCTION ledger_check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_account text;
    of_contra text;
BEGIN
    SELECT currency INTO of_account FROM ledger_account
        WHERE id = NEW.account_id AND bucket = NEW.bucket AND kind = 'consumer' AND last_seq >= NEW.seq;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry % was posted without the balance of account %', NEW.seq, NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    SELECT currency INTO of_contra FROM ledger_account
        WHERE id = NEW.contra_id AND bucket = NEW.bucket AND kind = 'contra' AND last_batch >= NEW.batch;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry % of account % was posted without the balance of its contra account %',
            NEW.seq, NEW.account_id, NEW.contra_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF of_account <> of_contra THEN
        RAISE EXCEPTION 'entry % of account % in % has a contra account in %',
            NEW.seq, NEW.account_id, of_account, of_contra USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""

_WITHOUT = """
CREATE OR REPLACE FUNCTION ledger_check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM ledger_account
        WHERE id = NEW.account_id AND bucket = NEW.bucket AND kind = 'consumer' AND last_seq >= NEW.seq;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry % was posted without the balance of account %', NEW.seq, NEW.account_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM 1 FROM ledger_account
        WHERE id = NEW.contra_id AND bucket = NEW.bucket AND kind = 'contra' AND last_batch >= NEW.batch;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry % of account % was posted without the balance of its contra account %',
            NEW.seq, NEW.account_id, NEW.contra_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""

_ACCOUNT = """
CREATE FUNCTION ledger_currency_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'account % is in %: it does not become one in %', OLD.id, OLD.currency, NEW.currency
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER ledger_currency_stays BEFORE UPDATE ON ledger_account
    FOR EACH ROW WHEN (OLD.currency <> NEW.currency) EXECUTE FUNCTION ledger_currency_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0010_instalments")]

    operations = [
        migrations.RunSQL(_ENTRY, _WITHOUT),
        migrations.RunSQL(
            _ACCOUNT,
            "DROP TRIGGER ledger_currency_stays ON ledger_account; DROP FUNCTION ledger_currency_stays",
        ),
    ]
