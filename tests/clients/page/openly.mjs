// What the page says openly, so that nobody takes an answer or a dry run for more than it is.

import fs from "node:fs";
import path from "node:path";

import { call, check, downloaded, fill, goTo, lookUp, open, press, says, shown, signIn, text, typed } from "./browser.mjs";
import { act, choose, find, openDesk, recordIt } from "./desk.mjs";

const HELD = "CPS-28MS-MN2K-Z";
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
