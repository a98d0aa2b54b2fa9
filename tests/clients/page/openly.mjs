// What the page says openly, so that nobody takes an answer or a dry run for more than it is.

import fs from "node:fs";
import path from "node:path";

import { call, check, downloaded, fill, goTo, lookUp, open, press, says, shown, signIn, text, typed } from "./browser.mjs";
import { act, choose, find, openDesk, recordIt } from "./desk.mjs";

const HELD = "CPS-28MS-MN2K-Z";
const REVOKED = "CPS-F1VP-N7DH-M";
const REINSTATED = "CPS-YHG2-0VVP-C";

// A day in words, and as the contract has it: so many days after today, in Mississippi.
function day(days) {
  const at = Date.now() + days * 86_400_000;
  const format = (options) => new Intl.DateTimeFormat("en-US", { timeZone: "America/Chicago", ...options }).format(at);
  const [month, of, year] = format({ year: "numeric", month: "numeric", day: "numeric" }).split("/").map(Number);
  return { words: format({ dateStyle: "long" }), date: { year, month, day: of } };
}

export async function seeTheLastDayOfAnAct(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  const [before, today, tomorrow] = [-3, 0, 1].map((days) => day(days).words);
  await find(tab, { familyName: "oneal" });
  const seen = async (sentence, changes) => {
    await says(tab, "#found .next .effects", new RegExp(`^This suspends the credential ${HELD} ${sentence}\\. The holder`));
    await tab.click("#found .next summary");
    await says(tab, "#found .next details", new RegExp(`Up to today\\s+${HELD}: suspended ${changes}`));
  };
  await act(tab, "Suspend", { basis: "SUSPENSION_BASIS_CE_AUDIT", firstDay: typed(0), lastDay: typed(0) });
  await seen(`on ${today}`, `on ${today}, instead of current\\.\\s*$`);
  const form = await tab.$eval("#found form", (it) => it.id);
  await fill(tab, form, { firstDay: typed(-3) });
  await press(tab, "#found", "See what this changes");
  await seen(`from ${before} to ${today}`, `from ${before} to ${today}, instead of current\\.\\s*$`);
  // What goes on after today is one run, and two entries: one up to today, and one later.
  await tab.$eval(`#${form}-lastDay`, (input) => (input.value = ""));
  await press(tab, "#found", "See what this changes");
  await seen(`from ${before} (on|to (?!${today}).*)`, `from ${before} to ${today}, [^]*Later\\s+${HELD}: suspended from ${tomorrow} `);
  await press(tab, "#found", "Do not record it");

  // The registry sends the first changes alone: where they end, nobody knows what goes on.
  const suspended = (credentialNumber, { date }) => ({ standing: { credentialNumber, firstDay: date, fromStanding: "STANDING_CURRENT", toStanding: "STANDING_SUSPENDED" } });
  const response = { changes: [suspended("CPS-A", day(-3)), suspended("CPS-C", day(-3))], changeCount: 2, foreseenChanges: [suspended("CPS-B", day(1))] };
  const sentences = (response) => tab.evaluate(async (response) => (await import("/page/effects.js")).effects(response)[0].textContent, response);
  const whole = await sentences({ ...response, foreseenChangeCount: 1 });
  check(whole.includes(`CPS-A from ${before} to ${today}.`) && whole.includes(`CPS-C from ${before} to ${today}.`), whole);
  const cut = await sentences({ ...response, foreseenChangeCount: 101 });
  check(cut.includes(`CPS-A from ${before} to ${today}.`) && cut.includes(`CPS-C from ${before} on.`), cut);
  await sound();
  await tab.close();
}

// The clock of the computer is wrong: the last day is the registry's.
export async function seeTheLastDayWithAWrongClock(place) {
  for (const off of [-3, 3]) {
    const script = `{ const real = Date.now; Date.now = () => real() + ${off} * 86_400_000; }`;
    const { tab, sound } = await openDesk(place, place.tokens.registrar, undefined, { script });
    await find(tab, { familyName: "oneal" });
    await act(tab, "Suspend", { basis: "SUSPENSION_BASIS_CE_AUDIT", firstDay: typed(-5), lastDay: typed(0) });
    await says(tab, "#found .next .effects", new RegExp(`^This suspends the credential ${HELD} from ${day(-5).words} to ${day(0).words}\\. The holder`));
    await sound();
    await tab.close();
  }
}

