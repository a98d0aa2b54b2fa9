-- What always holds, also for what the owner writes. The functions keep all of this; the triggers keep it if they are
-- wrong, or if somebody writes by hand. They are ALWAYS triggers, so no setting of a session skips them.

CREATE FUNCTION cpss_registry.refuse() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the shared log refuses % of %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON cpss_registry.log
    FOR EACH STATEMENT EXECUTE FUNCTION cpss_registry.refuse();
CREATE TRIGGER refuse BEFORE DELETE OR TRUNCATE ON cpss_registry.head
    FOR EACH STATEMENT EXECUTE FUNCTION cpss_registry.refuse();
CREATE TRIGGER refuse BEFORE TRUNCATE ON cpss_registry.replica
    FOR EACH STATEMENT EXECUTE FUNCTION cpss_registry.refuse();

-- The head never goes back, and a new record is later than all that was answered.
CREATE FUNCTION cpss_registry.head_goes_on() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.revision < OLD.revision
        OR NEW.turn < OLD.turn
        OR NEW.recorded_at < OLD.recorded_at
        OR NEW.answered_through < OLD.answered_through
        OR NEW.semantics < OLD.semantics
        OR NEW.record_format < OLD.record_format
        OR (NEW.filling AND NOT OLD.filling AND OLD.revision > 0)
        OR (NEW.revision = OLD.revision AND (NEW.chain <> OLD.chain OR NEW.recorded_at <> OLD.recorded_at))
        OR (NEW.revision > OLD.revision AND NEW.recorded_at <= greatest(OLD.recorded_at, OLD.answered_through))
    THEN
        RAISE EXCEPTION 'the head of the shared log would go back' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER goes_on BEFORE UPDATE ON cpss_registry.head
    FOR EACH ROW EXECUTE FUNCTION cpss_registry.head_goes_on();

-- A frame begins where the last one ends.
CREATE FUNCTION cpss_registry.frame_follows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    next bigint;
BEGIN
    SELECT log.first_revision + log.count INTO next FROM cpss_registry.log ORDER BY log.first_revision DESC LIMIT 1;
    IF NEW.first_revision <> coalesce(next, 1) THEN
        RAISE EXCEPTION 'a frame at revision % does not follow the log', NEW.first_revision
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER follows BEFORE INSERT ON cpss_registry.log
    FOR EACH ROW EXECUTE FUNCTION cpss_registry.frame_follows();

-- When a transaction ends that moved the head, the frame that ends there is in the log.
CREATE FUNCTION cpss_registry.head_has_frame() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last record;
BEGIN
    SELECT log.first_revision + log.count - 1 AS revision, log.chain, log.last_at INTO last FROM cpss_registry.log
        WHERE log.first_revision <= NEW.revision ORDER BY log.first_revision DESC LIMIT 1;
    IF (last.revision, last.chain, last.last_at)
        IS DISTINCT FROM (NEW.revision, NEW.chain, NEW.recorded_at)
    THEN
        RAISE EXCEPTION 'no frame of the shared log ends at its head, revision %', NEW.revision
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER has_frame AFTER UPDATE ON cpss_registry.head
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.revision <> NEW.revision) EXECUTE FUNCTION cpss_registry.head_has_frame();

-- When a transaction ends that added a frame, the head is at the frame's end or after it.
CREATE FUNCTION cpss_registry.frame_has_head() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM cpss_registry.head WHERE head.revision >= NEW.first_revision + NEW.count - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a frame at revision % is beyond the head of the shared log', NEW.first_revision
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER has_head AFTER INSERT ON cpss_registry.log
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION cpss_registry.frame_has_head();

ALTER TABLE cpss_registry.log ENABLE ALWAYS TRIGGER refuse;
ALTER TABLE cpss_registry.log ENABLE ALWAYS TRIGGER follows;
ALTER TABLE cpss_registry.log ENABLE ALWAYS TRIGGER has_head;
ALTER TABLE cpss_registry.head ENABLE ALWAYS TRIGGER refuse;
ALTER TABLE cpss_registry.head ENABLE ALWAYS TRIGGER goes_on;
ALTER TABLE cpss_registry.head ENABLE ALWAYS TRIGGER has_frame;
ALTER TABLE cpss_registry.replica ENABLE ALWAYS TRIGGER refuse;
