// An answer in sentences: yes, no, or not known; why; as of when; and until when it may change.

import { dayInWords, momentInWords } from "./dates.js";
import { button, byId, element, terms } from "./dom.js";
import words from "./words.js";

const LABELS = [
  ["fails", "Because"],
  ["unknown", "Not known"],
  ["information", "Note"],
];

// With these, nobody was found whom the answer is about.
const NOBODY = ["REASON_CREDENTIAL_NOT_ON_FILE", "REASON_NAME_MISMATCH", "REASON_SPECIALIST_AMBIGUOUS"];

// The verdict in a word or two, and its kind.
export function verdict({ verdict }) {
  return words.verdicts[verdict] ?? { name: verdict, short: "Not known", kind: "unknown" };
}

// The credential that the answer is about.
function subject(item, verification) {
  const number = verification.credentialNumber || item.credentialNumber;
  const holder = verification.credential?.displayName;
  if (number) return [holder ? `${holder}, ` : "", element("span", { class: "number" }, number)];
  return item.priorNumber ? `Earlier number ${item.priorNumber}` : "The person asked about";
}

// What to say about a person who was asked for without given names, and was not found.
function leftEmpty({ holder }) {
  return holder && !holder.name?.givenName ? "The given names were left empty: that finds only a person who has none on record. Enter them if the person has any." : "";
}

// Why nobody was found who was asked for without given names. Empty if that is not why.
export function unnamed(item, { reasons = [] }) {
  return reasons.includes("REASON_CREDENTIAL_NOT_ON_FILE") ? leftEmpty(item) : "";
}

// What was asked for, and is not on file.
function notOnFile(item, isPast) {
  const has = isPast ? "had" : "has";
  if (item.holder) return `The registry ${has} no credential of a person with this name and birth date. ${leftEmpty(item) || "Check the spelling, or ask by the number."}`;
  return `The registry ${has} no credential with this ${item.priorNumber ? "earlier number" : "number"}.`;
}

// The answer as one sentence. `isPast` says that it is from an earlier state of knowledge.
export function sentence(item, verification, isPast = false) {
  if ((verification.reasons ?? []).includes("REASON_CREDENTIAL_NOT_ON_FILE")) return notOnFile(item, isPast);
  const day = dayInWords(verification.answer.asOf);
  const name = verification.credential?.displayName;
  const holder = name ? `${name} holds the credential and` : "The holder of this credential";
  const provider = item.providerId ? ` with provider ${item.providerId}` : "";
  switch (verdict(verification).kind) {
    case "yes":
      return `${holder} may practice${provider} on ${day}.`;
    case "limits":
      return `${holder} may practice${provider} on ${day}, within limits.`;
    case "no":
      return `The registry does not confirm this credential${provider} for ${day}.`;
    default:
      return (verification.reasons ?? []).includes("REASON_DATE_IN_FUTURE")
        ? `The registry cannot say yet: ${day} is still to come.`
        : `The registry cannot say for ${day}: a fact is missing.`;
  }
}

// Whether employers have something to report that could change the answer: not about somebody who was not found.
function isAboutSomebody({ reasons = [] }) {
  return !reasons.some((reason) => NOBODY.includes(reason));
}

// The reasons, the decisive ones first: each with its effect, its text, its code, its citation, and what to do about it.
export function reasons(verification) {
  const cited = words.citations[verification.answer.ruleSetId] ?? {};
  const said = (verification.reasons ?? []).filter((code) => code !== "REASON_REPORTING_WINDOW_OPEN" || isAboutSomebody(verification));
  const known = said.map((code) => {
    const reason = words.reasons[code] ?? { weight: "information", text: "This page does not know this reason." };
    return { ...reason, code: String(code).replace(/^REASON_/, ""), citation: cited[reason.rule] };
  });
  return LABELS.flatMap(([weight, label]) => known.filter((it) => it.weight === weight).map((it) => ({ ...it, label })));
}

export function designations(codes) {
  return (codes ?? []).map((code) => words.designations[code] ?? code).join(", ");
}

export function standing(code) {
  return words.standings[code]?.name ?? code;
}

