// A Chromium without a window that trusts the registry's certificate, and notes what a page does wrong.

import { X509Certificate, createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

import puppeteer from "puppeteer-core";

export function check(holds, what) {
  if (!holds) throw new Error(what);
}

// Starts the browser.
export async function launch(directory) {
  const certificate = fs.readFileSync(path.join(directory, "server.crt"));
  const key = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
  return puppeteer.launch({
    executablePath: "/usr/bin/chromium",
    userDataDir: fs.mkdtempSync(path.join(directory, "profile-")),
    args: [
      "--no-sandbox", // CI runs as root
      "--disable-gpu",
      "--disable-dev-shm-usage",
      `--ignore-certificate-errors-spki-list=${createHash("sha256").update(key).digest("base64")}`,
    ],
  });
}

// The third has the resolution of paper from an office: 384 dots per inch.
export const SIZES = {
  desktop: { width: 1100, height: 900 },
  small: { width: 320, height: 640, deviceScaleFactor: 2, isMobile: true },
  phone: { width: 375, height: 800, deviceScaleFactor: 2, isMobile: true },
  print: { width: 1100, height: 1400, deviceScaleFactor: 4 },
};

// Opens a tab at the registry. `faults` has everything that no page may do; `refusals` the calls that were refused,
// which the browser's console repeats.
export async function open(browser, url, { path = "/", size = "desktop", dark = false, script, headers } = {}) {
  const tab = await browser.newPage();
  const faults = [];
  const refusals = [];
  const requests = [];
  tab.on("console", (message) => {
    const text = message.text();
    if (/^Failed to load resource: the server responded with a status of 4/.test(text)) refusals.push(text);
    else if (["error", "warn"].includes(message.type())) faults.push(`console: ${text}`);
  });
  tab.on("pageerror", (error) => faults.push(`error: ${error.stack}`));
  tab.on("dialog", (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  tab.on("request", (request) => {
    requests.push(request.url());
    const isHere = [`${url}/`, "data:", `blob:${url}/`].some((begin) => request.url().startsWith(begin));
    if (!isHere) faults.push(`elsewhere: ${request.url()}`);
  });
  // Both notes are made in the page, before anything of it runs.
  await tab.evaluateOnNewDocument(() => {
    globalThis.violations = [];
    addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  if (script) await tab.evaluateOnNewDocument(script);
  await tab.setViewport(SIZES[size]);
  if (dark) await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  if (headers) await tab.setExtraHTTPHeaders(headers);
  await tab.goto(url + path);
  const sound = async () => {
    faults.push(...(await tab.evaluate(() => violations)));
    check(faults.length === 0, `the page did what it may not: ${faults.join("; ")}`);
  };
  return { tab, faults, refusals, requests, sound };
}

export function shown(tab, selector) {
  return tab.waitForSelector(`${selector}:not([hidden])`, { visible: true, timeout: 15_000 });
}

export function text(tab, selector) {
  return tab.$eval(selector, (element) => element.innerText ?? element.textContent);
}

// Waits until the text of an element matches.
export async function says(tab, selector, pattern) {
  const matches = (selector, source) => {
    const found = document.querySelector(selector);
    // A picture has text without layout alone.
    return new RegExp(source).test(found?.innerText ?? found?.textContent ?? "");
  };
  await tab.waitForFunction(matches, { timeout: 15_000 }, selector, pattern.source).catch(async () => {
    const found = await text(tab, selector).catch(() => "nothing");
    throw new Error(`${selector} should match ${pattern}: ${found}`);
  });
}

export async function signIn(tab, token) {
  await shown(tab, "#sign-in");
  await tab.type("#token", token);
  await tab.keyboard.press("Enter");
}

// Asks about a number, and waits for the answer.
export async function lookUp(tab, number) {
  await shown(tab, "#question");
  await tab.click("#clear");
  await tab.type("#number", number);
  await tab.keyboard.press("Enter");
  await shown(tab, "#answer");
}

// Goes to a section of the page.
export async function goTo(tab, section) {
  await shown(tab, "#sections");
  await tab.click(`#sections a[href="#/${section}"]`);
  await shown(tab, `#${section}`);
}

// Clicks the last button under an element that has this text.
export async function press(tab, selector, name) {
  const button = await tab.waitForFunction(
    (selector, name) => [...document.querySelectorAll(`${selector} button`)].findLast((it) => it.textContent === name && !it.disabled && it.checkVisibility()),
    { timeout: 15_000 },
    selector,
    name,
  );
  await button.click();
}

// Fills the inputs of a form in, each by the end of its id, after the form's own.
export async function fill(tab, form, values) {
  for (const [name, value] of Object.entries(values)) {
    const input = await shown(tab, `#${form}-${name}`);
    const kind = await input.evaluate((it) => it.type);
    if (kind === "checkbox") await input.click();
    else if (kind === "select-one") await input.select(value);
    else await input.type(value);
  }
}

// Presses Tab until an element has the focus. `focused` gives the name of the one that has it.
export async function tabTo(tab, focused, name) {
  for (let step = 0; step < 60 && (await focused()) !== name; step++) await tab.keyboard.press("Tab");
  check((await focused()) === name, `no way to ${name}`);
}

// The name and the text of the file that the browser saves while `act` runs.
export async function downloaded(tab, directory, act) {
  const place = fs.mkdtempSync(path.join(directory, "downloads-"));
  const session = await tab.createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: place, eventsEnabled: true });
  const whole = new Promise((resolve) => session.on("Browser.downloadProgress", ({ state }) => state === "completed" && resolve()));
  await act();
  await whole;
  const [name] = fs.readdirSync(place);
  return { name, text: fs.readFileSync(path.join(place, name), "utf8") };
}

// A day as a person types it into an input: so many days after today, in Mississippi.
export function typed(days) {
  const day = new Intl.DateTimeFormat("en-US", { timeZone: "America/Chicago", year: "numeric", month: "2-digit", day: "2-digit" });
  return day.format(Date.now() + days * 86_400_000).replaceAll("/", "");
}

// Calls the registry from the registry's own page.
export function call(tab, token, method, message) {
  const send = async (token, method, message) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const response = await fetch(`/ms.dmh.credential.v1.${method}`, { method: "POST", headers, body: JSON.stringify(message) });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  return tab.evaluate(send, token, method, message);
}

// Holds back the answer to the first call of a method. `held` is done when it has come, and `release` gives it to the page,
// and waits until nothing more is under way. A call that the page has given up since is gone.
export async function holdFirst(tab, method) {
  const session = await tab.createCDPSession();
  let first;
  const held = new Promise((resolve) =>
    session.on("Fetch.requestPaused", ({ requestId }) => {
      if (first) return session.send("Fetch.continueRequest", { requestId });
      first = requestId;
      resolve();
    }),
  );
  await session.send("Fetch.enable", { patterns: [{ urlPattern: `*${method}`, requestStage: "Response" }] });
  const release = async ({ isGivenUp = false } = {}) => {
    const given = session.send("Fetch.continueRequest", { requestId: first });
    await (isGivenUp ? given.catch((error) => check(/Invalid InterceptionId/.test(error.message), error.message)) : given);
    await tab.waitForNetworkIdle({ idleTime: 300 });
    await session.detach();
  };
  return { held, release };
}

// Everything is within the width of the window.
export async function fits(tab, what) {
  const beyond = await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  check(beyond <= 0, `${what} is ${beyond} pixels too wide`);
}

// What axe finds that is serious.
export async function barriers(tab, source) {
  // The page's policy lets no other script in, but the browser itself may run one.
  await tab.evaluate(source);
  const { violations } = await tab.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const described = serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join(", ")}`);
  check(described.length === 0, `barriers: ${described.join("; ")}`);
}
