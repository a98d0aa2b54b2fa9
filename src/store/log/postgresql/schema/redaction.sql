-- Redactions. A frame may be replaced by one in which the personal parts of some records are replaced by their hashes;
-- no digest changes then, and so no chain. This script may be run again.

-- A number of four bytes, little-endian.
CREATE OR REPLACE FUNCTION cpss_registry.number_at(bytes bytea, at integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN get_byte(bytes, at) + get_byte(bytes, at + 1) * 256::bigint + get_byte(bytes, at + 2) * 65536::bigint
        + get_byte(bytes, at + 3) * 16777216::bigint;
END
$$;

-- True if a record is another one whose last field, the personal part, is replaced by its hash. The fields are those of
-- SealedRecord: number 5 (tag 0x2a) is the part, and number 6 (tag 0x32, 32 bytes) the hash.
CREATE OR REPLACE FUNCTION cpss_registry.is_redacted_record(before bytea, after bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept CONSTANT integer := octet_length(after) - 34;
    at integer := kept + 1;
    shift integer := 0;
    size bigint := 0;
    byte integer;
BEGIN
    IF kept < 1 OR octet_length(before) <= kept
        OR substring(after FROM kept + 1 FOR 2) <> '\x3220'::bytea
        OR substring(after FOR kept) <> substring(before FOR kept)
        OR get_byte(before, kept) <> 42
    THEN
        RETURN false;
    END IF;
    LOOP
        IF at >= octet_length(before) OR shift > 28 THEN
            RETURN false;
        END IF;
        byte := get_byte(before, at);
        size := size + ((byte & 127)::bigint << shift);
        at := at + 1;
        shift := shift + 7;
        EXIT WHEN byte < 128;
    END LOOP;
    RETURN octet_length(before) - at = size
        AND sha256(substring(before FROM at + 1)) = substring(after FROM kept + 3);
END
$$;

-- True if a frame takes the place of another one: the same revisions, chains and digests, and no other records than
-- redacted ones. A frame is its length and checksum, 8 bytes; the first revision, the number of records, and two chains,
-- 76 bytes; and for each record its length, its digest, 36 bytes, and itself. Replicas check the checksum.
CREATE OR REPLACE FUNCTION cpss_registry.is_redacted_frame(before bytea, after bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at integer := 84;
    now_at integer := 84;
    size bigint;
    now_size bigint;
    record bytea;
    now_record bytea;
BEGIN
    IF octet_length(before) < 84 OR octet_length(after) < 84
        OR substring(before FROM 9 FOR 76) <> substring(after FROM 9 FOR 76)
    THEN
        RETURN false;
    END IF;
    WHILE at < octet_length(before) LOOP
        IF at + 36 > octet_length(before) OR now_at + 36 > octet_length(after)
            OR substring(before FROM at + 5 FOR 32) <> substring(after FROM now_at + 5 FOR 32)
        THEN
            RETURN false;
        END IF;
        size := cpss_registry.number_at(before, at);
        now_size := cpss_registry.number_at(after, now_at);
        IF at + 36 + size > octet_length(before) OR now_at + 36 + now_size > octet_length(after) THEN
            RETURN false;
        END IF;
        record := substring(before FROM at + 37 FOR size::integer);
        now_record := substring(after FROM now_at + 37 FOR now_size::integer);
        IF now_record <> record AND NOT cpss_registry.is_redacted_record(record, now_record) THEN
            RETURN false;
        END IF;
        at := at + 36 + size;
        now_at := now_at + 36 + now_size;
    END LOOP;
    RETURN now_at = octet_length(after);
END
$$;

-- Refuses every other change of a frame, to the owner too.
CREATE OR REPLACE FUNCTION cpss_registry.only_redacts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.first_revision, NEW.count, NEW.writer, NEW.first_at, NEW.last_at, NEW.chain, NEW.appended_at)
            IS DISTINCT FROM
            (OLD.first_revision, OLD.count, OLD.writer, OLD.first_at, OLD.last_at, OLD.chain, OLD.appended_at)
        OR cpss_registry.is_redacted_frame(OLD.frame, NEW.frame) IS NOT TRUE
    THEN
        RAISE EXCEPTION 'the shared log refuses % of %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

DROP TRIGGER refuse ON cpss_registry.log;
CREATE TRIGGER refuse BEFORE DELETE OR TRUNCATE ON cpss_registry.log
    FOR EACH STATEMENT EXECUTE FUNCTION cpss_registry.refuse();
DROP TRIGGER IF EXISTS redacts ON cpss_registry.log;
CREATE TRIGGER redacts BEFORE UPDATE ON cpss_registry.log
    FOR EACH ROW EXECUTE FUNCTION cpss_registry.only_redacts();
ALTER TABLE cpss_registry.log ENABLE ALWAYS TRIGGER refuse;
ALTER TABLE cpss_registry.log ENABLE ALWAYS TRIGGER redacts;

-- Replaces a frame by a redacted one. For the owner alone. False if the log has no such frame, or has the redacted one.
CREATE OR REPLACE FUNCTION cpss_registry.redact(first_revision bigint, frame bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM cpss_registry.insist();
    UPDATE cpss_registry.log SET frame = redact.frame
        WHERE log.first_revision = redact.first_revision AND log.frame <> redact.frame;
    RETURN FOUND;
END
$$;

REVOKE ALL ON FUNCTION
    cpss_registry.number_at(bytea, integer),
    cpss_registry.is_redacted_record(bytea, bytea),
    cpss_registry.is_redacted_frame(bytea, bytea),
    cpss_registry.only_redacts(),
    cpss_registry.redact(bigint, bytea)
FROM PUBLIC;
