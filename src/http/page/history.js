// What is on record about a person or a provider, as a table, with the way to take each fact back.

import { BASES } from "./acts.js";
import { dayInWords, momentInWords } from "./dates.js";
import { button, capital, element, fill } from "./dom.js";
import { fullName, inWords, run } from "./effects.js";
import { load } from "./facts.js";
import * as latest from "./latest.js";
import { identifiers } from "./providers.js";
import { correct, endPeriod, takeBack } from "./record.js";
import { within } from "./trouble.js";
import { unfolding } from "./unfold.js";
import words from "./words.js";

// Facts that the registry or an operator records, which stay.
const OWN = /EPOCH_BEGAN|DAY_OPENED|ADOPTED|RECORDS_BEGIN|LOG_MOVED|REDACTED/;

// Facts that open a period.
const PERIOD = /_(SUSPENDED|LIMITED|INACTIVE_GRANTED|DESIGNATION_GRANTED|QUALIFIED|CERTIFIED)$/;

// The bases and reasons of a fact, with the prefix of each.
const CODES = {
  qualificationBasis: "QUALIFICATION_BASIS_",
  suspensionBasis: "SUSPENSION_BASIS_",
  revocationBasis: "REVOCATION_BASIS_",
  issuanceBasis: "ISSUANCE_BASIS_",
  endReason: "EMPLOYMENT_END_REASON_",
};

// The words for codes whose own words are those of the contract.
const WORDS = {
  ...Object.fromEntries(BASES),
  FACT_KIND_FACT_RETRACTED: "A fact was taken back",
  FACT_KIND_PRIOR_NUMBER_SET: "Earlier number set",
  ISSUANCE_BASIS_EVALUATED: "after an evaluation of the application",
  ISSUANCE_BASIS_TRANSFERRED: "from the records of an agency",
  REVOCATION_BASIS_DISCIPLINARY: "Discipline",
  REVOCATION_BASIS_LOSS_OF_EMPLOYMENT: "Loss of employment (not discipline)",
  EMPLOYMENT_END_REASON_OTHER: "for another reason",
};

function worded(code, prefix) {
  return WORDS[code] ?? inWords(code, prefix);
}

function kindOf({ kind }) {
  return capital(worded(kind, "FACT_KIND_"));
}

// All that a fact says.
function said(fact) {
  const day = (label, date) => date && `${label}${dayInWords(date)}`;
  const designation = (code) => words.designations[code] ?? code;
  return [
    fullName(fact.name),
    day("born ", fact.birthDate),
    day("died ", fact.deathDate),
    fact.employmentId && fact.providerId && `with ${fact.providerId}`,
    fact.legalName,
    words.facilities[fact.facilityType],
    fact.county && `in ${fact.county}`,
    identifiers(fact.identifiers),
    fact.position,
    ...Object.entries(CODES).map(([name, prefix]) => fact[name] && worded(fact[name], prefix)),
    (fact.firstDay || fact.lastDay) && run(fact.firstDay, fact.lastDay),
    day("certificate to ", fact.validThrough),
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

// A fact with the last day that counts now, if it opens a period whose end was recorded later, or is among the
// `periods`.
function current(facts, periods, fact) {
  const period = periods.find(({ factId }) => factId === fact.factId);
  if (period) return { ...fact, lastDay: period.lastDay };
  const ended = facts.findLast((it) => it.kind === "FACT_KIND_PERIOD_ENDED" && it.targetFactId === fact.factId && !it.retracted);
  return ended ? { ...fact, lastDay: ended.lastDay } : fact;
}

function named(fact) {
  return `${kindOf(fact)}: ${said(fact)}`;
}

// What tells a fact from others, in short.
function shortly(fact) {
  const days = (fact.firstDay || fact.lastDay) && run(fact.firstDay, fact.lastDay);
  const from = fact.effectiveFrom && `from ${dayInWords(fact.effectiveFrom)}`;
  return [kindOf(fact), words.designations[fact.code] ?? fact.code, fact.employmentId && fact.providerId && `with ${fact.providerId}`, days, from, `revision ${fact.revision}`].filter(Boolean).join(", ");
}

// The buttons of a fact. What they ask opens under its row.
function actions(facts, fact, under) {
  if (fact.retracted || OWN.test(fact.kind)) return "";
  const of = shortly(fact);
  const offer = (text, act) => button(text, { class: "quiet", "aria-label": `${text}: ${of}` }, (event) => act(under(event)));
  return [
    fact.kind === "FACT_KIND_EMPLOYMENT_STARTED" ? offer("Correct the days", (place) => correct(place, job(facts, fact), of)) : "",
    PERIOD.test(fact.kind) ? offer(endOf(fact), (place) => endPeriod(place, fact.factId, { title: endOf(fact), what: named(fact), of })) : "",
    offer("Take back", (place) => takeBack(place, fact.factId, { what: named(fact), of })),
  ];
}

function endOf({ lastDay }) {
  return lastDay ? "Change the end" : "End it";
}

function cells(fact, acts) {
  return [
    [momentInWords(fact.recordedAt), element("span", { class: "citation" }, `revision ${fact.revision}, ${fact.caller}`)],
    [element(fact.retracted ? "s" : "strong", {}, kindOf(fact)), fact.retracted ? " (taken back)" : "", element("span", { class: "citation" }, said(fact))],
    element("div", { class: "acts" }, acts),
  ];
}

// Shows the facts about a subject, the latest first, and again after something was recorded here. `isShown` chooses
// among them, `mayAct` says whether the caller may take them back, and `loadPeriods` loads the periods that the
// registry knows, each with its fact. It hears of records `around` the table.
export async function show(place, subject, { isShown = () => true, mayAct = true, loadPeriods = () => [], around }) {
  const { element: made, show: draw, under } = unfolding("History", "history", ["Recorded", "What", "What to do"]);
  const refresh = async () => {
    const isLatest = latest.begin(made);
    const [facts, periods] = await Promise.all([load(subject), loadPeriods()]);
    if (!isLatest()) return undefined;
    const shown = facts.filter(isShown).map((fact) => current(facts, periods, fact)).toReversed();
    draw(shown.map((fact) => ({ key: fact.factId, cells: cells(fact, mayAct ? actions(facts, fact, under) : "") })));
    return shown.length;
  };
  const count = await refresh();
  const trouble = element("div");
  fill(place, trouble, count > 0 ? made : element("p", {}, "Nothing is on record that could be shown here."));
  (around ?? made).addEventListener("recorded", () => refresh().catch((error) => within(trouble, error)));
}
