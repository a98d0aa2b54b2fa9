// An application: what the applicant states, judged by every criterion, with the source of each rule; and the credential
// for it.

import { dayInWords } from "./dates.js";
import { capital, element, fill, table, terms } from "./dom.js";
import { fullName, inWords } from "./effects.js";
import { plain } from "./explain.js";
import { identity, load } from "./facts.js";
import { form } from "./form.js";
import * as latest from "./latest.js";
import { propose, withdraw } from "./record.js";
import { call, may } from "./registry.js";
import * as trouble from "./trouble.js";
import words from "./words.js";

const of = (group, name, label, more = {}) => ({ group, name: `application.${name}`, label, ...more });
const PERSON = "The applicant";
const NO_APPLICANT = "No such person is on file. Enter the person's id, which begins with SP-. It stands under “People”.";
const WORK = "Experience and references";

const LIVED = [
  ["LIVED_EXPERIENCE_SELF", "As a recipient of services"],
  ["LIVED_EXPERIENCE_FAMILY_MEMBER", "As a family member of one"],
];
const EDUCATION = [
  ["EDUCATION_HIGH_SCHOOL_DIPLOMA", "High school diploma"],
  ["EDUCATION_GED", "GED or another equivalency"],
  ["EDUCATION_ENROLLED", "Enrolled in high school or a GED program"],
  ["EDUCATION_NONE", "None of these"],
];
const DESIGNATIONS = Object.entries(words.designations);
const NONE = { none: "Not stated" };

function training(index) {
  const group = `Training ${index + 1}`;
  const at = `trainings.${index}`;
  return [
    of(group, `${at}.completedOn`, "Completed on", { type: "date" }),
    of(group, `${at}.hours`, "Hours", { type: "number" }),
    of(group, `${at}.designation`, "Designation", { type: "choice", choices: DESIGNATIONS, none: "None in particular" }),
    of(group, `${at}.preTrainingCompleted`, "The online pre-training was completed before", { type: "flag" }),
  ];
}

function attempt(index) {
  const group = `Examination, attempt ${index + 1}`;
  return [of(group, `examAttempts.${index}.takenOn`, "Taken on", { type: "date" }), of(group, `examAttempts.${index}.score`, "Score in percent", { type: "number" })];
}

function fields(specialistId) {
  return [
    { group: PERSON, name: "specialistId", label: "Applicant", hint: "the person's id, SP-…", required: true, capitals: "characters", value: specialistId, named: true, finds: ["specialist"], missed: () => NO_APPLICANT },
    of(PERSON, "appliedOn", "Day of the application", { type: "date", required: true }),
    { group: PERSON, name: "effectiveFrom", label: "First day of the credential", type: "date", required: true },
    of(PERSON, "livedExperience", "Lived experience", { type: "choice", choices: LIVED, ...NONE }),
    of(PERSON, "education", "Education", { type: "choice", choices: EDUCATION, ...NONE }),
    of(PERSON, "mississippiResident", "Resident of Mississippi", { type: "flag" }),
    of(PERSON, "recoveryAttested", "Attests to 6 of the last 12 months in self-directed recovery", { type: "flag" }),
    of(PERSON, "literate", "Proficient in reading and writing", { type: "flag" }),
    { group: PERSON, name: "designations", label: "Requested designations", type: "several", choices: DESIGNATIONS },
    of(WORK, "experienceHours", "Hours of work or volunteer work", { type: "number" }),
    of(WORK, "references", "References", { type: "number", whole: true }),
    of(WORK, "experienceWithinThreeYears", "The hours are of the last three years", { type: "flag" }),
    of(WORK, "collegeYearWithinThreeYears", "A year of college in the last three years", { type: "flag" }),
    ...training(0),
    ...training(1),
    ...attempt(0),
    ...attempt(1),
    of("Selection and fees", "sponsoringProviderId", "Sponsored by provider", { hint: "its id", list: "providers", finds: ["provider"] }),
    of("Selection and fees", "requestsScholarship", "Asks for a scholarship", { type: "flag" }),
  ];
}

