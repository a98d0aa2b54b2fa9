-- The tables of the shared log. cpss_owner owns them; nobody else can write to them.

-- Which registry this is.
CREATE TABLE cpss_registry.registry (
    -- The only row.
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- The version of this schema.
    format integer NOT NULL CHECK (format > 0),
    -- The registry. A replica refuses a database that has another one.
    registry uuid NOT NULL,
    -- The digest of the key for request ids, which all replicas share. The key itself is not here.
    request_key_id bytea NOT NULL CHECK (octet_length(request_key_id) = 32),
    -- The log in this database. A log that moves here names it in its last record elsewhere.
    log uuid NOT NULL DEFAULT gen_random_uuid()
);

-- The log: batches of records, each in a frame. A frame is never changed.
CREATE TABLE cpss_registry.log (
    -- The revision of the first record.
    first_revision bigint PRIMARY KEY CHECK (first_revision > 0),
    -- The number of records.
    count integer NOT NULL CHECK (count > 0),
    -- The role that appended it.
    writer text NOT NULL,
    -- The times of the first and the last record.
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL CHECK (last_at >= first_at),
    -- The chain up to the last record.
    chain bytea NOT NULL CHECK (octet_length(chain) = 32),
    -- The bytes of the frame, as in the files of a log on one machine.
    frame bytea NOT NULL CHECK (octet_length(frame) > 0),
    appended_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Compressed, and out of the row if it is large: by lz4, which takes a fifth of the server's time for the same size. A
-- server before 14, or one that was built without it, compresses as it does by default.
ALTER TABLE cpss_registry.log ALTER COLUMN frame SET STORAGE EXTENDED;
DO $$
BEGIN
    EXECUTE 'ALTER TABLE cpss_registry.log ALTER COLUMN frame SET COMPRESSION lz4';
EXCEPTION
    WHEN feature_not_supported OR syntax_error THEN NULL;
END
$$;

-- The head of the log. Who moves this row from one revision to the next has the right to append.
CREATE TABLE cpss_registry.head (
    -- The only row.
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- The last record, and the chain up to it.
    revision bigint NOT NULL DEFAULT 0 CHECK (revision >= 0),
    chain bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (octet_length(chain) = 32),
    -- An append names the turn that its writer read. A higher one makes all appends fail that were sent before.
    turn bigint NOT NULL DEFAULT 0,
    -- The time of the last record. Times of records strictly increase.
    recorded_at timestamptz NOT NULL DEFAULT to_timestamp(0),
    -- Questions by time were answered up to here. No record may be dated at or before it.
    answered_through timestamptz NOT NULL DEFAULT to_timestamp(0),
    -- The incarnation of the database that may be written to. NULL: none.
    opened bytea,
    -- True while the log of one machine is copied here. It is not opened before the log has moved.
    filling boolean NOT NULL DEFAULT false,
    -- The incarnation in which a replica last wanted to open the database, and when that was first so.
    called bytea,
    called_at timestamptz,
    -- A replica must know at least these versions: of how records are answered, and of how they are stored.
    semantics integer NOT NULL DEFAULT 0,
    record_format integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50); -- No index names a column that changes, so each update stays in its page.

INSERT INTO cpss_registry.head DEFAULT VALUES;

-- The replicas. All of them must have checked a database that was restored, before it may be written to.
CREATE TABLE cpss_registry.replica (
    id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'),
    -- The number of barriers. A replica that was acknowledged a higher one knows that the database was restored.
    beat bigint NOT NULL,
    -- The time of the last barrier.
    seen_at timestamptz,
    -- The last revision that the replica knew to be in the log.
    applied bigint NOT NULL DEFAULT 0,
    -- The greatest time that the replica knew as answered through. A restored database may lack it.
    answered_through timestamptz NOT NULL DEFAULT to_timestamp(0),
    -- The incarnation in which the replica last compared the database with what it has.
    heard bytea,
    -- The incarnation in which the database was last seen to have everything that the replica has.
    checked bytea,
    -- The latest versions that the replica knows.
    semantics_max integer NOT NULL,
    record_max integer NOT NULL
) WITH (fillfactor = 50);
