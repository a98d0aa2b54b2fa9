// Why the registry refuses, by its codes, in the words of a person at a desk: what is so, and what to do.

import { dayInWords, fromInput } from "./dates.js";

// What a refusal names: its first day, in words, the number of a credential, the id of a job, and its amounts.
function namedIn(message) {
  const [day] = /\d{4}-\d\d-\d\d/.exec(message) ?? [];
  const [credential = "another credential"] = /CPS-[0-9A-Z-]+/.exec(message) ?? [];
  const [job = ""] = /EM-[0-9A-Z-]+/.exec(message) ?? [];
  const [needed, given] = message.match(/\d+(\.\d+)?/g) ?? [];
  return { day: day ? dayInWords(fromInput(day)) : "that day", credential, job, needed, given };
}

const BY_REGISTRAR = "Ask the registrar at DMH to record it.";

// The words for a message of a reason that has several, by what the message contains. Undefined for a message that is not
// known: then the registry's own words are shown.
function byMessage(cases) {
  return (message, named) => cases.find(([part]) => message.includes(part))?.[1](named);
}

const SAID = {
  CREDENTIAL_VOID: () => "This credential was issued by mistake and counts as never issued. If that is wrong, take back the record that says so first. Otherwise nothing more can be recorded about it: use the person's other number, if there is one.",
  BEFORE_EFFECTIVE_FROM: (_, { day }) => `The credential begins on ${day}. Enter that day or a later one.`,
  AFTER_DEATH: () => "The day is after the person's death. Enter an earlier day. If the death was recorded by mistake, take that back first.",
  NOT_HELD: (message, { day }) => {
    const [named, remedy] = message.includes("the day before") ? [`${day}, the day before the one you entered`, "Enter a day after one on which it is held."] : [day, "Enter a day on which it is held."];
    return `The credential is not held on ${named}: it is lost, or its term is over. ${remedy} Its history says why and since when.`;
  },
  ALREADY_REVOKED: (_, { day }) => `The credential is revoked as discipline on ${day} already. There is nothing more to record.`,
  ALREADY_HELD: (message, { day }) => {
    const held = message.includes("and is not lost before") ? `The credential begins on ${day}, the day you entered.` : `The credential is held on ${day}, the day before the one you entered.`;
    return `${held} If it is lost from the day you entered, enter a later day, or take back the record that ends it. Otherwise there is nothing to reinstate.`;
  },
  NOT_COVERED: (_, { day }) => `The person has no job on ${day} that counts: one with a provider in the state mental health system that is not suspended. Without one the credential does not come back. Have such a job reported first, or enter a day on which there is one and its provider counts.`,
  NOT_REINSTATABLE: byMessage([
    ["no term of the credential includes", ({ day }) => `The term is over on ${day}. Renew the credential first.`],
    ["it is revoked on that day", ({ day }) => `A reinstatement on ${day} does not help: the credential is revoked on that same day. Enter a later day, or take the revocation back.`],
  ]),
  TERM_NOT_EXTENDED: byMessage([["a renewal takes effect after", ({ day }) => `The last term began on ${day}. Enter a later first day, or none: then the new term follows the last one.`]]),
  CONTINUING_EDUCATION: (_, { needed, given }) => `A renewal takes ${needed} hours of continuing education in the whole term that ends, and you entered ${given}. Check the hours. With fewer the credential cannot be renewed.`,
  ALREADY_CREDENTIALED: () => "The person may have only one credential, and has another one. Renew or reinstate that one: it stands under “People”.",
  REGISTRAR_MUST_RECORD: byMessage([
    ["the window for reports about", ({ day }) => `It is too late for a provider to report about ${day}. ${BY_REGISTRAR}`],
    ["the registrar took away days", ({ day }) => `The registrar took away days, from ${day}, that this would give back. ${BY_REGISTRAR}`],
    ["the registrar reported this amendment", () => "The registrar recorded this, so only the registrar can take it back. Ask the registrar at DMH."],
  ]),
  NOT_RETRACTABLE: () => "The registry made this record itself. It cannot be taken back.",
  HAS_DEPENDENTS: () => "Other records rest on this registration, such as a credential, a job, or a qualification. Take those back first, the latest one first.",
  ALREADY_RETRACTED: byMessage([
    ["the start of this job was retracted", () => "The start of this job was taken back, so there is no job to end or to correct. Report the start again if the job was real."],
    ["this fact was retracted", () => "This was taken back already, and does not count. There is nothing more to do."],
  ]),
  NOT_A_PERIOD: () => "This record has no end that could be entered. Take it back if it was a mistake.",
  EMPLOYMENT_AMBIGUOUS: () => "The person has several open jobs. Choose the one that ended, or enter its id, which begins with EM-.",
  EMPLOYMENT_EXISTS: (_, { job }) => `This start is on record already, as ${job}. To change its days or to take it back, choose “A report was wrong”.`,
  PROVIDER_EXISTS: byMessage([
    ["by a later registration", () => "A provider was registered under this id again later, so the earlier registration cannot count again."],
    ["a provider is on file under this id", () => "A provider with this id is on file already. Enter another id, or none: then the registry chooses one."],
  ]),
  IDENTIFIER_TAKEN: () => "Another provider has this NPI or Medicaid id. To see which one, find it by the number. Then check whose number it is.",
  PRIOR_NUMBER_TAKEN: (_, { credential }) => `This earlier number is on record for ${credential}. Check it. If it is wrong there, take it back there first.`,
  CRITERIA_UNMET: () => "The application does not meet every criterion. Evaluate it again to see which one.",
  STORE_FULL: () => "The registry has no room left, so nothing can be recorded. Looking up still works. Tell the operator of the registry.",
  STORE_DAMAGED: byMessage([
    ["the index is damaged", () => "The registry cannot answer this at the moment. Try again in a moment."],
    ["a part of the log is damaged", () => "A part of the registry is damaged, so nothing can be recorded at the moment. Tell the operator of the registry, and try again later."],
  ]),
  CALENDAR_HELD: () => "Nothing can be recorded until the operator of the registry has checked its date. Tell the operator.",
  AUDIT_UNAVAILABLE: () => "The registry cannot note at the moment who asks about whom, so it does not answer. Try again in a moment.",
  OUTCOME_UNKNOWN: () => "The registry cannot say whether this was recorded.",
  INTERNAL: () => "Something went wrong in the registry. Its operator has been notified. Try again later.",
  STORED_BYTES_DAMAGED: () => "A part of the registry is damaged. Its operator has been notified. Try again later.",
};

// Why the registry refuses. Undefined if it has no words of its own.
export function said({ reason, message }) {
  return SAID[reason]?.(message, namedIn(message));
}

// What is wrong with what was typed, where the registry's own words are those of its contract.
const FAULTS = [
  [/^required$/, "this is needed"],
  [/^required for a person who is not your own staff$/, "this is needed for somebody who is not your staff yet"],
  [/^required beside prior_number for somebody who is not your staff$/, "this is needed for somebody who is not your staff"],
  [/^must not be set together with specialist_id$/, "leave this empty beside a person's id"],
  [/^after today$/, "this day is still to come: enter today or an earlier day"],
  [/^not a finite number, 0 or more$/, "enter a number, 0 or more"],
];

// A fault in plain words. Others stay as they are.
export function fault(description) {
  return FAULTS.find(([pattern]) => pattern.test(description))?.[1] ?? description;
}
