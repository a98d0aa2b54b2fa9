// Pictures of the page, and barriers on it.

import fs from "node:fs";

import { barriers, check, fits, lookUp, open, says, shown, signIn } from "./browser.mjs";

const STATES = [
  ["yes", "CPS-28MS-MN2K-Z"],
  ["limits", "CPS-JTPC-8ZHN-8"],
  ["no", "CPS-YHG2-0VVP-C"],
  ["not-known", "CPS-ENTT-V164-D"],
];

async function look({ browser, url, tokens, axe, pictures }, name, options) {
  const { tab, sound } = await open(browser, url, options);
  const seen = async (state) => {
    await fits(tab, `${name}, ${state}`);
    await barriers(tab, axe);
    await tab.screenshot({ path: `${pictures}/${name}-${state}.png`, fullPage: true });
  };
  await shown(tab, "#sign-in");
  await seen("sign-in");
  await signIn(tab, tokens.registrar);
  await shown(tab, "#question");
  await seen("question");
  for (const [state, number] of STATES) {
    await lookUp(tab, number);
    await shown(tab, "#timeline svg");
    if (state === "no") {
      await tab.click("#more summary");
      await tab.type("#day", "05202026");
      await tab.click("#question .primary");
      await says(tab, "#verdict", /^No\.$/);
      await shown(tab, "#timeline svg");
      await tab.click("#periods summary");
    }
    await seen(state);
  }
  await tab.click("#open-letter");
  await shown(tab, "#letter .qr");
  await seen("letter");
  await tab.click("#clear");
  await tab.click("input[value=holder]");
  await tab.click("#question .primary");
  await says(tab, "#birth-fault", /Enter/);
  await seen("faults");
  await tab.click('#sections a[href="#/roster"]');
  await shown(tab, "#roster-form");
  await seen("roster");
  const list = `${pictures}/staff.csv`;
  fs.writeFileSync(list, "Name,Cert #\nAnn Poe,CPS-28MS-MN2K-Z\n,CPS-JTPC-8ZHN-8\n,CPS-F1VP-N7DH-M\n,CPS-ENTT-V164-D\nCy Doe,pending\n");
  await (await tab.$("#list")).uploadFile(list);
  await tab.click("#roster-form .primary");
  await shown(tab, "#roster-answer");
  await seen("roster-answers");
  await sound();
  await tab.close();
}

export async function lookAtTheDesktop(place) {
  await look(place, "desktop", {});
}

export async function lookAtThePhone(place) {
  await look(place, "phone", { size: "phone" });
}

export async function lookInTheDark(place) {
  await look(place, "dark", { dark: true });
}

// However small the window is, the first that is seen of an answer is the verdict.
export async function seeTheVerdictOnANarrowPhone({ browser, url, tokens }) {
  const { tab, sound } = await open(browser, url, { size: "small" });
  await signIn(tab, tokens.registrar);
  await shown(tab, "#question");
  await tab.focus("#number");
  await tab.keyboard.type("CPS-28MS-MN2K-Z");
  await tab.keyboard.press("Enter");
  await shown(tab, "#timeline svg");
  const { top, bottom, height } = await tab.$eval("#verdict", (it) => ({ ...it.getBoundingClientRect().toJSON(), height: innerHeight }));
  check(top >= 0 && bottom <= height, `the verdict is at ${top} to ${bottom} of ${height} pixels`);
  await sound();
  await tab.close();
}
