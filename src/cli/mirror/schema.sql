CREATE TABLE mirror (
    -- One row: how far this copy is, and of what it is a copy. It is written in the transaction that writes the changes
    -- of a record, so that the other tables are always exactly those of this revision.
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    epoch TEXT NOT NULL,                 -- the line of history; '' before the first record
    revision INTEGER NOT NULL,           -- the last record copied, whole; 0 before the first
    recorded_at TEXT,                    -- when it was recorded, UTC
    today TEXT,                          -- the last day that the registry had opened then; of later days nothing is known
    records_begin TEXT,                  -- the first day of complete employment records; NULL: complete from the beginning
    designations_told INTEGER NOT NULL,  -- 1: `designation` is kept; 0: it is not this reader's to see, and empty
    provider_id TEXT                     -- the one provider, and its own staff, that this is a copy of; NULL: of all
) STRICT;

CREATE TABLE standing (
    -- How a credential stands, in periods that do not overlap. Days without a row: NOT_ISSUED.
    credential_number TEXT NOT NULL,
    first_day TEXT NOT NULL,             -- inclusive, as all days here: '2026-03-02'
    last_day TEXT,                       -- inclusive; NULL: until something else is told
    standing TEXT NOT NULL,              -- CURRENT and LIMITED allow practice
    reason TEXT,                         -- the standing's own; NULL for CURRENT
    PRIMARY KEY (credential_number, first_day)
) STRICT, WITHOUT ROWID;

CREATE TABLE coverage (
    -- Which provider covers the holder of a credential: employs them, qualifies and is not suspended. Days without a
    -- row: NOT_COVERED; before records begin: not known.
    credential_number TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    first_day TEXT NOT NULL,
    last_day TEXT,
    coverage TEXT NOT NULL,              -- COVERED; NOT_KNOWN: the provider's renewed certificate is not on record
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
    -- Whether a provider is certified for peer support services. Days without a row: NOT_KNOWN, which refuses nothing.
    provider_id TEXT NOT NULL,
    first_day TEXT NOT NULL,
    last_day TEXT,
    service TEXT NOT NULL,               -- CERTIFIED, NOT_CERTIFIED
    PRIMARY KEY (provider_id, first_day)
) STRICT, WITHOUT ROWID;

CREATE TABLE provider (
    -- The providers on file, on whatever day is asked about.
    provider_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE provider_identifier (
    -- Their numbers in other registries.
    kind TEXT NOT NULL,                  -- NPI, MEDICAID_ID
    value TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    PRIMARY KEY (kind, value, provider_id)
) STRICT, WITHOUT ROWID;

INSERT INTO mirror VALUES (1, '', 0, NULL, NULL, NULL, 1, NULL);
