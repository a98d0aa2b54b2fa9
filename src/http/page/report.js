// Report: a start or an end of a job, and what to do about a report that was wrong.

import { dayInWords, dayNumber } from "./dates.js";
import { button, byId, element, fill } from "./dom.js";
import { run } from "./effects.js";
import { form } from "./form.js";
import * as history from "./history.js";
import * as latest from "./latest.js";
import * as record from "./record.js";
import { call, may } from "./registry.js";
import * as trouble from "./trouble.js";

const PERSON = { name: "person", label: "Credential number", hint: "or the person's id, SP-…", required: true, capitals: "characters", named: true, finds: ["credential", "specialist", "employment"] };

const REASONS = [
  ["EMPLOYMENT_END_REASON_RESIGNED", "The person resigned"],
  ["EMPLOYMENT_END_REASON_DISMISSED", "We dismissed the person"],
  ["EMPLOYMENT_END_REASON_POSITION_ENDED", "The position ended"],
  ["EMPLOYMENT_END_REASON_TRANSFERRED", "The person went to another provider"],
  ["EMPLOYMENT_END_REASON_OTHER", "Another reason"],
];

const NO_JOB = "No open job of the person with this number is on file, or you may not see it. Check the number. A provider reports on its own staff alone.";

const STARTED = {
  fields: [
    PERSON,
    { name: "familyName", label: "Family name", hint: "needed with a credential number", named: true },
    { name: "birthDate", label: "Birth date", hint: "needed for somebody new to you", type: "date", named: true },
    { name: "firstDay", label: "First day of work", type: "date", required: true },
    { name: "lastDay", label: "Last day of work", hint: "empty: open", type: "date" },
    { name: "position", label: "Position", hint: "optional", capitals: "sentences" },
    { name: "providerId", label: "Employer", hint: "its id", needs: "EmploymentService/TransferEmployments", required: true, named: true, list: "providers", finds: ["provider"] },
    { name: "supervised", label: "A mental health professional supervises the work", type: "flag", no: "No" },
  ],
  command: (said) => ({ title: "Start of a job", method: "EmploymentService/ReportEmploymentStart", message: named(said, "specialistId"), beside: notes }),
};

const ENDED = {
  fields: [
    { ...PERSON, hint: "or the job's id, EM-…", missed: (kind, typed) => (kind === "employment" && !/^EM-/i.test(typed) ? NO_JOB : undefined) },
    { name: "lastDay", label: "Last day of work", hint: "still a day of work", type: "date", required: true },
    { name: "reason", label: "Why did it end?", type: "choice", choices: REASONS, required: true },
  ],
  command: (said) => ({ title: "End of a job", method: "EmploymentService/ReportEmploymentEnd", message: named(said, "employmentId"), beside: notes, explain: (error, command) => severalJobs(error, said, command) }),
};

const WRONG = { fields: [PERSON] };

// The ways of the section, by the value of the radio button.
const WAYS = { started: [STARTED, "See what this changes"], ended: [ENDED, "See what this changes"], wrong: [WRONG, "Show what was reported"] };

// A message that names its person by the number, or by an id of another kind.
function named({ person, ...said }, id) {
  return { [/^(SP|EM)-/i.test(person) ? id : "credentialNumber"]: person, ...said };
}

export function prepare() {
  for (const radio of ways()) radio.addEventListener("change", choose);
}

// Shows the form, unless it is shown already.
export function open() {
  if (byId("report-asked").childElementCount === 0) choose();
}

function ways() {
  return [...document.querySelectorAll("input[name=report-way]")];
}

// Takes away what the registry answered.
export function clear() {
  record.discard(byId("report-outcome"));
}

// Takes away what was typed, too.
export function forget() {
  clear();
  record.forget();
  fill(byId("report-asked"));
}

// Shows the form of the way that is chosen, about the person that was typed. A provider reports its own staff alone.
function choose() {
  const typed = byId("report-form-person")?.value;
  clear();
  const [{ fields, command }, submit] = WAYS[ways().find((radio) => radio.checked).value];
  const shown = fields.filter(({ needs }) => !needs || may(needs)).map((field) => (field.name === "person" ? { ...field, value: typed } : field));
  const outcome = byId("report-outcome");
  const act = (message, said) => {
    if (command) record.propose(outcome, { ...command(message), said, refused: (error) => made.refused(asTyped(error)) });
    else showReports(outcome, message.person, made);
  };
  const made = form("report-form", shown, submit, act, () => record.withdraw(outcome));
  fill(byId("report-asked"), made.element);
}

// A refusal with the faults beside the one input that names a person or a job.
function asTyped(error) {
  const fields = (error.fields ?? []).map((it) => (/^(credential_number|specialist_id|employment_id|person|job)$/.test(it.field) ? { ...it, field: "person" } : it));
  return { ...error, message: error.message, fields };
}

// What to know beside what a report changes: a day to come, and a job that is open already.
async function notes({ message, method }, { employment }) {
  if (!employment?.specialistId) return "";
  const { providerId, specialistId } = employment;
  const { employments = [], answer } = await call("EmploymentService/ListEmployments", { providerId, specialistId });
  const ahead = [["first", message.firstDay], ["last", message.lastDay]].filter(([, day]) => day && dayNumber(day) > dayNumber(answer.asOf));
  const open = employments.filter((it) => method.endsWith("Start") && !it.lastDay && it.employmentId !== employment.employmentId);
  return [
    ...ahead.map(([what, day]) => `The ${what} day of work, ${dayInWords(day)}, is in the future.`),
    ...open.map((it) => `There is an open job already: ${it.employmentId}, ${run(it.firstDay)}. To change its days, choose “A report was wrong”.`),
  ].map((text) => element("p", { class: "then" }, text));
}

// The open jobs of somebody, if there are several: one of them is chosen.
async function severalJobs({ reason }, typed, { said }) {
  if (reason !== "EMPLOYMENT_AMBIGUOUS") return "";
  const { employments = [] } = await call("EmploymentService/ListEmployments", { credentialNumber: typed.person });
  const choose = (job) => record.propose(byId("report-outcome"), { ...ENDED.command({ ...typed, person: job.employmentId }), said });
  return employments
    .filter((job) => !job.lastDay)
    .map((job) => element("p", {}, button(`End ${job.employmentId}`, { class: "quiet" }, () => choose(job)), ` with ${job.providerId}, ${run(job.firstDay)}${job.position ? `, ${job.position}` : ""}`));
}

// Shows what was reported about the jobs of a person.
async function showReports(place, person, made) {
  const isLatest = latest.begin(place);
  const [heading, reports] = [element("h2", { tabindex: -1 }, "Reports"), element("div")];
  place.hidden = false;
  fill(place, heading, reports);
  try {
    const specialistId = /^SP-/i.test(person) ? person : await holder(person);
    if (!specialistId) throw Object.assign(new Error(), { code: "invalid_argument", fields: [{ field: "person", description: "none of your staff has this number" }] });
    await history.show(reports, { specialistId }, { isShown: (fact) => fact.employmentId });
    heading.focus();
  } catch (error) {
    if (!isLatest()) return;
    clear();
    if (made.refused(asTyped(error))) return;
    trouble.within(place, error);
  }
}

async function holder(credentialNumber) {
  const { verification } = await call("VerificationService/VerifyCredential", { item: { credentialNumber } });
  return verification.credential?.specialistId;
}
