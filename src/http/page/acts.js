// What is recorded about a person, a credential or a provider: one row for each act.

import words from "./words.js";

const FROM = [{ name: "effectiveFrom", label: "From", hint: "the first day", type: "date", required: true }];
const DAYS = [
  { name: "firstDay", label: "First day", type: "date", required: true },
  { name: "lastDay", label: "Last day", hint: "empty: until it is ended", type: "date" },
];
const NAME = [
  { name: "name.givenName", label: "Given names", capitals: "words" },
  { name: "name.familyName", label: "Family name", required: true, capitals: "words" },
  { name: "name.suffix", label: "Suffix", hint: "such as Jr." },
];
export const BASES = [
  ["SUSPENSION_BASIS_DISCIPLINARY", "Discipline"],
  ["SUSPENSION_BASIS_CE_AUDIT", "Audit of continuing education (not discipline)"],
  ["SUSPENSION_BASIS_EXTERNAL_ORDER", "Order from outside DMH (not discipline)"],
];
const DESIGNATION = { name: "code", label: "Designation", type: "choice", choices: Object.entries(words.designations), required: true };
const HOURS = { name: "continuingEducationHours", label: "Hours of continuing education", hint: "in the whole term", type: "number", required: true };

// Each act: its title, the method, the fields, and, for some, what every message of it says.
export const OF_A_CREDENTIAL = [
  ["Renew", "RenewCredential", [HOURS, { ...FROM[0], hint: "empty: after the last term", required: false }]],
  ["Suspend", "SuspendCredential", [{ name: "basis", label: "Basis", type: "choice", choices: BASES, required: true }, ...DAYS]],
  ["Limit", "LimitCredential", [{ name: "text", label: "Limitation", hint: "registrars and auditors see it", required: true, wide: true, capitals: "sentences" }, ...DAYS]],
  ["Grant inactive status", "GrantInactiveStatus", DAYS],
  ["Revoke as discipline", "RevokeCredential", FROM, { basis: "REVOCATION_BASIS_DISCIPLINARY" }],
  ["Reinstate", "ReinstateCredential", FROM],
  ["Record a surrender", "RecordSurrender", FROM],
  ["Record a relinquishment", "RecordRelinquishment", FROM],
  ["Record a retirement", "RecordRetirement", FROM],
  ["Grant a designation", "GrantDesignation", [DESIGNATION, ...DAYS]],
  ["Set an earlier number", "SetPriorNumber", [{ name: "priorNumber", label: "Number of the earlier certificate", required: true, capitals: "characters" }]],
];

export const OF_A_PERSON = [
  ["Change the name", "ChangeSpecialistName", NAME],
  ["Record a death", "RecordDeath", [{ name: "deathDate", label: "Day of death", type: "date", required: true }]],
];

export const REGISTRATION = ["Register a person", "RegisterSpecialist", [...NAME, { name: "birthDate", label: "Birth date", type: "date", required: true }]];

const ENDS = "empty: until it is ended or renewed";
const CERTIFICATE = { name: "validThrough", label: "Certificate valid through", hint: "the date on it, if any", type: "date" };
const RELATIONS = [
  ["QUALIFICATION_BASIS_DMH_OPERATED", "Operated by DMH"],
  ["QUALIFICATION_BASIS_DMH_CERTIFIED", "Certified by DMH"],
  ["QUALIFICATION_BASIS_DMH_FUNDED", "Funded by DMH"],
  ["QUALIFICATION_BASIS_DMH_LICENSED", "Licensed by DMH"],
];

const SEVERAL = "with commas between several";
const REGISTERED = [
  { name: "legalName", label: "Legal name", required: true, wide: true, capitals: "words" },
  { name: "facilityType", label: "Type of facility", type: "choice", choices: Object.entries(words.facilities), required: true },
  { name: "county", label: "County", capitals: "words" },
  { name: "npi", label: "NPI", into: "identifiers", kind: "IDENTIFIER_KIND_NPI", hint: SEVERAL },
  { name: "medicaidId", label: "Medicaid id", into: "identifiers", kind: "IDENTIFIER_KIND_MEDICAID_ID", hint: SEVERAL, capitals: "characters" },
];
const PROVIDER_ID = { name: "providerId", label: "Id", hint: "a short word, such as region-1-cmhc; empty: the registry assigns one" };

export const PROVIDER_REGISTRATION = ["Register a provider", "RegisterProvider", [...REGISTERED, PROVIDER_ID]];

export const OF_A_PROVIDER = [
  ["Record a qualification or its renewal", "RecordQualification", [{ name: "basis", label: "Basis", type: "choice", choices: RELATIONS, required: true }, DAYS[0], CERTIFICATE, { ...DAYS[1], hint: ENDS }]],
  ["Suspend the provider", "SuspendProvider", DAYS],
  ["Certify the peer support service", "CertifyPeerService", [DAYS[0], CERTIFICATE, { ...DAYS[1], hint: ENDS }]],
  ["Suspend the peer support service", "SuspendPeerService", DAYS],
  ["Change the registration", "UpdateProvider", REGISTERED],
];

export const NOTE = { name: "note", label: "Note", hint: "optional; nothing about anyone's health", wide: true, capitals: "sentences" };
