-- Who may do what. cpss_owner does the rest.

REVOKE ALL ON SCHEMA cpss_registry FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA cpss_registry FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA cpss_registry FROM PUBLIC;
REVOKE ALL ON TYPE cpss_registry.head_row FROM PUBLIC;

GRANT USAGE ON SCHEMA cpss_registry TO cpss_replica, cpss_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA cpss_registry TO cpss_replica, cpss_reader;

GRANT EXECUTE ON FUNCTION
    cpss_registry.incarnation(),
    cpss_registry.append(bigint, bytea, bigint, bytea, bigint, timestamptz, timestamptz, bytea),
    cpss_registry.barrier(text, bigint, bigint, bytea, timestamptz),
    cpss_registry.open(interval),
    cpss_registry.push(bigint, bytea, bigint, bigint[], bytea[], timestamptz[], timestamptz[], bytea[]),
    cpss_registry.begin_epoch(bigint, bytea, bigint, bytea, bigint, timestamptz, timestamptz, bytea),
    cpss_registry.settle(timestamptz),
    cpss_registry.settle_again(timestamptz),
    cpss_registry.turn(),
    cpss_registry.lock_head(),
    cpss_registry.join(text, integer, integer),
    cpss_registry.adopt(integer, integer),
    cpss_registry.filled(bigint, bytea)
TO cpss_replica;