// Of a day to come, nobody knows where a specialist may practice.
export async function countNobodyOnADayToCome(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar, "statistics");
  await shown(tab, "#registrar-part svg");
  const [year, rows] = [new Date().getUTCFullYear() + 10, "#registrar-part tbody tr:last-child"];
  await says(tab, rows, /^All\s+\d+\s+\d+\s+\d+%/);
  await tab.type("#statistics-asOf", `0101${year}`);
  await press(tab, "#registrar-part", "Count");
  await says(tab, "#registrar-part h2", new RegExp(`on January 1, ${year}$`));
  await says(tab, "#registrar-part .then", new RegExp(`^January 1, ${year} is still to come\\.`));
  await says(tab, rows, /^All\s+[1-9]\d*\s+still to come\s+still to come$/);
  const [bars, legend] = [await tab.$$("#registrar-part .bar-current"), await text(tab, "#registrar-part .legend")];
  const whole = (await text(tab, "#registrar-part")) + (await tab.$eval("#registrar-part svg", (it) => it.textContent + it.getAttribute("aria-label")));
  check(bars.length === 0 && !/may practice/.test(legend) && !/\d%|undefined/.test(whole), `a day to come: ${whole}`);
  await sound();
  await tab.close();
}

export async function printALetterOfAnEarlierState({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.registrar);
  for (const number of [HELD, REVOKED]) {
    await lookUp(tab, number);
    await shown(tab, "#timeline svg");
    await tab.click("#open-letter");
    await shown(tab, "#letter .qr");
    check((await tab.$$("#letter .then")).length === 0, "a letter of now says nothing of an earlier state");
    await tab.click("#letter .quiet");
    await tab.click("#record-before");
    await says(tab, "#answer .then", /^As known at revision \d+, recorded /);
    const revision = await tab.$eval("#known-at", (input) => input.value);
    await tab.click("#open-letter");
    await shown(tab, "#letter .qr");
    await says(tab, "#letter .outcome + .then", new RegExp(`^As known at revision ${revision}, recorded `));
    const pdf = Buffer.from(await tab.pdf({ format: "letter" })).toString("latin1");
    const pages = pdf.match(/\/Type\s*\/Page\b/g)?.length;
    check(pages === 1, `the letter about ${number} has ${pages} pages`);
    await tab.click("#letter .quiet");
  }
  await sound();
  await tab.close();
}

// The answer and the picture show the same state of knowledge, also after somebody else has recorded something.
export async function seeWhatSomebodyElseRecorded({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.registrar);
  await lookUp(tab, REINSTATED);
  await says(tab, "#verdict", /^Yes\.$/);
  await shown(tab, "#timeline svg");
  const command = { requestId: crypto.randomUUID(), credentialNumber: REINSTATED, basis: "SUSPENSION_BASIS_CE_AUDIT", firstDay: day(0).date };
  const { revision } = await call(tab, tokens.registrar, "CredentialService/SuspendCredential", command);
  const isAll = (revision) => says(tab, "#known-at-text", new RegExp(`^All that is known now \\(revision ${revision}\\)$`));
  await tab.focus("#as-of");
  await tab.keyboard.press("ArrowLeft");
  await isAll(revision);
  await tab.click("#to-today");
  await says(tab, "#verdict", /^No\.$/);
  await says(tab, "#timeline svg", /Suspended/);
  await isAll(revision);

  // What was known before stays in view while something is recorded at the desk, and is not taken for all.
  await tab.click("#record-before");
  await says(tab, "#verdict", /^Yes\.$/);
  await says(tab, "#known-at-text", /^Known at revision \d+, recorded /);
  await goTo(tab, "registrar");
  await find(tab, { credentialNumber: REINSTATED });
  await press(tab, "#found", "History");
  await shown(tab, "#found .history");
  await tab.click("#found .history [aria-label^='Take back']");
  await tab.type("#found .next .next input", "a test");
  await tab.keyboard.press("Enter");
  await recordIt(tab, "#found");
  const latest = (await text(tab, "#found")).match(/Recorded as revision (\d+)/)[1];
  await goTo(tab, "look-up");
  await tab.waitForFunction(() => !document.querySelector("#look-up").hasAttribute("aria-busy"));
  check(/^Known at revision \d+, recorded /.test(await text(tab, "#known-at-text")), "it is not all that is known");
  await tab.click("#to-now");
  await isAll(latest);
  await says(tab, "#verdict", /^Yes\.$/);
  check(!/Suspended/.test(await text(tab, "#timeline svg")), "what was taken back is not drawn");
  await sound();
  await tab.close();
}

async function checkList({ tab }, { scratch }, content) {
  const file = path.join(scratch, "openly.csv");
  fs.writeFileSync(file, content);
  await (await tab.$("#list")).uploadFile(file);
  await tab.click("#roster-form .primary");
  await shown(tab, "#roster-answer");
}

