"""Notices that follow from what has happened, asked for in the transaction in which it happens.

A recharge that was posted, a light that is back, a meter that waits for a hand at its button: each is told once
(the dedupe key names it), and none is missed however late a transaction commits. SECURITY INVOKER: all of it is the
pipeline's doing, and the pipeline may ask for notices.
"""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION notices_recharged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notices_notice (account_id, kind, params, dedupe_key, requested_at, state,
                                failure, detail, text, language, channel, recipient, provider_id, attempts, questions)
    VALUES (NEW.account_id, 'recharge', jsonb_build_object('amount_minor', NEW.amount_minor),
            'recharge:' || NEW.id, NEW.posted_at, 'requested', '', '', '', '', '', '', '', 0, 0)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE FUNCTION notices_lit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notices_notice (account_id, kind, params, dedupe_key, requested_at, state,
                                failure, detail, text, language, channel, recipient, provider_id, attempts, questions)
    VALUES (NEW.account_id, 'lit', '{}', 'lit:' || NEW.command_id, NEW.closed_at, 'requested',
            '', '', '', '', '', '', '', 0, 0)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE FUNCTION notices_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notices_notice (account_id, kind, params, dedupe_key, requested_at, state,
                                failure, detail, text, language, channel, recipient, provider_id, attempts, questions)
    VALUES (NEW.account_id, 'press', '{}', 'press:' || NEW.id, NEW.ended_at, 'requested',
            '', '', '', '', '', '', '', 0, 0)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER notices_recharge_posted AFTER UPDATE OF posted_at ON ledger_credit_request
    FOR EACH ROW WHEN (OLD.posted_at IS NULL AND NEW.posted_at IS NOT NULL AND NEW.kind IN ('recharge', 'payment'))
    EXECUTE FUNCTION notices_recharged();
CREATE TRIGGER notices_light_back AFTER UPDATE OF outcome ON supply_relight
    FOR EACH ROW WHEN (NEW.outcome = 'lit' AND OLD.outcome IS DISTINCT FROM NEW.outcome AND NEW.command_id IS NOT NULL)
    EXECUTE FUNCTION notices_lit();
CREATE TRIGGER notices_button_waits AFTER UPDATE OF state ON commands_command
    FOR EACH ROW WHEN (NEW.kind = 'connect' AND NEW.state = 'waiting_for_person' AND NEW.account_id IS NOT NULL
        AND OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION notices_waits();
"""

UNDO = """
DROP FUNCTION notices_recharged, notices_lit, notices_waits CASCADE
"""


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0004_delivery"),
        ("ledger", "0003_rated"),
        ("commands", "0001_initial"),
        ("supply", "0002_changed"),
    ]

    operations = [
        migrations.RunSQL(FUNCTIONS, UNDO),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
    ]