// The day until which employers may report what would change the answer. Undefined if there is none.
export function openUntil(verification) {
  const { settled, settlesOn } = verification.answer;
  return settled || !isAboutSomebody(verification) ? undefined : settlesOn;
}

export function settledInWords(verification) {
  if (!isAboutSomebody(verification)) return undefined;
  const { settled, settlesOn } = verification.answer;
  if (settled) return "Yes: the reporting window of that day is over.";
  return settlesOn ? `Not yet: employers may report until ${dayInWords(settlesOn)}.` : "No.";
}

export function knownInWords({ knownAtRevision, knownAtTime }) {
  const revision = `revision ${knownAtRevision ?? 0}`;
  return knownAtTime ? `${revision}, recorded ${momentInWords(knownAtTime)}` : revision;
}

// What an answer from an earlier state of knowledge says of itself: that at the end of a day, `endOf`, if that was asked.
export function asKnown({ answer }, { endOf }) {
  const asked = endOf ? `the end of ${dayInWords(endOf)}: ` : "";
  return element("p", { class: "then" }, `As known at ${asked}${knownInWords(answer)}. Later records may have changed the answer.`);
}

function why(verification) {
  const list = reasons(verification).map(({ label, text, code, citation, remedy }) =>
    element(
      "li",
      {},
      element("span", { class: "weight" }, label),
      element(
        "span",
        {},
        text,
        " ",
        element("code", {}, code),
        remedy ? element("span", { class: "remedy" }, remedy) : "",
        citation ? element("span", { class: "citation" }, `${verification.answer.ruleSetId}, ${citation}`) : "",
      ),
    ),
  );
  return list.length > 0 ? [element("h3", {}, "Why"), element("ul", { class: "reasons" }, list)] : [];
}

// Earlier numbers have any form: one may have been typed as the number of a credential.
function mayBeEarlier({ credentialNumber }, { reasons = [] }) {
  return Boolean(credentialNumber) && reasons.includes("REASON_NUMBER_MISTYPED");
}

// A letter names the credential that it is about. Nobody who was asked for by name and not found has one.
function mayHaveLetter({ holder }, { credentialNumber }) {
  return !holder || Boolean(credentialNumber);
}

function facts(verification) {
  const { credential } = verification;
  return terms({ class: "facts" }, [
    ["Standing", verification.standing && standing(verification.standing)],
    ["Holder", credential?.displayName],
    ["Designations", designations(credential?.designations)],
    ["Not held", designations(verification.missingDesignations)],
    ["Term", credential?.termLastDay && `to ${dayInWords(credential.termLastDay)}`],
    ["Earlier numbers", (credential?.priorNumbers ?? []).join(", ")],
    ["No job since", credential?.separationFirstDay && dayInWords(credential.separationFirstDay)],
  ]);
}

// Shows the answer. `past` is there if it is from an earlier state of knowledge, with the day whose end was asked for;
// `askAsEarlier` asks for the number that was typed as an earlier number; `openLetter` makes the letter.
export function show(item, verification, { past, askAsEarlier, openLetter }) {
  const { kind, short } = verdict(verification);
  const { answer } = verification;
  const place = byId("answer");
  place.dataset.kind = kind;
  place.replaceChildren(
    element("p", { class: "asked" }, subject(item, verification)),
    element("h2", { id: "verdict" }, `${short}.`),
    element("p", { class: "sentence" }, sentence(item, verification, Boolean(past))),
    past ? asKnown(verification, past) : "",
    ...why(verification),
    mayBeEarlier(item, verification) ? element("p", {}, button("Ask for it as an earlier number", { class: "quiet" }, askAsEarlier)) : "",
    facts(verification),
    terms({ class: "state" }, [
      ["As of", dayInWords(answer.asOf)],
      ["Settled", settledInWords(verification)],
      ["Known at", knownInWords(answer)],
      ["Rules", answer.ruleSetId],
    ]),
    mayHaveLetter(item, verification) ? element("p", { class: "send" }, button("Verification letter", { class: "quiet", id: "open-letter" }, openLetter)) : "",
  );
  place.hidden = false;
}
