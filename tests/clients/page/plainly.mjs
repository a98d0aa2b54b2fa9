// What the page says without the words of rules, and how it tells its buttons apart.

import { check, fill, goTo, holdFirst, open, press, says, shown, signIn, text, typed } from "./browser.mjs";
import { act, choose, find, openDesk, recordIt, takeItBack } from "./desk.mjs";

const HELD = "CPS-28MS-MN2K-Z";
const LOST = "CPS-F1VP-N7DH-M";

// A refusal says what is so, and what to do.
export async function refuseInPlainWords(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  const refused = async (number, name, values, expected) => {
    await tab.$eval("#find", (form) => form.reset());
    await find(tab, { credentialNumber: number });
    await act(tab, name, values);
    await says(tab, "#found .trouble", expected);
  };
  await refused(LOST, "Reinstate", { effectiveFrom: typed(0) }, /^The person has no job on \w+ \d+, \d{4} that counts: one with a provider in the state mental health system that is not suspended\. Without one the credential does not come back\. Have such a job reported first, or enter a day on which there is one and its provider counts\.$/);
  await refused(LOST, "Suspend", { basis: "SUSPENSION_BASIS_CE_AUDIT", firstDay: typed(0) }, /^The credential is not held on \w+ \d+, \d{4}: it is lost, or its term is over\. Enter a day on which it is held\./);
  await refused(LOST, "Record a retirement", { effectiveFrom: typed(0) }, /^The credential is not held on \w+ \d+, \d{4}, the day before the one you entered: it is lost, or its term is over\. Enter a day after one on which it is held\./);
  await refused(HELD, "Suspend", { basis: "SUSPENSION_BASIS_CE_AUDIT", firstDay: "01012001" }, /^The credential begins on \w+ \d+, \d{4}\. Enter that day or a later one\.$/);
  await refused(HELD, "Renew", { continuingEducationHours: "1" }, /^A renewal takes \d+ hours of continuing education in the whole term that ends, and you entered 1\. Check the hours\./);
  // A reason may have several messages. One that the page does not know is shown as it is.
  const answered = async (code, reason, message, expected) => {
    const answer = (body) => {
      globalThis.asIs ??= fetch;
      globalThis.fetch = (path, options) => (/RenewCredential/.test(path) ? Promise.resolve(new Response(body, { status: 400 })) : asIs(path, options));
    };
    await tab.evaluate(answer, JSON.stringify({ code, message, details: [{ debug: { reason } }] }));
    await refused(HELD, "Renew", { continuingEducationHours: "40" }, expected);
  };
  await answered("unavailable", "STORE_DAMAGED", "the index is damaged and will be rebuilt when the registry restarts: try again", /^The registry cannot answer this at the moment\. Try again in a moment\.$/);
  await answered("unavailable", "STORE_DAMAGED", "a part of the log is damaged or unreadable", /^A part of the registry is damaged, so nothing can be recorded at the moment\./);
  await answered("already_exists", "PROVIDER_EXISTS", "a provider is on file under this id by a later registration", /^A provider was registered under this id again later, /);
  await answered("failed_precondition", "REGISTRAR_MUST_RECORD", "the registrar reported this amendment: the registrar must retract it", /^The registrar recorded this, so only the registrar can take it back\./);
  await answered("failed_precondition", "REGISTRAR_MUST_RECORD", "the registrar must see it", /^The registry refused: the registrar must see it\.$/);
  await answered("failed_precondition", "TERM_NOT_EXTENDED", "the term that follows the last one on record ends on 2029-09-30", /^The registry refused: the term that follows the last one on record ends on September 30, 2029\.$/);
  await sound();
  await tab.close();

  const certifier = await openDesk(place, place.tokens.certifier);
  await press(certifier.tab, "#registrar-part", "Register a provider");
  const made = { legalName: "Elm Center", facilityType: "FACILITY_TYPE_OUTPATIENT", providerId: "region-1-cmhc" };
  await fill(certifier.tab, "act-new-provider", made);
  await press(certifier.tab, "#registrar-part", "See what this changes");
  await says(certifier.tab, "#registrar-part .trouble", /^A provider with this id is on file already\. Enter another id, or none: then the registry chooses one\.$/);
  await fill(certifier.tab, "act-new-provider", { providerId: "-new", npi: "2000000010" });
  await press(certifier.tab, "#registrar-part", "See what this changes");
  await says(certifier.tab, "#registrar-part .trouble", /^Another provider has this NPI or Medicaid id\./);
  await certifier.sound();
  await certifier.tab.close();

  const hr = await open(place.browser, place.url);
  await signIn(hr.tab, place.tokens.provider);
  await goTo(hr.tab, "report");
  await fill(hr.tab, "report-form", { person: "CPS-HCRD-5E1W-A", familyName: "Whitfield-Amos", birthDate: "08171993", firstDay: typed(-60) });
  await hr.tab.click("#report-form .primary");
  await says(hr.tab, "#report-outcome", /It is too late for a provider to report about \w+ \d+, \d{4}\. Ask the registrar at DMH to record it\./);
  await hr.sound();
  await hr.tab.close();
}

// The names by which a screen reader tells the buttons that can be seen.
async function buttons(tab) {
  const names = [];
  const walk = ({ role, name, children = [] }) => {
    // Those of the browser's own inputs of days have names of their own.
    if (role === "button" && !name.startsWith("Show date picker")) names.push(name);
    children.forEach(walk);
  };
  walk(await tab.accessibility.snapshot());
  return names;
}

