-- Can this person's service be billed by this provider on this day, according to the copy? The answer is that of
-- CheckBillingEligibility at `known_at_revision`, without a family name. To check a table of claims, replace `claim`.
--
--   :credential_number  as on the certificate: 'CPS-28MS-MN2K-Z'. It is read as the registry reads it: dashes, spaces and
--                       invisible characters are ignored, case is ignored, O is 0, I and L are 1, CPS may be missing
--   :provider_kind      'PROVIDER_ID', 'NPI' or 'MEDICAID_ID'; :provider is the value
--   :day                the date of service: '2026-03-02'
--   :designation        'YOUNG_ADULT', …; NULL: none required
--
-- verdict      CONFIRMED, CONFIRMED_WITH_LIMITS, NOT_CONFIRMED, or UNDETERMINED: not known yet, ask again later.
--              NULL: this copy cannot answer, ask the registry. This is the case for a designation, if this client may
--              not see designations; for another provider or an unknown person, if the copy is limited to one provider;
--              and for an invalid question: no number or no provider, an invalid day or value, or an impossible NPI.
-- eligible     1 for the two verdicts that confirm, otherwise 0; NULL with the verdict.
-- A day after `today` is never eligible: changes to it are not sent before the day comes. Until 14 working days after a
-- day employers may still report about it: ask again then, or ask the registry, which says when an answer is settled.
WITH RECURSIVE claim (credential_number, provider_kind, provider, day, designation) AS (
    VALUES (:credential_number, :provider_kind, :provider, :day, :designation)
),
-- The ignored characters of a number, as ranges of code points: spaces (White_Space), dashes (category Pd, U+2043,
-- U+2212) and invisible characters (category Cf).
ignored (first, last) AS (VALUES
    (9, 13), (32, 32), (45, 45), (133, 133), (160, 160), (173, 173), (1418, 1418), (1470, 1470), (1536, 1541),
    (1564, 1564), (1757, 1757), (1807, 1807), (2192, 2193), (2274, 2274), (5120, 5120), (5760, 5760), (6150, 6150),
    (6158, 6158), (8192, 8213), (8232, 8239), (8259, 8259), (8287, 8292), (8294, 8303), (8722, 8722), (11799, 11799),
    (11802, 11802), (11834, 11835), (11840, 11840), (11869, 11869), (12288, 12288), (12316, 12316), (12336, 12336),
    (12448, 12448), (65073, 65074), (65112, 65112), (65123, 65123), (65279, 65279), (65293, 65293), (65529, 65531),
    (68974, 68974), (69293, 69293), (69821, 69821), (69837, 69837), (78896, 78911), (113824, 113827), (119155, 119162),
    (917505, 917505), (917536, 917631)
),
-- Numbers that are not on file as written, folded character by character.
folding (written, place, symbols) AS (
    SELECT DISTINCT credential_number, 1, '' FROM claim
    WHERE NOT EXISTS (SELECT 1 FROM standing AS it WHERE it.credential_number = claim.credential_number)
        AND length(credential_number) <= 64 AND instr(CAST(credential_number AS BLOB), x'00') = 0
    UNION ALL
    SELECT written, place + 1, symbols || CASE
        WHEN EXISTS (SELECT 1 FROM ignored WHERE unicode(substr(written, place, 1)) BETWEEN first AND last) THEN ''
        ELSE replace(replace(replace(upper(substr(written, place, 1)), 'O', '0'), 'I', '1'), 'L', '1')
    END
    FROM folding WHERE place <= length(written)
),
folded (written, number) AS (
    SELECT written, 'CPS-' || substr(symbols, -9, 4) || '-' || substr(symbols, -5, 4) || '-' || substr(symbols, -1)
    FROM folding
    WHERE place > length(written) AND (length(symbols) = 9 OR length(symbols) = 12 AND substr(symbols, 1, 3) = 'CPS')
),
asked AS (
    SELECT claim.*, coalesce(number, credential_number) AS number, CASE provider_kind
        WHEN 'PROVIDER_ID' THEN provider
        ELSE trim(provider, char(9, 10, 11, 12, 13, 32, 133, 160, 5760, 8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199,
            8200, 8201, 8202, 8232, 8233, 8239, 8287, 12288))
    END AS billing
    FROM claim LEFT JOIN folded ON written = credential_number
),
billed AS (
    SELECT asked.*, CASE provider_kind
        WHEN 'PROVIDER_ID' THEN (SELECT provider_id FROM provider WHERE provider_id = billing)
        ELSE (SELECT provider_id FROM provider_identifier WHERE kind = provider_kind AND value = billing)
    END AS provider_id
    FROM asked
),
-- The positions of an NPI's digits. The Luhn checksum doubles every other digit and adds 24 for the prefix 80840. The
-- sum must end with 0.
digits (at) AS (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)),
found AS (
    SELECT billed.*,
        coalesce((SELECT standing FROM standing AS it WHERE it.credential_number = billed.number
            AND first_day <= day AND (last_day IS NULL OR day <= last_day)), 'NOT_ISSUED') AS standing,
        coalesce((SELECT coverage FROM coverage AS it WHERE it.credential_number = billed.number
            AND it.provider_id = billed.provider_id
            AND first_day <= day AND (last_day IS NULL OR day <= last_day)), 'NOT_COVERED') AS coverage,
        coalesce((SELECT service FROM service AS it WHERE it.provider_id = billed.provider_id
            AND first_day <= day AND (last_day IS NULL OR day <= last_day)), 'NOT_KNOWN') AS service,
        EXISTS (SELECT 1 FROM designation AS it WHERE it.credential_number = billed.number
            AND it.designation = billed.designation
            AND first_day <= day AND (last_day IS NULL OR day <= last_day)) AS designation_held
    FROM billed
),
judged AS (
    SELECT found.*, epoch, revision, recorded_at, today, CASE
        WHEN coalesce(credential_number, '') = '' OR coalesce(billing, '') = '' OR day IS NOT date(day)
            OR provider_kind NOT IN ('PROVIDER_ID', 'NPI', 'MEDICAID_ID')
            OR designation NOT IN ('ADULT_AND_RECOVERY', 'PARENT_CAREGIVER', 'YOUNG_ADULT', 'FORENSIC_PEER_RECOVERY',
                'RECOVERY_ONLY') THEN NULL
        WHEN provider_kind = 'NPI' AND found.provider_id IS NULL AND (billing GLOB '*[^0-9]*' OR length(billing) <> 10
            OR (SELECT 24 + sum(substr(billing, at, 1) * (1 + at % 2) - 9 * (at % 2 = 1 AND substr(billing, at, 1) > '4'))
                FROM digits) % 10 <> 0) THEN NULL
        WHEN mirror.provider_id IS NOT NULL AND (found.provider_id IS NOT mirror.provider_id OR NOT EXISTS (SELECT 1
            FROM standing AS it WHERE it.credential_number = found.number)) THEN NULL
        WHEN today IS NULL OR day > today THEN 'UNDETERMINED'
        WHEN found.provider_id IS NULL OR standing NOT IN ('CURRENT', 'LIMITED') OR service = 'NOT_CERTIFIED'
            OR (coverage = 'NOT_COVERED' AND day >= coalesce(records_begin, day)) THEN 'NOT_CONFIRMED'
        WHEN designation IS NOT NULL AND NOT designations_told THEN NULL
        WHEN designation IS NOT NULL AND NOT designation_held THEN 'NOT_CONFIRMED'
        WHEN coverage <> 'COVERED' THEN 'UNDETERMINED'
        WHEN standing = 'LIMITED' THEN 'CONFIRMED_WITH_LIMITS'
        ELSE 'CONFIRMED'
    END AS verdict
    FROM found, mirror
)
SELECT credential_number, provider_kind, provider, day, designation,
    verdict IN ('CONFIRMED', 'CONFIRMED_WITH_LIMITS') AS eligible, verdict, standing, coverage, service,
    epoch, revision AS known_at_revision, recorded_at AS known_at_time, today
FROM judged;
