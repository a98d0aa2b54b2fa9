// What a command changes, in sentences.

import { dateOf, dayInWords, dayNumber, today } from "./dates.js";
import { capital, element } from "./dom.js";
import words from "./words.js";

// How many credentials are described.
const MOST_SHOWN = 5;

// A name of the contract as words: `FACILITY_TYPE_DAY_TREATMENT` is `day treatment`.
export function inWords(code, prefix) {
  return String(code ?? "").replace(prefix, "").toLowerCase().replaceAll("_", " ").replace("dmh", "DMH");
}

// A person's name. Empty if there is none.
export function fullName({ givenName, familyName, suffix } = {}) {
  return [givenName, familyName, suffix].filter(Boolean).join(" ");
}

// A run of days.
export function run(first, last) {
  const [from, to] = [first, last].map((day) => day && dayInWords(day));
  if (from && from === to) return `on ${from}`;
  if (from) return to ? `from ${from} to ${to}` : `from ${from} on`;
  return to ? `until ${to}` : "on all days";
}

// A change as a sentence, with what follows from it.
export function change({ standing, coverage, designation, service, provider, records }) {
  const number = (it) => it.credentialNumber || "the new credential";
  const days = (it) => run(it.firstDay, it.lastDay);
  const named = (group, code) => words[group][code]?.name ?? words[group][code] ?? code;
  if (standing) {
    const { fromStanding, toStanding } = standing;
    return `${capital(number(standing))}: ${named("standings", toStanding)} ${days(standing)}, instead of ${named("standings", fromStanding)}.`;
  }
  if (coverage) return `${capital(number(coverage))}: ${named("coverages", coverage.coverage)} ${coverage.providerId} ${days(coverage)}.`;
  if (designation) {
    return `${capital(number(designation))}: the designation ${named("designations", designation.code)} is ${designation.held ? "held" : "not held"} ${days(designation)}.`;
  }
  if (service) return `${service.providerId}: the peer support service is ${inWords(service.service, "SERVICE_STATUS_")} ${days(service)}.`;
  if (provider) return `${provider.providerId} is ${provider.onFile ? "on file, with its identifiers" : "not on file"}.`;
  if (records) return `Records of employment are complete ${run(records.firstDay)}.`;
  return "A change that this page does not know.";
}

function list(label, changes = [], count = 0) {
  if (count === 0) return "";
  const more = count - changes.length;
  return [
    element("h3", {}, label),
    element("ul", { class: "effects" }, changes.map((it) => element("li", {}, change(it))), more > 0 ? element("li", {}, `And ${more} more.`) : ""),
  ];
}

// The changes up to today, each with its end: a run of days without one includes today, and says nothing of later days.
function upToToday({ changes = [], foreseenChanges = [] }) {
  const later = foreseenChanges.map((it) => Object.values(it)[0].firstDay).filter(Boolean);
  const now = Math.min(dayNumber(today()), ...later.map((day) => dayNumber(day) - 1));
  return changes.map((it) => {
    const [[kind, of]] = Object.entries(it);
    const isOpen = kind !== "records" && of.firstDay && !of.lastDay;
    return isOpen ? { [kind]: { ...of, lastDay: dateOf(Math.max(now, dayNumber(of.firstDay))), isOpen } } : it;
  });
}

// The runs of days on which credentials have another standing, each as long as it is: those up to today go on in those
// after it. Where the list of those after it is cut off, what may go on has no end.
function standings({ foreseenChanges = [], foreseenChangeCount = 0 }, changes) {
  const runs = [];
  for (const { standing } of [...changes, ...foreseenChanges]) {
    if (!standing) continue;
    const before = runs.findLast((it) => it.credentialNumber === standing.credentialNumber);
    const goesOn = before?.lastDay && before.toStanding === standing.toStanding && dayNumber(before.lastDay) + 1 === dayNumber(standing.firstDay);
    if (goesOn) Object.assign(before, { lastDay: standing.lastDay, isOpen: standing.isOpen, from: before.from.add(standing.fromStanding) });
    else runs.push({ ...standing, from: new Set([standing.fromStanding]) });
  }
  const last = foreseenChangeCount > foreseenChanges.length && foreseenChanges.at(-1)?.standing;
  return runs.map((it) => (it.isOpen && last && it.credentialNumber >= last.credentialNumber ? { ...it, lastDay: undefined } : it));
}

// A run of days with another standing, as a sentence with what follows from it. Where the standing that it is instead of,
// `from`, was no good either, nothing is taken away: that standing is named.
function sentence({ credentialNumber, toStanding, firstDay, lastDay, from }) {
  const { name = toStanding, does, then = "" } = words.standings[toStanding] ?? {};
  const credential = credentialNumber ? `the credential ${credentialNumber}` : "the new credential";
  const days = run(firstDay, lastDay);
  const before = [...from].map((code) => words.standings[code] ?? {});
  const wasBad = before.every(({ kind }) => kind === "lost" || kind === "held");
  if (wasBad) return `This makes ${credential} ${name} ${days}, instead of ${before.map((it) => it.name).join(" or ")}. ${then}`;
  return `${does ? `This ${does} ${credential} ${days}.` : `This makes ${credential} ${name} ${days}.`} ${then}`;
}

// Whether an answer to a provider leaves the person out, who is not its staff yet.
export function isUnnamed({ employment }) {
  return Boolean(employment && !employment.specialistId);
}

// Whether an answer has the numbers of changes alone, as one to a certifier.
function isCounted({ changes = [], foreseenChanges = [] }) {
  return changes.length + foreseenChanges.length === 0;
}

function counted({ changeCount = 0, foreseenChangeCount = 0, specialistCount = 0 }, isRecorded) {
  const number = (count, one, more) => `${count} ${count === 1 ? one : more}`;
  const people = specialistCount > 0 ? `${number(specialistCount, "person is", "people are")} affected. Your role does not see who. ${isRecorded ? "The registrar sees their names." : "Before you record it, ask the registrar, who sees their names."}` : "Nobody's credential is affected.";
  return `It makes ${number(changeCount, "change", "changes")} up to today, and ${foreseenChangeCount} later. ${people}`;
}

// What the answer to a command says that it changes: first what becomes of the credentials, then every change. A
// provider does not see what it would change for somebody who is not its staff yet. `isRecorded` says that it is no dry run.
export function effects(response, isRecorded = false) {
  const { changeCount = 0, foreseenChanges, foreseenChangeCount = 0, specialistCount } = response;
  if (isUnnamed(response)) return element("p", {}, "What it would change is not shown for somebody who is not your staff.");
  if (changeCount + foreseenChangeCount === 0) return element("p", {}, "It changes no standing, no job that counts, and no designation.");
  if (isCounted(response)) return element("p", {}, counted(response, isRecorded));
  const now = upToToday(response);
  const runs = standings(response, now);
  const shown = runs.slice(0, MOST_SHOWN).map((it) => element("li", { "data-lost": words.standings[it.toStanding]?.kind === "lost" }, sentence(it)));
  return [
    runs.length > 0 ? element("ul", { class: "effects" }, shown, runs.length > MOST_SHOWN ? element("li", {}, `And ${runs.length - MOST_SHOWN} more.`) : "") : element("p", {}, "It changes no standing."),
    specialistCount > 1 ? element("p", {}, `${specialistCount} people are affected.`) : "",
    element("details", { open: runs.length === 0 }, element("summary", {}, "Every change"), list("Up to today", now, changeCount), list("Later", foreseenChanges, foreseenChangeCount)),
  ];
}
