CREATE SEQUENCE work_number AS bigint;

-- A work order's life only goes forward.
CREATE FUNCTION work_only_forward() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE rank CONSTANT jsonb := '{"open": 0, "assigned": 1}';
BEGIN
    IF coalesce((rank->>OLD.state)::int, 2) = 2 THEN
        RAISE EXCEPTION 'work order % is %: it does not change', OLD.id, OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF coalesce((rank->>NEW.state)::int, 2) < (rank->>OLD.state)::int THEN
        RAISE EXCEPTION 'work order % is %: it does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF (NEW.kind, NEW.service_point_id, NEW.device_id, NEW.opened_at, NEW.asked, NEW.operation_id)
        IS DISTINCT FROM (OLD.kind, OLD.service_point_id, OLD.device_id, OLD.opened_at, OLD.asked, OLD.operation_id)
    THEN
        RAISE EXCEPTION 'what was asked for by work order % stays as it was given', OLD.id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER work_only_forward BEFORE UPDATE ON work_order
    FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION work_only_forward();

-- As `urja.apps.work.photos` says, for whoever writes by another way.
ALTER TABLE work_photo ADD CONSTRAINT work_photo_is_small CHECK (octet_length(content) BETWEEN 1 AND 2097152);
ALTER TABLE work_photo ADD CONSTRAINT work_photo_is_a_picture CHECK (
    substring(content FROM 1 FOR 3) = CASE kind WHEN 'image/jpeg' THEN '\xffd8ff'::bytea ELSE '\x89504e'::bytea END
);
