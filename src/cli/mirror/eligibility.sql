-- Could this person's service be billed by this provider on this day, by what the copy knows? As CheckBillingEligibility
-- answers at `known_at_revision`, without a family name. For a table of claims put it in the place of `claim`.
--
--   :credential_number  as on the certificate: 'CPS-7K3M-9QRT-X'
--   :provider_kind      'PROVIDER_ID', 'NPI' or 'MEDICAID_ID'; :provider its value
--   :day                the date of service: '2026-03-02'
--   :designation        'YOUNG_ADULT', …; NULL: none is asked for
--
-- verdict      CONFIRMED, CONFIRMED_WITH_LIMITS, NOT_CONFIRMED, or UNDETERMINED: not known yet, ask again later.
--              NULL: this copy cannot say, ask the registry. Such are a designation where designations are not this
--              reader's to see, another provider or a stranger in a copy of one provider, and a question that is none.
-- eligible     1 for the two that confirm, else 0; NULL with the verdict.
-- A day after `today` is never eligible: what it brings is not told before it has come. Until 14 working days after a day
-- employers may still report about it: ask again then, or ask the registry, which says when an answer is settled.
WITH claim (credential_number, provider_kind, provider, day, designation) AS (
    VALUES (:credential_number, :provider_kind, :provider, :day, :designation)
),
billed AS (
    SELECT claim.*, CASE provider_kind
        WHEN 'PROVIDER_ID' THEN (SELECT provider_id FROM provider WHERE provider_id = claim.provider)
        ELSE (SELECT provider_id FROM provider_identifier WHERE kind = provider_kind AND value = claim.provider)
    END AS provider_id
    FROM claim
),
found AS (
    SELECT billed.*,
        coalesce((SELECT standing FROM standing AS it WHERE it.credential_number = billed.credential_number
            AND first_day <= day AND (last_day IS NULL OR day <= last_day)), 'NOT_ISSUED') AS standing,
        coalesce((SELECT coverage FROM coverage AS it WHERE it.credential_number = billed.credential_number
            AND it.provider_id = billed.provider_id
            AND first_day <= day AND (last_day IS NULL OR day <= last_day)), 'NOT_COVERED') AS coverage,
        coalesce((SELECT service FROM service AS it WHERE it.provider_id = billed.provider_id
            AND first_day <= day AND (last_day IS NULL OR day <= last_day)), 'NOT_KNOWN') AS service,
        EXISTS (SELECT 1 FROM designation AS it WHERE it.credential_number = billed.credential_number
            AND it.designation = billed.designation
            AND first_day <= day AND (last_day IS NULL OR day <= last_day)) AS designation_held
    FROM billed
),
judged AS (
    SELECT found.*, epoch, revision, recorded_at, today, CASE
        WHEN day IS NOT date(day) OR provider_kind NOT IN ('PROVIDER_ID', 'NPI', 'MEDICAID_ID')
            OR designation NOT IN ('ADULT_AND_RECOVERY', 'PARENT_CAREGIVER', 'YOUNG_ADULT', 'FORENSIC_PEER_RECOVERY',
                'RECOVERY_ONLY') THEN NULL
        WHEN mirror.provider_id IS NOT NULL AND (found.provider_id IS NOT mirror.provider_id OR NOT EXISTS (SELECT 1
            FROM standing AS it WHERE it.credential_number = found.credential_number)) THEN NULL
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
