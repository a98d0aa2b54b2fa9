-- The statements of a replica, as src/store/log/replicated/statements.rs defines them. cpss_replica can execute these
-- functions, read the tables, and do nothing else.
--
-- They are VOLATILE, so that each statement in them has a snapshot of its own: one that follows a lock sees what was
-- committed before. They run with the owner's rights. pg_temp is searched last, so that no object of a session is taken
-- for one of PostgreSQL's.

-- Sees to it that the transaction is committed durably, and that a commit that was not waited for is reported, whatever
-- the session or a default of its role says. Refuses a transaction in which all statements have one snapshot.
CREATE FUNCTION cpss_registry.insist() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the shared log needs transactions that are read committed' USING ERRCODE = 'CR003';
    END IF;
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF current_setting('client_min_messages') = 'error' THEN
        PERFORM set_config('client_min_messages', 'warning', true);
    END IF;
END
$$;

-- What tells this database from itself at another time or place: every start of a server, every promotion and every
-- restore makes a new incarnation.
CREATE FUNCTION cpss_registry.incarnation() RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN sha256(
        int8send((pg_control_system()).system_identifier)
        || timestamptz_send(pg_postmaster_start_time())
        || oidsend(pg_relation_filenode('cpss_registry.head'))
        -- The timeline. The control file shows a new one late.
        || decode(left(pg_walfile_name(pg_current_wal_lsn()), 8), 'hex'));
END
$$;

-- Appends a frame and moves the head to it. False: no row was touched, and the frame will never be there.
CREATE FUNCTION cpss_registry.append(
    after_revision bigint, after_chain bytea, revision bigint, chain bytea, turn bigint,
    first_at timestamptz, last_at timestamptz, frame bytea)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present CONSTANT bytea := cpss_registry.incarnation();
    records CONSTANT bigint := append.revision - append.after_revision;
BEGIN
    PERFORM cpss_registry.insist();
    UPDATE cpss_registry.head
    SET revision = append.revision, chain = append.chain, recorded_at = append.last_at
    WHERE head.revision = append.after_revision
        AND head.chain = append.after_chain
        AND head.turn = append.turn
        AND head.opened = present
        AND head.answered_through < append.first_at
        AND head.recorded_at < append.first_at
        -- Not ahead of the clock, unless the head itself requires it: another server's clock may have been ahead.
        AND append.last_at <= greatest(
            clock_timestamp() + interval '1 second',
            greatest(head.recorded_at, head.answered_through) + records * interval '1 microsecond');
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO cpss_registry.log (first_revision, count, writer, first_at, last_at, chain, frame)
        VALUES (append.after_revision + 1, records, session_user, append.first_at, append.last_at, append.chain,
            append.frame);
    RETURN true;
END
$$;

-- Writes to the replica's row, and reads the head in the snapshot of the same statement. Notes the present incarnation
-- as heard, and as checked if the database has everything that the replica knows, and else that it is not checked. A beat
-- of 2^63-1 says that the replica compares only a part of what it knows: then applied, heard and checked stay as they
-- are. No row: there is no such replica, and nothing was written, so it proves nothing.
CREATE FUNCTION cpss_registry.barrier(
    me text, beat bigint, revision bigint, chain bytea, answered_through timestamptz)
