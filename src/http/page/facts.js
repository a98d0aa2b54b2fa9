// What is on record about a person, as the periods of a timeline.

import { dayNumber } from "./dates.js";
import { callForEach } from "./registry.js";

const PERIODS = {
  FACT_KIND_SUSPENDED: ["Suspended", "held"],
  FACT_KIND_LIMITED: ["Limited", "limited"],
  FACT_KIND_INACTIVE_GRANTED: ["Inactive", "held"],
};

const ACTS = {
  FACT_KIND_REVOKED: "revoked",
  FACT_KIND_SURRENDERED: "surrendered",
  FACT_KIND_RELINQUISHED: "relinquished",
  FACT_KIND_RETIRED: "retired",
  FACT_KIND_REINSTATED: "reinstated",
};

const NAMES = ["FACT_KIND_SPECIALIST_REGISTERED", "FACT_KIND_NAME_CHANGED"];

// The facts of a subject, such as `{ specialistId }`, that the caller may see, in the order in which they were recorded.
export async function load(subject, knownAt, signal) {
  const facts = [];
  await callForEach("RecordService/ListFacts", "facts", { ...subject, knownAt }, (fact) => facts.push(fact), signal);
  return facts;
}

// Who a person is: the names, the current one first, and the birth date.
export function identity(facts) {
  const inForce = facts.filter((fact) => !fact.retracted);
  const names = inForce.filter((fact) => NAMES.includes(fact.kind) && fact.name).map((fact) => fact.name);
  return { names: names.reverse(), birthDate: inForce.find((fact) => fact.birthDate)?.birthDate };
}

// The revisions of the records about a person, in order.
export function revisions(facts) {
  return [...new Set(facts.map((fact) => Number(fact.revision)))].sort((a, b) => a - b);
}

// The day of a period's end that was recorded last.
function lastDay(facts, start) {
  return facts.filter((fact) => fact.kind === "FACT_KIND_PERIOD_ENDED" && fact.targetFactId === start.factId).at(-1) ?? start;
}

function jobs(facts) {
  return facts
    .filter((fact) => fact.kind === "FACT_KIND_EMPLOYMENT_STARTED")
    .map((start) => {
      const later = facts.filter((fact) => fact.employmentId === start.employmentId && fact !== start);
      const corrected = later.filter((fact) => fact.kind === "FACT_KIND_EMPLOYMENT_CORRECTED").at(-1);
      const { lastDay: last } = later.at(-1) ?? start;
      return { name: start.providerId, first: (corrected ?? start).firstDay, last, kind: "job", detail: start.position };
    });
}

function terms(facts) {
  const granted = ["FACT_KIND_CREDENTIAL_ISSUED", "FACT_KIND_CREDENTIAL_RENEWED"];
  return facts
    .filter((fact) => granted.includes(fact.kind))
    .map((fact) => ({ name: "Term", first: fact.effectiveFrom, last: fact.termLastDay, kind: "term" }));
}

function restrictions(facts) {
  return facts
    .filter((fact) => PERIODS[fact.kind])
    .map((fact) => {
      const [name, kind] = PERIODS[fact.kind];
      return { name, first: fact.firstDay, last: lastDay(facts, fact).lastDay, kind };
    });
}

// The rows of the timeline: each has a name and periods with their days. A period that ends before it begins has no days.
export function rows(credential, standings, facts) {
  const inForce = facts.filter((fact) => !fact.retracted);
  const own = inForce.filter((fact) => !fact.credentialNumber || fact.credentialNumber === credential.credentialNumber);
  const issued = terms(own);
  const shown = issued.length > 0 ? issued : [{ name: "Term", first: credential.effectiveFrom, last: credential.termLastDay, kind: "term" }];
  const groups = new Map([["Standing", standings], ["Term", shown]]);
  for (const period of [...restrictions(own), ...jobs(own)]) {
    groups.set(period.name, [...(groups.get(period.name) ?? []), period]);
  }
  const hasDays = ({ first, last }) => !last || dayNumber(first) <= dayNumber(last);
  const rows = [...groups].map(([name, periods]) => ({ name, periods: periods.filter(hasDays) }));
  return rows.filter(({ periods }) => periods.length > 0);
}

// The acts on a credential, each on its day, and a death.
export function acts(credential, facts) {
  const inForce = facts.filter((fact) => !fact.retracted);
  const own = inForce.filter((fact) => fact.credentialNumber === credential.credentialNumber && ACTS[fact.kind]);
  const died = inForce.filter((fact) => fact.kind === "FACT_KIND_SPECIALIST_DIED").at(-1);
  const made = own.map((fact) => ({ name: ACTS[fact.kind], day: fact.effectiveFrom }));
  return died ? [...made, { name: "died", day: died.deathDate }] : made;
}