async function areTold(tab, expected) {
  const names = await buttons(tab);
  const twice = names.filter((name, at) => names.indexOf(name) !== at);
  check(twice.length === 0, `the same name twice: ${twice}`);
  for (const pattern of expected) check(names.some((name) => pattern.test(name)), `${pattern}: ${names.join("; ")}`);
}

// No two buttons that are seen at once have the same name, and each says of what it is.
export async function tellButtonsApart(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  await find(tab, { credentialNumber: HELD });
  await act(tab, "Suspend", { basis: "SUSPENSION_BASIS_CE_AUDIT", firstDay: typed(-9), lastDay: typed(-8) });
  await recordIt(tab, "#found");
  await press(tab, "#found", "Take this back");
  await tab.type("#found .next .next input", "a test");
  await tab.keyboard.press("Enter");
  await says(tab, "#found .next .next .next .next h2", /nothing is recorded yet$/);
  await areTold(tab, [
    /^Act on Bernice O'Neal, CPS-28MS-MN2K-Z$/,
    /^See what this changes: Suspend, Bernice O'Neal, CPS-28MS-MN2K-Z$/,
    /^Take this back: Suspend, revision \d+$/,
    /^See what this changes: Take it back, Suspend, revision \d+$/,
    /^Record this: Take it back, Suspend, revision \d+$/,
    /^Do not record it: Take it back, Suspend, revision \d+$/,
    /^Download the receipt: Suspend, revision \d+$/,
  ]);
  await recordIt(tab, "#found .next .next .next .next");
  await areTold(tab, [/^Take this back: Take it back, revision \d+$/]);
  // What is shown about the person is loaded again.
  await tab.waitForNetworkIdle({ idleTime: 300 });
  await press(tab, "#found", "History");
  await shown(tab, "#found .history");
  await areTold(tab, [
    /^Take back: Specialist registered, revision \d+$/,
    /^Take back: Employment started, with region-1-cmhc, from \w+ \d+, \d{4} on, revision \d+$/,
    /^Correct the days: Employment started, with region-1-cmhc, /,
    /^End it: Designation granted, Adult and Recovery, from \w+ \d+, \d{4} on, revision \d+$/,
  ]);
  await tab.click("input[value=review]");
  await shown(tab, "#registrar-part .history");
  await areTold(tab, [/^Take back: [A-Z][^.]+, revision \d+, fact \d+$/]);
  const ticks = await tab.$$eval("#registrar-part .tick input", (all) => all.map((it) => it.getAttribute("aria-label")));
  check(new Set(ticks).size === ticks.length && ticks.every((it) => /^Looked at: .*, revision \d+, fact \d+$/.test(it)), `ticks: ${ticks}`);
  await tab.click("input[value=providers]");
  await fill(tab, "find-provider", { text: "region-1-cmhc" });
  await press(tab, "#registrar-part", "Find");
  await shown(tab, "#found-providers .history");
  await areTold(tab, [/^End it: Provider qualified, from \w+ \d+, \d{4} on, revision \d+$/]);
  await sound();
  await tab.close();
}

// A name that somebody else changed while the form was open is shown as it is now.
export async function changeANameThatSomebodyElseChanges(place) {
  const opened = [];
  for (let at = 0; at < 2; at++) {
    const one = await openDesk(place, place.tokens.registrar);
    await find(one.tab, { credentialNumber: HELD });
    await choose(one.tab, "Change the name");
    opened.push(one);
  }
  const [one, other] = opened;
  await one.tab.bringToFront();
  await one.tab.type("#found [id$=name-suffix]", "Sr.");
  await press(one.tab, "#found", "See what this changes");
  await recordIt(one.tab, "#found");
  await other.tab.bringToFront();
  await other.tab.focus("#found [id$=name-familyName]");
  await other.tab.keyboard.press("End");
  await other.tab.keyboard.type("-Poe");
  const suffix = () => other.tab.$eval("#found [id$=name-suffix]", (input) => input.value);
  // An answer that comes after something else was typed changes nothing.
  const late = await holdFirst(other.tab, "ListFacts");
  await press(other.tab, "#found", "See what this changes");
  await late.held;
  await other.tab.type("#found [id$=note]", "a letter");
  await late.release();
  check((await suffix()) === "" && !(await other.tab.$("#found .trouble")), "nothing is shown, and the form is as it was");
  await press(other.tab, "#found", "See what this changes");
  await says(other.tab, "#found .trouble", /^Since you opened this form, what is on record has changed\.[^]*Family name\s+O'Neal\s+Suffix\s+Sr\.$/);
  check((await suffix()) === "Sr.", "the form has it");
  await press(other.tab, "#found", "See what this changes");
  await says(other.tab, "#found .next .next .about", /Old name\s+Bernice O'Neal Sr\.\s+New name\s+Bernice O'Neal-Poe Sr\./);
  await one.tab.bringToFront();
  await takeItBack(one.tab);
  await says(one.tab, "#found h3", /^Bernice O'Neal$/);
  // What is not on record any more is said, too.
  await other.tab.bringToFront();
  await press(other.tab, "#found", "Record this");
  await says(other.tab, "#found .trouble", /^Nothing was recorded\.\s+Since you opened this form, [^]*Suffix\s+none$/);
  check((await suffix()) === "", "the form has none");
  await other.sound();
  await other.tab.close();
  await one.tab.bringToFront();
  await one.sound();
  await one.tab.close();
}
