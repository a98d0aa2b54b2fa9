// What went wrong, in sentences that say what to do, without the names of the contract.

import { dayInWords, fromInput } from "./dates.js";
import { capital } from "./dom.js";
import { fault, said } from "./refusals.js";

// What this page calls the fields of the contract whose names, with blanks, are not those that a person knows.
const NAMES = {
  prior_number: "earlier number",
  specialist_id: "person",
  employment_id: "job",
  fact_id: "fact",
  provider_id: "provider",
  sponsoring_provider_id: "sponsoring provider",
  as_of: "day",
};

// The path of a field of the contract, such as `application.applied_on`, or one with parts of a list or a date.
const FIELD = /(?<![\w.-])(?:[a-z_]+(?:\[\d+\])?\.)*[a-z]+(?:_[a-z]+)+(?:\.(?:year|month|day))?(?![\w-])/g;

// A day as the registry writes it.
const DAY = /(?<![\w-])\d{4}-\d\d-\d\d(?![\w-])/g;

// What to do about something that is not on file, by its kind.
const NOT_ON_FILE = {
  provider: "No such provider is on file. Its id is a short word, such as region-1-cmhc, and not its name, NPI or Medicaid id. Ask DMH for it.",
  credential: "No such credential is on file, or you may not see it. Check the number, and the name and the birth date if you entered them.",
  specialist: "No such person is on file, or you may not see them. Check the id, which begins with SP-, and the birth date if you entered it.",
  employment: "No such job is on file, or you may not see it. Check the id, which begins with EM-.",
  fact: "This record is not on file, or you may not change it.",
};

// The reasons for which a question about an earlier state of knowledge is refused.
const STATE_GONE = ["HISTORY_CHANGED", "REVISION_OUT_OF_RANGE"];

// A text of the registry with the words and days of this page. `called` may know the label of a field. What stands in
// backticks is what somebody wrote, and stays.
export function plain(text, called = () => undefined) {
  const named = (path) => {
    const field = path.replace(/\.(year|month|day)$/, "").split(".").at(-1);
    const label = called(path);
    return label ? `“${label}”` : (NAMES[field] ?? field.replaceAll("_", " "));
  };
  return text.split("`").map((part, at) => (at % 2 === 0 ? part.replace(FIELD, named).replace(DAY, (day) => dayInWords(fromInput(day))) : part)).join("`");
}

// What is wrong with a field, as a sentence. `called` may know the label of another one.
export function faultInWords(description, called) {
  return `${capital(plain(fault(description), called))}.`;
}

// Why a call has no answer.
export function explained(refusal) {
  return said(refusal) ?? byCode(refusal, plain(refusal.message).replace("the caller's role", "your role"));
}

function byCode(refusal, why) {
  switch (refusal.code) {
    case "unauthenticated":
      return `The registry does not know you: ${why}.`;
    case "resource_exhausted":
      if (refusal.reason === "TOO_LARGE") return "What you entered is too long for the registry. Shorten it.";
      return `${tooMuch(refusal)} ${again(refusal.retrySeconds)}`;
    case "unavailable":
    case "deadline_exceeded":
      return `The registry cannot answer at the moment (${why}). ${again(refusal.retrySeconds || 60)}`;
    case "unreachable":
      return "The registry was not reached. Check the connection of this computer, and try again.";
    case "unknown":
      return `The answer of the registry did not come as it should (${why}). Try again.`;
    case "not_found":
      return NOT_ON_FILE[refusal.kind] ?? `The registry refused: ${why}.`;
    default:
      return STATE_GONE.includes(refusal.reason) ? `The registry has no such state of knowledge: ${why}. Ask again.` : `The registry refused: ${why}.`;
  }
}

function tooMuch(refusal) {
  return refusal.reason === "TOO_MANY_MISSES"
    ? "Too many questions found nobody, and such questions are limited."
    : `There were too many requests (${plain(refusal.message)}).`;
}

function again(seconds) {
  if (seconds > 90) return `Try again in ${Math.ceil(seconds / 60)} minutes.`;
  return seconds > 1 ? `Try again in ${seconds} seconds.` : "Try again in a moment.";
}
