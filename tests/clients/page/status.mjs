// What an operator sees of a server.

import { barriers, check, fits, open, says } from "./browser.mjs";

async function look({ browser, ops, axe, pictures }, name, options) {
  const { tab, requests, sound } = await open(browser, ops, { path: "/status", ...options });
  await says(tab, "h1", /^All checks pass\.$/);
  await says(tab, "main", /writes\s+Commands are recorded\s+passes[\s\S]*Head\s+revision \d+[\s\S]*Last backup\s+none is known[\s\S]*no check fails; the alerts CpssBackupTooOld[\s\S]*Certificate of the server\s+\d{4}-\d\d-\d\d/);
  const shown = await tab.$eval("body", (body) => body.innerText);
  check(!/-desk|\bhr\b/.test(shown), "no client is named");
  check(/What to do if one fails: see the page “Probes” of the operator's documents/.test(shown) && !/\.md\b/.test(shown), "no file is named that the reader may not have");
  await fits(tab, name);
  await barriers(tab, axe);
  await tab.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
  await tab.keyboard.press("Tab");
  await Promise.all([tab.waitForNavigation(), tab.keyboard.press("Enter")]);
  await says(tab, "h1", /^All checks pass\.$/);
  check(requests.length >= 4, `the page was asked for again: ${requests}`);
  await sound();
  await tab.close();
}

export async function lookAtTheStatus(place) {
  await look(place, "status", {});
}

export async function lookAtTheStatusOnAPhoneInTheDark(place) {
  await look(place, "status-phone-dark", { size: "phone", dark: true });
}