// Shows the form, for a person if one is known, and the evaluation.
export function show(place, specialistId) {
  const outcome = element("div", { class: "card", hidden: true });
  const changed = () => {
    // The evaluation of an application that has changed since is not shown.
    latest.end(outcome);
    withdraw(outcome);
  };
  const made = form("application", fields(specialistId), "Evaluate", (asked, said) => evaluate(outcome, whole(asked), said, made), changed);
  fill(place, element("div", { class: "card" }, made.element, element("p", { class: "aside" }, "The application is judged, but not stored.")), outcome);
}

// A message without the entries that were left empty.
function whole({ application, ...rest }) {
  const said = (list) => (list ?? []).filter((it) => it && Object.keys(it).length > 0);
  return { ...rest, application: { ...application, trainings: said(application.trainings), examAttempts: said(application.examAttempts) } };
}

async function evaluate(place, asked, said, made) {
  const isLatest = latest.begin(place);
  place.hidden = true;
  try {
    const [judged, facts] = await Promise.all([call("CredentialService/EvaluateApplication", asked), may("RecordService/ListFacts") ? load({ specialistId: asked.specialistId }) : []]);
    if (!isLatest()) return;
    place.hidden = false;
    showEvaluation(place, judged, { asked, said, applicant: identity(facts) });
  } catch (error) {
    if (!isLatest() || made.refused(error)) return;
    trouble.within(place, error);
  }
}

function showEvaluation(place, judged, { asked, said, applicant }) {
  const { criteria = [], eligible, ruleSetId, selectionPriority, fees = [] } = judged;
  const isOpen = criteria.some(({ outcome }) => outcome === "CRITERION_OUTCOME_UNDETERMINED");
  const verdict = eligible ? (isOpen ? "Eligible, if the registrar decides so" : "Eligible") : "Not eligible";
  const kind = eligible ? (isOpen ? "limits" : "yes") : "no";
  const heading = element("h2", { tabindex: -1, class: "outcome", "data-kind": kind }, verdict);
  const rows = criteria.map((it) => [
    capital(inWords(it.criterion, "CRITERION_")),
    element("span", { class: "weight", "data-outcome": it.outcome }, capital(inWords(it.outcome, "CRITERION_OUTCOME_"))),
    ...[it.found, it.required].map((text) => plain(text ?? "")),
    it.citation ?? "",
  ]);
  const dollars = (cents) => `$${(cents / 100).toFixed(2)}`;
  const next = element("div", { class: "next" });
  fill(
    place,
    heading,
    terms({ class: "about" }, [
      ["Applicant", fullName(applicant.names[0])],
      ["Born", applicant.birthDate && dayInWords(applicant.birthDate)],
      ["Id", asked.specialistId],
    ]),
    element("p", {}, `Judged under the rule set ${ruleSetId}.`),
    table("Criteria", "criteria", ["Criterion", "Outcome", "Found", "Required", "Source"], rows, true),
    terms({}, [
      ["Selection", capital(inWords(selectionPriority, "SELECTION_PRIORITY_"))],
      ...fees.map((fee) => ["Fee", `${dollars(fee.amountCents)} ${inWords(fee.kind, "FEE_KIND_")}${fee.scholarshipRequested ? ", scholarship requested" : ""} (${fee.citation})`]),
    ]),
    next,
  );
  if (eligible && may("CredentialService/IssueCredential")) issue(next, { asked, said, isOpen });
  heading.focus();
}

// The credential for an application that was judged eligible.
function issue(next, { asked, said, isOpen }) {
  const decision = { name: "decisionNote", label: "Your decision about the undetermined criteria", required: true, wide: true, capitals: "sentences" };
  const outcome = element("div", { class: "next", hidden: true });
  const command = (message, decided) => ({ title: "Issue the credential", method: "CredentialService/IssueCredential", message: { ...asked, ...message }, said: [...said, ...decided], refused: made.refused });
  const made = form("issue", isOpen ? [decision] : [], "See what issuing it changes", (message, decided) => propose(outcome, command(message, decided)), () => withdraw(outcome));
  fill(next, element("h3", {}, "Issue the credential"), made.element, outcome);
}
