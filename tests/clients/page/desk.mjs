// The registrar's desk, as a person uses it.

import { fill, goTo, open, press, shown, signIn } from "./browser.mjs";

export async function openDesk({ browser, url }, token, part, options) {
  const opened = await open(browser, url, options);
  await signIn(opened.tab, token);
  await goTo(opened.tab, "registrar");
  await shown(opened.tab, "#registrar-part form");
  if (part) await opened.tab.click(`input[value=${part}]`);
  return opened;
}

export async function find(tab, asked) {
  await fill(tab, "find", asked);
  await press(tab, "#registrar-part", "Find");
  await shown(tab, "#found h2");
}

// Chooses an act on somebody found. Returns the id of its form.
export async function choose(tab, name) {
  await press(tab, "#found", "Act");
  const choices = await tab.$$eval("#found .choice option", (options) => options.map((it) => [it.value, it.textContent]));
  await tab.select("#found .choice select", choices.find(([, title]) => title === name)[0]);
  return tab.$eval("#found form", (it) => it.id);
}

export async function act(tab, name, values) {
  const form = await choose(tab, name);
  await fill(tab, form, values);
  await press(tab, "#found", "See what this changes");
}

// Takes back the act on somebody found that was just recorded.
export async function takeItBack(tab) {
  await press(tab, "#found", "Take this back");
  await tab.type("#found .next .next input", "a test");
  await tab.keyboard.press("Enter");
  await recordIt(tab, "#found .next .next .next .next");
}

export async function recordIt(tab, place) {
  await press(tab, place, "Record this");
  await tab.waitForFunction((place) => [...document.querySelectorAll(`${place} h2`)].some((it) => /^Recorded as revision \d+$/.test(it.textContent)), { timeout: 15_000 }, place);
}