RETURNS TABLE (
    beat_before bigint, chain_at_tip bytea, is_open boolean, clock timestamptz,
    head_revision bigint, head_chain bytea, turn bigint, recorded_at timestamptz, head_answered_through timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present CONSTANT bytea := cpss_registry.incarnation();
    is_whole CONSTANT boolean := barrier.beat < 9223372036854775807;
BEGIN
    PERFORM cpss_registry.insist();
    RETURN QUERY
    UPDATE cpss_registry.replica
    SET beat = replica.beat + 1,
        seen_at = clock_timestamp(),
        applied = CASE WHEN is_whole THEN barrier.revision ELSE replica.applied END,
        answered_through = greatest(replica.answered_through, barrier.answered_through),
        heard = CASE WHEN is_whole THEN present ELSE replica.heard END,
        checked = CASE
            WHEN NOT is_whole THEN replica.checked
            WHEN replica.beat >= barrier.beat
                AND known.chain_at_tip = barrier.chain
                AND known.answered_through >= barrier.answered_through
            THEN present
        END
    FROM (
        SELECT head.*,
            CASE
                WHEN barrier.revision = 0 THEN decode(repeat('00', 32), 'hex')
                ELSE (
                    SELECT last.chain
                    FROM (
                        SELECT log.first_revision + log.count - 1 AS revision, log.chain
                        FROM cpss_registry.log
                        WHERE log.first_revision <= barrier.revision
                        ORDER BY log.first_revision DESC
                        LIMIT 1
                    ) AS last
                    WHERE last.revision = barrier.revision)
            END AS chain_at_tip
        FROM cpss_registry.head
    ) AS known
    WHERE replica.id = barrier.me
    RETURNING replica.beat - 1, known.chain_at_tip, coalesce(known.opened = present, false), clock_timestamp(),
        known.revision, known.chain, known.turn, known.recorded_at,
        known.answered_through;
END
$$;

-- Opens the database for writing, once every replica has checked its present incarnation. Returns those that it waits
-- for. A replica that was not heard from is passed over once the first attempt to open the database is longer ago than
-- patience (NULL: never). One that was heard from, and has not checked it, knows that something is missing: it is always waited for.
CREATE FUNCTION cpss_registry.open(
    patience interval DEFAULT NULL, OUT waiting_for text[], OUT passed_over text[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present CONSTANT bytea := cpss_registry.incarnation();
    is_over boolean;
BEGIN
    PERFORM cpss_registry.insist();
    PERFORM FROM cpss_registry.head FOR UPDATE;
    IF (SELECT head.filling FROM cpss_registry.head) THEN
        RAISE EXCEPTION 'the log has not moved to this database yet: cpss-registry log move' USING ERRCODE = 'CR004';
    END IF;
    UPDATE cpss_registry.head SET called = present, called_at = clock_timestamp()
        WHERE head.called IS DISTINCT FROM present;
    SELECT coalesce(head.called_at + patience <= clock_timestamp(), false) INTO is_over FROM cpss_registry.head;
    -- In a statement after the lock: a replica that joined before is seen.
    SELECT
        coalesce(array_agg(replica.id ORDER BY replica.id) FILTER (WHERE NOT is_over OR replica.heard = present), '{}'),
        coalesce(array_agg(replica.id ORDER BY replica.id)
            FILTER (WHERE is_over AND replica.heard IS DISTINCT FROM present), '{}')
        INTO waiting_for, passed_over
        FROM cpss_registry.replica
        WHERE replica.checked IS DISTINCT FROM present;
    IF NOT EXISTS (SELECT FROM cpss_registry.replica) THEN
        RAISE EXCEPTION 'no replica has joined the shared log' USING ERRCODE = 'CR002';
    END IF;
    IF waiting_for = '{}' THEN
        UPDATE cpss_registry.head SET opened = present;
    END IF;
END
$$;

-- Appends frames while the database is closed: records that a restore lost, or those of a log that moves here. All of
-- them, or none: false. Their times are what they are, so no clock is asked.
CREATE FUNCTION cpss_registry.push(
    after_revision bigint, after_chain bytea, turn bigint, revisions bigint[], chains bytea[],
    first_at timestamptz[], last_at timestamptz[], frames bytea[])
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present CONSTANT bytea := cpss_registry.incarnation();
    last CONSTANT integer := cardinality(push.revisions);
BEGIN
    PERFORM cpss_registry.insist();
    WITH won AS (
        UPDATE cpss_registry.head
        SET revision = push.revisions[last], chain = push.chains[last], recorded_at = push.last_at[last]
        WHERE head.revision = push.after_revision
            AND head.chain = push.after_chain
            AND head.turn = push.turn
            AND head.opened IS DISTINCT FROM present
            -- A time that was answered through since the restore holds: then only an epoch helps.
            AND head.answered_through < push.first_at[1]
            AND head.recorded_at < push.first_at[1]
        RETURNING 1)
    INSERT INTO cpss_registry.log (first_revision, count, writer, first_at, last_at, chain, frame)
        SELECT pushed.after + 1, pushed.revision - pushed.after, session_user, pushed.first_at, pushed.last_at,
            pushed.chain, pushed.frame
        FROM won, (
            SELECT one.*, lag(one.revision, 1, push.after_revision) OVER (ORDER BY one.place) AS after
            FROM unnest(push.revisions, push.chains, push.first_at, push.last_at, push.frames) WITH ORDINALITY
                AS one (revision, chain, first_at, last_at, frame, place)
        ) AS pushed
        ORDER BY pushed.place;
    RETURN FOUND;
END
$$;

-- Appends the frame that begins an epoch, whether the database is closed or not. Every replica must have been heard
-- from: one that was not may have the records that would be given up. The epoch begins after every time that any of them
-- answered through.
CREATE FUNCTION cpss_registry.begin_epoch(
    after_revision bigint, after_chain bytea, revision bigint, chain bytea, turn bigint,
    first_at timestamptz, last_at timestamptz, frame bytea)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present CONSTANT bytea := cpss_registry.incarnation();
BEGIN
    PERFORM cpss_registry.insist();
    PERFORM FROM cpss_registry.head FOR UPDATE;
    IF EXISTS (
        SELECT FROM cpss_registry.replica
        WHERE replica.heard IS DISTINCT FROM present OR replica.answered_through >= begin_epoch.first_at)
    THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM cpss_registry.head WHERE head.opened = present) THEN
        RETURN cpss_registry.append(
            after_revision, after_chain, begin_epoch.revision, begin_epoch.chain, begin_epoch.turn,
            begin_epoch.first_at, begin_epoch.last_at, begin_epoch.frame);
    END IF;
    RETURN cpss_registry.push(
        after_revision, after_chain, begin_epoch.turn, ARRAY[begin_epoch.revision], ARRAY[begin_epoch.chain],
        ARRAY[begin_epoch.first_at], ARRAY[begin_epoch.last_at], ARRAY[begin_epoch.frame]);
END
$$;

-- The head, as every function returns it that touches its row and nothing else.
CREATE TYPE cpss_registry.head_row AS (
    head_revision bigint, head_chain bytea, turn bigint, recorded_at timestamptz, head_answered_through timestamptz);

-- Raises the time that was answered through. No row: the time is later than the clock, or the database is not opened.
-- A time that no record can be dated at any more needs no clock.
CREATE FUNCTION cpss_registry.settle(through timestamptz) RETURNS SETOF cpss_registry.head_row
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present CONSTANT bytea := cpss_registry.incarnation();
BEGIN
    PERFORM cpss_registry.insist();
    RETURN QUERY
    UPDATE cpss_registry.head
    SET answered_through = greatest(head.answered_through, settle.through)
    WHERE head.opened = present
        AND settle.through <= greatest(clock_timestamp(), head.recorded_at, head.answered_through)
    RETURNING head.revision, head.chain, head.turn, head.recorded_at, head.answered_through;
END
$$;

-- Puts back a time that was answered through and that a restore lost. The database may be closed. False: the time is
-- too far ahead of the clock.
CREATE FUNCTION cpss_registry.settle_again(through timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM cpss_registry.insist();
    UPDATE cpss_registry.head
    SET answered_through = greatest(head.answered_through, settle_again.through)
    WHERE settle_again.through <= greatest(
        clock_timestamp() + interval '60 seconds', head.recorded_at, head.answered_through);
    RETURN FOUND;
END
$$;

-- Raises the turn, so that every append fails that was sent before. Waits for those that are under way.
CREATE FUNCTION cpss_registry.turn() RETURNS SETOF cpss_registry.head_row
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM cpss_registry.insist();
    RETURN QUERY
    UPDATE cpss_registry.head SET turn = head.turn + 1
    RETURNING head.revision, head.chain, head.turn, head.recorded_at, head.answered_through;
END
$$;

-- Locks the head until the transaction ends. Its frames are read in a later statement.
CREATE FUNCTION cpss_registry.lock_head() RETURNS SETOF cpss_registry.head_row
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM cpss_registry.insist();
    RETURN QUERY
    SELECT head.revision, head.chain, head.turn, head.recorded_at, head.answered_through
    FROM cpss_registry.head
    FOR UPDATE;
END
$$;

-- Adds a replica, or renews which versions it knows. True if it is new. What the database knows of a replica that was
-- there before stays, because it tells that replica of a restore. A new one counts its barriers from the clock's
-- microseconds on: if it was forgotten and has kept its directory, the count is beyond the one that it knows.
CREATE FUNCTION cpss_registry.join(me text, semantics_max integer, record_max integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    required record;
BEGIN
    PERFORM cpss_registry.insist();
    -- Who raises a version locks the head too, and then looks for replicas that do not know it.
    SELECT head.semantics, head.record_format INTO STRICT required FROM cpss_registry.head FOR UPDATE;
    IF ("join".semantics_max >= required.semantics AND "join".record_max >= required.record_format) IS NOT TRUE THEN
        RAISE EXCEPTION 'the shared log needs a newer release of the replica %', me
            USING ERRCODE = 'CR001',
                DETAIL = format('It needs semantics %s and record format %s.',
                    required.semantics, required.record_format);
    END IF;
    UPDATE cpss_registry.replica
    SET semantics_max = "join".semantics_max, record_max = "join".record_max
    WHERE replica.id = "join".me;
    IF FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO cpss_registry.replica (id, beat, semantics_max, record_max)
        VALUES ("join".me, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, "join".semantics_max,
            "join".record_max);
    RETURN true;
END
$$;

-- Raises the versions that every replica must know. Returns the replicas that are alive and do not know them; then
-- nothing is changed. One that is not alive is refused when it joins again.
CREATE FUNCTION cpss_registry.adopt(semantics integer, record_format integer) RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    waiting_for text[];
BEGIN
    PERFORM cpss_registry.insist();
    PERFORM FROM cpss_registry.head FOR UPDATE;
    -- In a statement after the lock: a replica that joined before is seen, and one that joins later is refused.
    SELECT coalesce(array_agg(replica.id ORDER BY replica.id), '{}') INTO waiting_for
        FROM cpss_registry.replica
        WHERE replica.seen_at > clock_timestamp() - interval '10 seconds'
            AND (replica.semantics_max < adopt.semantics OR replica.record_max < adopt.record_format);
    IF waiting_for = '{}' THEN
        UPDATE cpss_registry.head
        SET semantics = greatest(head.semantics, adopt.semantics),
            record_format = greatest(head.record_format, adopt.record_format);
    END IF;
    RETURN waiting_for;
END
$$;

-- Ends the copying of a log that has moved here, so that the database can be opened. False: the log does not end with
-- this record.
CREATE FUNCTION cpss_registry.filled(revision bigint, chain bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM cpss_registry.insist();
    UPDATE cpss_registry.head SET filling = false
    WHERE head.revision = filled.revision AND head.chain = filled.chain;
    RETURN FOUND;
END
$$;

-- Removes a replica that will not come back, so that a restored database does not wait for it. For the owner alone.
-- False if there is none.
CREATE FUNCTION cpss_registry.forget(id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM cpss_registry.insist();
    DELETE FROM cpss_registry.replica WHERE replica.id = forget.id;
    RETURN FOUND;
END
$$;
