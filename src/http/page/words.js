// The words of answers. They are those of the command line: a test compares them. What follows `default` is JSON.
export default {
  "verdicts": {
    "VERDICT_CONFIRMED": { "name": "CONFIRMED", "short": "Yes", "kind": "yes" },
    "VERDICT_CONFIRMED_WITH_LIMITS": { "name": "CONFIRMED WITH LIMITS", "short": "Yes, with limits", "kind": "limits" },
    "VERDICT_NOT_CONFIRMED": { "name": "NOT CONFIRMED", "short": "No", "kind": "no" },
    "VERDICT_UNDETERMINED": { "name": "UNDETERMINED", "short": "Not known", "kind": "unknown" }
  },
  "standings": {
    "STANDING_NOT_ISSUED": { "name": "not issued yet", "kind": "none" },
    "STANDING_VOID": { "name": "void", "kind": "lost", "does": "voids" },
    "STANDING_DECEASED": { "name": "holder deceased", "kind": "lost", "does": "ends" },
    "STANDING_REVOKED_LOSS_OF_EMPLOYMENT": { "name": "revoked on loss of employment", "kind": "lost", "does": "revokes", "then": "Employment is lost then. This is not discipline. The holder will need a reinstatement: a new job alone does not restore it." },
    "STANDING_REVOKED_DISCIPLINARY": { "name": "revoked as discipline", "kind": "lost", "does": "revokes", "then": "The holder will need a reinstatement." },
    "STANDING_SURRENDERED": { "name": "surrendered", "kind": "lost" },
    "STANDING_RELINQUISHED": { "name": "relinquished", "kind": "lost" },
    "STANDING_RETIRED": { "name": "retired", "kind": "lost" },
    "STANDING_LAPSED": { "name": "lapsed", "kind": "lost", "then": "The holder will need a renewal." },
    "STANDING_SUSPENDED": { "name": "suspended", "kind": "held", "does": "suspends", "then": "The holder may not practice." },
    "STANDING_INACTIVE": { "name": "inactive", "kind": "held", "then": "The holder may not practice." },
    "STANDING_SEPARATED": { "name": "separated", "kind": "held", "then": "It is still held, but not for practice. It is revoked unless a job with another employer follows in time." },
    "STANDING_LIMITED": { "name": "limited", "kind": "limited" },
    "STANDING_CURRENT": { "name": "current", "kind": "current" }
  },
  "coverages": {
    "COVERAGE_COVERED": "a job that counts at",
    "COVERAGE_NOT_COVERED": "no job that counts at",
    "COVERAGE_NOT_KNOWN": "not known to have a job that counts at"
  },
  "reviews": {
    "REVIEW_REASON_REVOKED_CREDENTIAL_REVIVED": "a start brought back a credential that was revoked when a job elsewhere was lost",
    "REVIEW_REASON_LIKELY_DUPLICATE": "somebody with this name and birth date was on file already",
    "REVIEW_REASON_START_AFTER_DEATH": "a job was reported for days after a death",
    "REVIEW_REASON_SETTLED_DAYS_CORRECTED": "days were changed whose reporting window had passed"
  },
  "designations": {
    "DESIGNATION_ADULT_AND_RECOVERY": "Adult and Recovery",
    "DESIGNATION_PARENT_CAREGIVER": "Parent/Caregiver",
    "DESIGNATION_YOUNG_ADULT": "Young Adult",
    "DESIGNATION_FORENSIC_PEER_RECOVERY": "Forensic Peer Recovery",
    "DESIGNATION_RECOVERY_ONLY": "Recovery only"
  },
  "facilities": {
    "FACILITY_TYPE_PSYCHIATRIC_HOSPITAL": "Psychiatric hospital",
    "FACILITY_TYPE_GENERAL_HOSPITAL_PSYCHIATRIC_UNIT": "Inpatient psychiatric unit of a general hospital",
    "FACILITY_TYPE_RESIDENTIAL_TREATMENT_CHILDREN": "Residential treatment center for children",
    "FACILITY_TYPE_RESIDENTIAL_TREATMENT_ADULTS": "Residential treatment center for adults",
    "FACILITY_TYPE_VETERANS_ADMINISTRATION_MEDICAL_CENTER": "Veterans Administration medical center",
    "FACILITY_TYPE_COMMUNITY_MENTAL_HEALTH_CENTER": "Community mental health center",
    "FACILITY_TYPE_DAY_TREATMENT": "Partial hospitalization/day treatment facility",
    "FACILITY_TYPE_OUTPATIENT": "Outpatient mental health facility",
    "FACILITY_TYPE_MULTI_SETTING": "Multi-setting mental health facility",
    "FACILITY_TYPE_OTHER": "Other facility"
  },
  "reasons": {
    "REASON_CREDENTIAL_NOT_ON_FILE": { "weight": "fails", "text": "No such credential is on file." },
    "REASON_NAME_MISMATCH": { "weight": "fails", "text": "The family name is not, and never was, the holder's." },
    "REASON_SPECIALIST_AMBIGUOUS": { "weight": "unknown", "text": "Several people match. Ask with the credential number." },
    "REASON_NOT_YET_EFFECTIVE": { "weight": "fails", "text": "The credential takes effect after that day." },
    "REASON_VOID": { "weight": "fails", "text": "The credential was issued in error and counts as never issued." },
    "REASON_DECEASED": { "weight": "fails", "text": "The holder has died." },
    "REASON_REVOKED_LOSS_OF_EMPLOYMENT": { "weight": "fails", "text": "Revoked, because employment was lost. This is not discipline.", "rule": "employment" },
    "REASON_REVOKED_DISCIPLINARY": { "weight": "fails", "text": "Revoked as discipline." },
    "REASON_SURRENDERED": { "weight": "fails", "text": "The holder surrendered the credential." },
    "REASON_RELINQUISHED": { "weight": "fails", "text": "The holder relinquished the credential." },
    "REASON_RETIRED": { "weight": "fails", "text": "The holder retired." },
    "REASON_LAPSED": { "weight": "fails", "text": "The term ended and was not renewed.", "rule": "term" },
    "REASON_SUSPENDED": { "weight": "fails", "text": "Suspended as discipline." },
    "REASON_SUSPENDED_NON_DISCIPLINARY": { "weight": "fails", "text": "Suspended. This is not discipline." },
    "REASON_INACTIVE": { "weight": "fails", "text": "Inactive: held, but not for practice." },
    "REASON_SEPARATED_MAY_NOT_PRACTICE": { "weight": "fails", "text": "Between jobs: still held, but not for practice.", "rule": "employment" },
    "REASON_NO_QUALIFYING_EMPLOYMENT": { "weight": "fails", "text": "No job that day in the state mental health system.", "rule": "employment" },
    "REASON_PROVIDER_NOT_ON_FILE": { "weight": "fails", "text": "The provider is not on file.", "remedy": "Check its id, a short word such as region-1-cmhc. Its name, NPI and Medicaid id are not accepted. DMH knows the id." },
    "REASON_NOT_EMPLOYED_BY_PROVIDER": { "weight": "fails", "text": "Not employed by that provider that day.", "rule": "employment" },
    "REASON_PROVIDER_NOT_QUALIFIED": { "weight": "fails", "text": "The provider was not in the state mental health system that day.", "rule": "employment" },
    "REASON_PROVIDER_SUSPENDED": { "weight": "fails", "text": "The provider was suspended that day." },
    "REASON_DESIGNATION_NOT_HELD": { "weight": "fails", "text": "A requested designation is not held.", "rule": "designation" },
    "REASON_SERVICE_NOT_CERTIFIED": { "weight": "fails", "text": "The provider's peer support service was not certified that day." },
    "REASON_DATE_BEFORE_RECORDS": { "weight": "unknown", "text": "Employment on that day is older than the registry's records." },
    "REASON_PROVIDER_RENEWAL_NOT_RECORDED": { "weight": "unknown", "text": "The employer's certificate has expired and no renewal is on record." },
    "REASON_DATE_IN_FUTURE": { "weight": "unknown", "text": "The day is in the future: the answer may change." },
    "REASON_NUMBER_MISTYPED": { "weight": "information", "text": "The number cannot exist. Look for a typing error.", "remedy": "After CPS it has nine letters and digits. A certificate that was issued before this registry has a number of another form: ask for that as an earlier number." },
    "REASON_LIMITED": { "weight": "information", "text": "The credential is limited. Ask the registrar for the limitation." },
    "REASON_REPORTING_WINDOW_OPEN": { "weight": "information", "text": "May change: employers may still report about that day." },
    "REASON_TERM_ENDS_SOON": { "weight": "information", "text": "The term ends soon and is not renewed yet.", "rule": "term" },
    "REASON_NAME_IS_FORMER": { "weight": "information", "text": "The name given is a former name of the holder." },
    "REASON_SERVICE_HISTORY_UNKNOWN": { "weight": "information", "text": "No certification of the service is on record for that day or earlier." },
    "REASON_NAME_REDACTED": { "weight": "information", "text": "The holder's names were redacted, so no name was checked." }
  },
  "citations": {
    "cpss-guide": {
      "employment": "source 000: \"To hold the CPSS DMH professional credential, peers in Mississippi must be employed by the state mental health system.\"",
      "term": "DMH CPSSP Program guidelines (source 002, \"Renewal\"); the cohort dates are inferred"
    },
    "cpssp-2025": {
      "employment": "source 002: \"Employment in Mississippi's Public Mental Health system is mandatory to hold the certification.\"; \"DMH-funded/certified/licensed program\"",
      "term": "source 002: \"Renewal: 5 hours CE per year\"; the cohort dates are inferred",
      "designation": "source 002: \"Training Designations: Adult and Recovery; Parent/Caregiver; Young Adult; Forensic Peer Recovery; Recovery only (if previously trained pre-May 2021)\""
    }
  }
};
