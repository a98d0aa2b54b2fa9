CREATE TABLE mirror (
    -- One row: the position of this copy in the feed, and what the copy contains. It is written in the same transaction
    -- as the changes of a record, so the other tables are always exactly those of this revision.
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    epoch TEXT NOT NULL,                 -- '' before the first record
    revision INTEGER NOT NULL,           -- the last record that was copied completely; 0 before the first
    recorded_at TEXT,                    -- when that record was committed, UTC
    today TEXT,                          -- the last day opened by then; nothing is known about later days
    records_begin TEXT,                  -- the first day of complete employment records; NULL: the beginning
    designations_told INTEGER NOT NULL,  -- 1: `designation` is filled; 0: this client may not see designations
    provider_id TEXT                     -- the provider whose own staff this copy is limited to; NULL: not limited
) STRICT;

CREATE TABLE standing (
    -- The standing of each credential, in periods that do not overlap. Days without a row: NOT_ISSUED.
    credential_number TEXT NOT NULL,
    first_day TEXT NOT NULL,             -- inclusive, like all days here: '2026-03-02'
    last_day TEXT,                       -- inclusive; NULL: until a later change
    standing TEXT NOT NULL,              -- CURRENT and LIMITED allow practice
    reason TEXT,                         -- the reason of the standing; NULL for CURRENT
    PRIMARY KEY (credential_number, first_day)
) STRICT, WITHOUT ROWID;

CREATE TABLE coverage (
    -- Which providers cover the holder of a credential: they employ the holder, qualify and are not suspended. Days
    -- without a row: NOT_COVERED; before records begin: not known.
    credential_number TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    first_day TEXT NOT NULL,
    last_day TEXT,
    coverage TEXT NOT NULL,              -- COVERED; NOT_KNOWN: the renewal of the provider's certificate is not recorded
    PRIMARY KEY (credential_number, provider_id, first_day)
) STRICT, WITHOUT ROWID;

CREATE TABLE designation (
    -- The designations that a credential holds. Days without a row: not held.
    credential_number TEXT NOT NULL,
    designation TEXT NOT NULL,           -- ADULT_AND_RECOVERY, PARENT_CAREGIVER, YOUNG_ADULT, …
    first_day TEXT NOT NULL,
    last_day TEXT,
    held INTEGER NOT NULL CHECK (held = 1),
    PRIMARY KEY (credential_number, designation, first_day)
) STRICT, WITHOUT ROWID;

CREATE TABLE service (
    -- Whether a provider is certified for peer support services. Days without a row: NOT_KNOWN, which
    -- does not affect eligibility.
    provider_id TEXT NOT NULL,
    first_day TEXT NOT NULL,
    last_day TEXT,
    service TEXT NOT NULL,               -- CERTIFIED, NOT_CERTIFIED
    PRIMARY KEY (provider_id, first_day)
) STRICT, WITHOUT ROWID;

CREATE TABLE provider (
    -- The providers on file. This does not depend on the day.
    provider_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE provider_identifier (
    -- The providers' numbers in other registries.
    kind TEXT NOT NULL,                  -- NPI, MEDICAID_ID
    value TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    PRIMARY KEY (kind, value, provider_id)
) STRICT, WITHOUT ROWID;

INSERT INTO mirror VALUES (1, '', 0, NULL, NULL, NULL, 1, NULL);
