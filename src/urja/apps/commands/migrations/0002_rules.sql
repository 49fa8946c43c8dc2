CREATE SEQUENCE commands_number AS bigint;

-- The counter of each device.
CREATE TABLE commands_device (
    device_id bigint PRIMARY KEY REFERENCES assets_device,
    last_sequence bigint NOT NULL CHECK (last_sequence > 0)
);

-- A command's life only goes forward.
CREATE FUNCTION commands_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE rank CONSTANT jsonb := '{"queued": 0, "sent": 1, "acknowledged": 2}';
BEGIN
    IF coalesce((rank->>NEW.state)::int, 3) <= coalesce((rank->>OLD.state)::int, 3) THEN
        RAISE EXCEPTION 'command % is %: it does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER commands_only_forward BEFORE UPDATE ON commands_command
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION commands_only_forward();
