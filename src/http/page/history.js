// What is on record about a person, as a table, with the way to take each fact back.

import { dayInWords, momentInWords } from "./dates.js";
import { button, capital, element, fill, table } from "./dom.js";
import { fullName, inWords, run } from "./effects.js";
import { load } from "./facts.js";
import { correct, endPeriod, takeBack } from "./record.js";
import words from "./words.js";

// Facts that the registry or an operator records, which stay.
const OWN = /EPOCH_BEGAN|DAY_OPENED|ADOPTED|RECORDS_BEGIN|LOG_MOVED|REDACTED/;

// Facts that open a period.
const PERIOD = /_(SUSPENDED|LIMITED|INACTIVE_GRANTED|DESIGNATION_GRANTED)$/;

// The bases and reasons of a fact, with the prefix of each.
const CODES = {
  suspensionBasis: "SUSPENSION_BASIS_",
  revocationBasis: "REVOCATION_BASIS_",
  issuanceBasis: "ISSUANCE_BASIS_",
  endReason: "EMPLOYMENT_END_REASON_",
};

// All that a fact says, as the command line says it.
function said(fact) {
  const day = (label, date) => date && `${label}${dayInWords(date)}`;
  const designation = (code) => words.designations[code] ?? code;
  return [
    fullName(fact.name),
    day("born ", fact.birthDate),
    day("died ", fact.deathDate),
    fact.providerId && `with ${fact.providerId}`,
    fact.position,
    ...Object.entries(CODES).map(([name, prefix]) => fact[name] && inWords(fact[name], prefix)),
    (fact.firstDay || fact.lastDay) && run(fact.firstDay, fact.lastDay),
    day("from ", fact.effectiveFrom),
    day("term to ", fact.termLastDay),
    ...(fact.designations ?? []).map(designation),
    fact.code && designation(fact.code),
    fact.priorNumber,
    fact.supervised && "supervised",
    fact.text,
    fact.reason,
    fact.decisionNote && `decision: ${fact.decisionNote}`,
    fact.note && `note: ${fact.note}`,
    fact.targetFactId && `of fact ${fact.targetFactId}`,
    fact.employmentId && `job ${fact.employmentId}`,
  ].filter(Boolean).join(", ");
}

// The days of a job as they count now.
function job(facts, start) {
  const of = facts.filter((fact) => fact.employmentId === start.employmentId && !fact.retracted);
  const corrected = of.findLast((fact) => fact.kind === "FACT_KIND_EMPLOYMENT_CORRECTED");
  return { employmentId: start.employmentId, firstDay: (corrected ?? start).firstDay, lastDay: of.at(-1)?.lastDay };
}

function actions(facts, fact, next) {
  if (fact.retracted || OWN.test(fact.kind)) return "";
  return [
    fact.kind === "FACT_KIND_EMPLOYMENT_STARTED" ? button("Correct the days", { class: "quiet" }, () => correct(next, job(facts, fact))) : "",
    PERIOD.test(fact.kind) ? button("End it", { class: "quiet" }, () => endPeriod(next, fact.factId)) : "",
    button("Take back", { class: "quiet", "aria-label": `Take back ${fact.factId}` }, () => takeBack(next, fact.factId)),
  ];
}

// Shows the facts about a person, the latest first. `isShown` chooses among them, and `mayAct` says whether the caller
// may take them back.
export async function show(place, specialistId, { isShown = () => true, mayAct = true }) {
  const facts = await load(specialistId);
  const next = element("div", { class: "next" });
  const rows = facts.filter(isShown).toReversed().map((fact) => [
    [momentInWords(fact.recordedAt), element("span", { class: "citation" }, `revision ${fact.revision}, ${fact.caller}`)],
    [element(fact.retracted ? "s" : "strong", {}, capital(inWords(fact.kind, "FACT_KIND_"))), fact.retracted ? " (taken back)" : "", element("span", { class: "citation" }, said(fact))],
    element("div", { class: "acts" }, mayAct ? actions(facts, fact, next) : ""),
  ]);
  fill(place, rows.length > 0 ? table("History", "history", ["Recorded", "What", "Mistake?"], rows) : element("p", {}, "Nothing is on record that could be shown here."), next);
}
