// What is shown of a command beside what it changes: what it is about, who is affected, and who may be the same person.

import { dayInWords } from "./dates.js";
import { element, terms } from "./dom.js";
import { fullName, isUnnamed, run } from "./effects.js";
import { callForAll, may } from "./registry.js";

// How many people are named.
const MOST_PEOPLE = 100;

// What a command is about, and what it says. Where the answer does not name the person, what was typed does.
export function about(response, said = []) {
  const { employment, credential, specialist, fact } = response;
  const shown = said.filter(([, , named]) => !named || isUnnamed(response));
  const pairs = [
    ["Person", fullName(specialist?.name)],
    ["Holder", credential?.displayName],
    ["Credential", credential?.credentialNumber || employment?.credentialNumber || fact?.credentialNumber],
    ["Term", credential?.termLastDay && `to ${dayInWords(credential.termLastDay)}`],
    ["Id", specialist?.specialistId || employment?.specialistId],
    ["Provider", employment?.providerId || fact?.providerId],
    ["Position", employment?.position],
    ["Job", employment?.employmentId || fact?.employmentId],
    ["Days", employment && run(employment.firstDay, employment.lastDay)],
    ["Of fact", fact?.targetFactId],
  ];
  const isSaid = (label) => shown.some(([other]) => other === label);
  return terms({ class: "about" }, [...pairs.filter(([label]) => !isSaid(label)), ...shown]);
}

// The people on file who may be the one that would be registered.
export function duplicates({ possibleDuplicates = [] }) {
  return possibleDuplicates.map((it) => element("p", { class: "then" }, `${it.specialistId} is on file with the same birth date and name: ${fullName(it.names?.[0])}. Is this the same person?`));
}

// Who is affected by a command, by name.
export async function affected({ method, message }, { specialistCount = 0 }) {
  if (specialistCount === 0 || !may("RecordService/PreviewImpact")) return "";
  const name = method.split("/")[1];
  const [, ...rest] = await callForAll("RecordService/PreviewImpact", { command: { [name[0].toLowerCase() + name.slice(1)]: message } });
  const people = new Map();
  for (const { change: { change = {}, displayName } } of rest) {
    const { credentialNumber } = Object.values(change)[0];
    if (!credentialNumber && !displayName) continue;
    const person = displayName ? `${displayName}, ${credentialNumber || "new credential"}` : credentialNumber;
    people.set(person, (people.get(person) ?? 0) + 1);
  }
  const rows = [...people].slice(0, MOST_PEOPLE).map(([person, count]) => element("li", {}, `${person}: ${count} ${count === 1 ? "change" : "changes"}`));
  if (rows.length === 0) return "";
  const left = people.size - rows.length;
  return [element("h3", {}, "Who is affected"), element("ul", { class: "effects affected" }, rows, left > 0 ? element("li", {}, `And ${left} more.`) : "")];
}