export async function warnThatNamesAreNotChecked(place) {
  const opened = await open(place.browser, place.url, { path: "/#/roster" });
  const { tab, sound } = opened;
  await signIn(tab, place.tokens.registrar);
  await shown(tab, "#roster-form");
  await checkList(opened, place, `Name,Credential Number,DOB\n"Pruitt, Otis",${HELD},11/2/1971\n`);
  await says(tab, "#roster-counts", /^1 row: 1 yes\.$/);
  await says(tab, "#roster-warnings", /^No column of family names: names are not checked\.\s+The column `Name` is not used; if it has family names, call it Last Name\.\s+Not compared in rows with a number: `DOB`\.$/);
  check(await tab.$eval("#roster-warnings", (it) => it.checkVisibility()), "the warning is in view");
  await says(tab, "#said", /^1 row: 1 yes\. No column of family names/);
  await checkList(opened, place, `Last Name,Cert #\nO'Neal,${HELD}\n`);
  await tab.waitForFunction(() => document.querySelector("#roster-warnings").hidden);

  // A row without a given name finds only somebody who has none.
  await checkList(opened, place, "First Name,Last Name,DOB\n,ONeal,11/2/1971\nBernice,ONeal,11/2/1971\n");
  await says(tab, "#roster-counts", /^2 rows: 1 yes, 1 no\.$/);
  await says(tab, "#roster-warnings", /^Line 2: no given name: only somebody who has none on record is found\. Enter it if the person has one\.$/);
  await says(tab, "#roster-rows tr", /No such credential is on file\. The given names were left empty: that finds only a person who has none on record\./);
  const { text: answers } = await downloaded(tab, place.scratch, () => tab.click("#roster-download"));
  check(/^,ONeal,11\/2\/1971,No,No such credential is on file\. The given names were left empty: /m.test(answers), answers);
  await sound();
  await tab.close();
}

// A list of claims is not a staff list: what it has beside the people was not asked.
export async function sayWhichColumnsAreNotRead(place) {
  const opened = await open(place.browser, place.url, { path: "/#/roster" });
  const { tab, sound } = opened;
  await signIn(tab, place.tokens.payer);
  await shown(tab, "#roster-form");
  await checkList(opened, place, `Cert #,Last Name,DOS,Provider ID\n${HELD},ONeal,1/15/2019,region-2-cmhc\n`);
  await says(tab, "#roster-counts", /^1 row: 1 yes\.$/);
  const columns = "The columns `DOS` and `Provider ID` are not read";
  await says(tab, "#roster-warnings", new RegExp(`^${columns}: every row was asked for ${day(0).words}, and for any provider\\. For dates of service use \`cpss-registry claims\`\\.$`));
  check(await tab.$eval("#roster-warnings", (it) => it.checkVisibility()), "the warning is in view");
  await says(tab, "#said", new RegExp(`^1 row: 1 yes\\. ${columns}`));
  await tab.type("#roster-provider", "region-1-cmhc");
  await checkList(opened, place, `Cert #,Last Name,Billing NPI\n${HELD},ONeal,1\n`);
  await says(tab, "#roster-warnings", new RegExp(`^The column \`Billing NPI\` is not read: every row was asked for ${day(0).words}, and for the provider region-1-cmhc\\.$`));
  await checkList(opened, place, `Cert #,Last Name,Unit\n${HELD},ONeal,North\n`);
  await tab.waitForFunction(() => document.querySelector("#roster-warnings").hidden);
  await sound();
  await tab.close();
}

export async function sayThatNoGivenNamesWereEntered({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url);
  await signIn(tab, tokens.registrar);
  await shown(tab, "#question");
  await tab.click("input[value=holder]");
  await says(tab, "#question", /Given names\s+leave empty only for a person with one name/);
  await tab.type("#family", "ONeal");
  await tab.type("#birth", "11021971");
  await tab.click("#question .primary");
  await says(tab, "#answer .sentence", /^The registry has no credential of a person with this name and birth date\. The given names were left empty: that finds only a person who has none on record\. Enter them if the person has any\.$/);
  await tab.type("#given", "Bernice");
  await tab.click("#question .primary");
  await says(tab, "#answer .asked", new RegExp(HELD));
  await sound();
  await tab.close();
}

export async function changeANameAndKeepTheRest(place) {
  const { tab, sound } = await openDesk(place, place.tokens.registrar);
  await find(tab, { familyName: "oneal" });
  const form = await choose(tab, "Change the name");
  const retype = async (name, value) => {
    await tab.$eval(`#${form}-name-${name}`, (input) => (input.value = ""));
    await tab.type(`#${form}-name-${name}`, value);
    await press(tab, "#found", "See what this changes");
  };
  await retype("familyName", "Moss");
  await says(tab, "#found .next .about", /Old name\s+Bernice O'Neal\s+New name\s+Bernice Moss\s+Given names\s+Bernice\s+Family name\s+Moss/);
  await retype("givenName", " ");
  await says(tab, "#found .next .about", /Old name\s+Bernice O'Neal\s+New name\s+Moss\s+Family name\s+Moss/);
  await press(tab, "#found", "Do not record it");
  await sound();
  await tab.close();
}
