// People of the desk: find somebody, see the history, and act.

import { act } from "./acting.js";
import { OF_A_CREDENTIAL, OF_A_PERSON, REGISTRATION } from "./acts.js";
import { standing } from "./answer.js";
import { dayInWords } from "./dates.js";
import { button, element, fill, terms } from "./dom.js";
import { fullName } from "./effects.js";
import { form } from "./form.js";
import { identity, load } from "./facts.js";
import * as history from "./history.js";
import * as latest from "./latest.js";
import { lookUpNumber } from "./lookup.js";
import { call, may } from "./registry.js";
import * as trouble from "./trouble.js";

const FIELDS = [
  { name: "credentialNumber", label: "Credential number", hint: "or the following", wide: true, capitals: "characters", finds: ["credential"] },
  { name: "familyName", label: "Family name", hint: "or its beginning" },
  { name: "givenName", label: "Given name", hint: "or its beginning" },
  { name: "birthDate", label: "Birth date", type: "date" },
  { name: "priorNumber", label: "Number of an earlier certificate", capitals: "characters" },
];

// How many people are asked for. Someone who finds more types more of the name.
const MOST = 50;

// Shows the form and what it finds. `evaluate` opens the application of a person.
export function show(place, evaluate) {
  const found = element("div", { id: "found" });
  const made = form("find", FIELDS, "Find", (asked, said) => find(found, { asked, said, made, evaluate }));
  const register = element("div", { class: "next" });
  // Somebody who was registered is found from then on.
  register.addEventListener("recorded", ({ detail: { specialist } }) => refreshed(found, async () => (specialist ? listed([await known(specialist.specialistId)], evaluate) : [])));
  fill(
    place,
    element("div", { class: "card" }, made.element, may("CredentialService/RegisterSpecialist") ? element("p", {}, button(REGISTRATION[0], { class: "quiet" }, () => actOn(register, [REGISTRATION]))) : "", register),
    found,
  );
}

async function find(place, { asked, said, made, evaluate }) {
  const isLatest = latest.begin(place);
  place.replaceChildren();
  try {
    const { specialists = [], nextPageToken } = await (asked.credentialNumber ? holder(asked) : call("CredentialService/FindSpecialists", { ...asked, pageSize: MOST }));
    if (!isLatest()) return;
    fill(place, listed(specialists, evaluate, nextPageToken ? "There are more. Enter more of the name." : notCompared(asked, said)));
    place.querySelector("h2").focus();
  } catch (error) {
    if (!isLatest() || made.refused(error)) return;
    trouble.within(place, error);
  }
}

// What to say of what was typed beside a number, which finds alone.
function notCompared({ credentialNumber }, said) {
  const [number] = FIELDS;
  const others = said.filter(([label]) => label !== number.label).map(([label, text]) => `${label} ${text}`);
  return credentialNumber && others.length > 0 ? `Found by the credential number alone. The rest of what you typed was not compared: ${others.join(", ")}. Check that this is the person you mean.` : "";
}

// The card with those who were found.
function listed(specialists, evaluate, more) {
  const count = specialists.length === 0 ? "Nobody on file matches." : `${specialists.length} on file`;
  return element("div", { class: "card" }, element("h2", { tabindex: -1 }, count), more ? element("p", { class: "then", role: "alert" }, more) : "", specialists.map((it) => person(it, evaluate)));
}

// Shows in a place what `make` makes, or why it cannot.
export async function refreshed(place, make) {
  const isLatest = latest.begin(place);
  try {
    const made = await make();
    if (isLatest()) fill(place, made);
  } catch (error) {
    if (isLatest()) trouble.within(place, error);
  }
}

// The holder of a credential, in the form of somebody found.
async function holder({ credentialNumber }) {
  const { credential } = await call("VerificationService/GetCredential", { credentialNumber });
  return { specialists: [await known(credential.specialistId)] };
}

// What is known now about somebody.
async function known(specialistId) {
  const [facts, { credentials }] = await Promise.all([load({ specialistId }), call("CredentialService/ListCredentials", { specialistId })]);
  return { specialistId, ...identity(facts), credentials };
}

