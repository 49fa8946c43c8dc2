-- As before (0007), and where the approval itself asks for a second person (2), as by what the statement credits.
CREATE OR REPLACE FUNCTION bank_statement_is_approved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    approval approvals_waiting;
BEGIN
    SELECT w.* INTO approval FROM approvals_waiting w
        JOIN approvals_credential c ON c.id = w.actor_credential_id AND c.revoked_at IS NULL
        JOIN journal_request r ON r.id = w.request_id
        WHERE w.request_id = NEW.approval_id AND w.ended_at IS NULL AND r.kind = 'load_statement'
            AND r.actor = NEW.actor AND r.actor ~ ('^user ' || c.user_id || '( |$)') AND r.content->>'sha256' = NEW.sha256;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'statement % is not accepted by the passkey of its actor', NEW.sha256
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF approval.second_credential_id IS NULL AND coalesce(approval.due_at > NEW.loaded_at, EXISTS (
            SELECT FROM assets_device_period WHERE commissioned_at IS NOT NULL OR taken_over_at IS NOT NULL))
        AND (approval.need = 2 OR EXISTS (SELECT FROM bank_statement s WHERE s.bank_account_id = NEW.bank_account_id)
        AND NOT EXISTS (SELECT FROM bank_statement s WHERE s.bank_account_id = NEW.bank_account_id
            AND (NEW.from_on BETWEEN s.from_on AND s.through_on
                OR s.through_on < NEW.from_on AND s.closing_minor = NEW.opening_minor AND s.through_on = (
                    SELECT max(l.through_on) FROM bank_statement l
                    WHERE l.bank_account_id = NEW.bank_account_id AND l.through_on < NEW.from_on))))
    THEN
        RAISE EXCEPTION 'statement % needs a second person by its amount or adjoins no statement, and none has approved it', NEW.sha256
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