// Somebody found, and what is asked about the person. After an act the person is shown as known then.
function person(found, evaluate) {
  const card = element("div");
  const next = element("div", { class: "next" });
  const made = element("article", { class: "person" }, card, next);
  made.addEventListener("recorded", () => refreshed(card, async () => about(await known(found.specialistId), next, evaluate)));
  fill(card, about(found, next, evaluate));
  return made;
}

function about({ specialistId, names = [], birthDate, credentials = [] }, next, evaluate) {
  const name = fullName(names[0]) || "Name redacted";
  const isLive = (it) => it.standing !== "STANDING_VOID";
  const number = (credentials.findLast(isLive) ?? credentials.at(-1))?.credentialNumber;
  const acts = [...(number ? OF_A_CREDENTIAL : []), ...OF_A_PERSON].filter(([, method]) => may(`CredentialService/${method}`));
  // Two people may have the same name.
  const named = `${name}, ${number ?? specialistId}`;
  return [
    element("h3", {}, name),
    terms({ class: "about" }, [
      ["Born", birthDate && dayInWords(birthDate)],
      ["Id", specialistId],
      ["Other names", names.slice(1).map(fullName).join("; ")],
      ...credentials.map((it) => ["Credential", `${it.credentialNumber}: ${standing(it.standing)}${it.termLastDay ? `, term to ${dayInWords(it.termLastDay)}` : ""}`]),
    ]),
    element(
      "div",
      { class: "acts" },
      button("History", { class: "quiet", "aria-label": `History of ${named}` }, () => openHistory(next, specialistId)),
      acts.length > 0 ? button("Act", { class: "quiet", "aria-label": `Act on ${named}` }, () => actOn(next, acts, { specialistId, credentialNumber: number, name: names[0], of: named })) : "",
      number ? button("Look up", { class: "quiet", "aria-label": `Look up ${named}` }, () => lookUpNumber(number)) : "",
      button("Application", { class: "quiet", "aria-label": `Application of ${named}` }, () => evaluate(specialistId)),
    ),
  ];
}

// Shows the history of a person.
export async function openHistory(place, specialistId) {
  const table = element("div");
  const heading = element("h3", { tabindex: -1 }, "History");
  fill(place, heading, table);
  try {
    await history.show(table, { specialistId }, { mayAct: may("RecordService/RetractFact") });
    heading.focus();
  } catch (error) {
    // Something else may be in the place by now.
    trouble.within(table, error);
  }
}

// A change of a name as pairs of label and text: the whole name before and after it.
function renamed(before, { name }) {
  return [["Old name", fullName(before)], ["New name", fullName(name)]];
}

// What to do instead of a reinstatement of what is suspended or inactive, and so was never lost.
async function stillHeld({ reason }, { message: { credentialNumber, effectiveFrom } }) {
  if (reason !== "ALREADY_HELD") return "";
  const { verification } = await call("VerificationService/VerifyCredential", { item: { credentialNumber, asOf: effectiveFrom } });
  const code = verification.standing;
  if (!["STANDING_SUSPENDED", "STANDING_INACTIVE"].includes(code)) return "";
  return element("p", { class: "then" }, `The credential is ${standing(code)} on ${dayInWords(effectiveFrom)}, and not lost. Do not reinstate it. Choose “History” above, and then “End it” beside the record that made it ${standing(code)}.`);
}

// Asks for an act on somebody who was found, or for the registration of somebody.
function actOn(place, acts, { specialistId, credentialNumber, name, of } = {}) {
  const isOfPerson = (method) => OF_A_PERSON.some(([, other]) => other === method);
  act(place, acts, {
    id: specialistId ?? "new",
    of,
    service: "CredentialService",
    subject: (method) => (specialistId ? (isOfPerson(method) ? { specialistId } : { credentialNumber }) : {}),
    // What is left of a name as it is stays.
    value: (field) => name?.[/^name\.(.*)/.exec(field.name)?.[1]] ?? field.value,
    reload: async () => (name = identity(await load({ specialistId })).names[0]),
    said: (method, message, typed) => (method === "ChangeSpecialistName" ? [...renamed(name, message), ...typed] : typed),
    explain: stillHeld,
  });
}
