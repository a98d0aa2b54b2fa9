// The page: who asks, and which section is shown.

import { byId, capital, say } from "./dom.js";
import { explained } from "./explain.js";
import * as letter from "./letter.js";
import * as lookup from "./lookup.js";
import * as registrar from "./registrar.js";
import * as providers from "./providers.js";
import { Refusal, hasToken, isIdentified, learnRights, may, onIdle, onUnknown, setToken } from "./registry.js";
import * as report from "./report.js";
import * as roster from "./roster.js";
import * as trouble from "./trouble.js";
import * as unsent from "./unsent.js";

// The script of each section, by the id of its element. Each has `prepare`, which runs once; `clear`, which takes away
// what is shown; `forget`, which takes away what was typed, too; and it may have `open`, which runs whenever the section
// comes into view.
const SECTIONS = { "look-up": lookup, roster, report, registrar };
const FIRST = "look-up";

// What is said of the desk when a token is refused. The question and the report stay.
const DESK_FORGOTTEN = "What you typed at the desk is forgotten, so that the next person at this computer does not see it. Enter it again.";

function begin() {
  for (const section of Object.values(SECTIONS)) section.prepare();
  byId("sign-in-form").addEventListener("submit", signIn);
  byId("leave").addEventListener("click", () => leave("You are signed out. The token is forgotten."));
  // The address has the section alone.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("main").focus();
  });
  addEventListener("hashchange", () => {
    const before = shown;
    // Between an answer and its letter the section stays, and the focus with it.
    if (showSection() && shown !== before) byId(`${section()}-heading`).focus();
  });
  onIdle(() => leave("Nothing was done for 15 minutes, so this page forgot what it showed."));
  onUnknown((refusal) => leave([explained(refusal), unsent.isTypedIn([byId("registrar-part"), ...registrar.parts()]) && DESK_FORGOTTEN].filter(Boolean).join(" "), true));
  unsent.watch();
  addEventListener("beforeunload", (event) => unsent.isIn([document, ...registrar.parts()]) && event.preventDefault());
  // A page that a browser keeps to go back to keeps nothing of this.
  addEventListener("pagehide", () => leave(""));
  if (isIdentified) identify();
  else enter();
}

// The sections that the caller may use.
function allowed() {
  return [...byId("sections").children].filter((link) => !link.hidden).map((link) => link.hash.slice("#/".length));
}

// The section that the fragment of the address names. Nothing else ever stands in an address.
function section() {
  const [named] = location.hash.slice("#/".length).split("/");
  return allowed().includes(named) ? named : (allowed()[0] ?? FIRST);
}

// The section that is shown.
let shown;

// Shows the section of the address. False if the fragment names something else, such as the content.
function showSection() {
  // A letter would be printed in place of another section.
  if (!letter.isInAddress()) letter.close();
  if (location.hash && !location.hash.startsWith("#/")) return false;
  shown = section();
  say("");
  byId("left").hidden = true;
  for (const id of Object.keys(SECTIONS)) byId(id).hidden = id !== section();
  for (const link of byId("sections").children) {
    if (link.hash === `#/${section()}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!byId("desk").hidden) SECTIONS[section()].open?.();
  return true;
}

// Shows what the caller may use, or asks for a token first.
function enter() {
  const mayAsk = isIdentified || hasToken();
  byId("sign-in").hidden = mayAsk;
  for (const part of document.querySelectorAll("[data-needs]")) part.hidden = !may(part.dataset.needs);
  for (const id of ["desk", "sections"]) byId(id).hidden = !mayAsk;
  byId("leave").hidden = isIdentified || !mayAsk;
  showSection();
}

async function signIn(event) {
  event.preventDefault();
  const token = byId("token").value.trim();
  // A header takes these letters alone.
  const isToken = /^[\x21-\x7e]+$/.test(token);
  byId("sign-in-fault").textContent = isToken ? "" : "Paste the whole token, without blanks.";
  if (!isToken) return byId("token").focus();
  byId("token").value = "";
  setToken(token);
  await identify();
}

// Learns what the caller may do, and shows it.
async function identify() {
  try {
    const caller = await learnRights();
    const { client, role, providerId } = caller;
    providers.offer(caller);
    byId("registrar-heading").textContent = `${capital(role)}'s desk`;
    byId("caller").textContent = `${client}, ${providerId ? `provider ${providerId}` : role}`;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.code !== "unauthenticated" || isIdentified) leave(explained(error), true);
    return;
  }
  enter();
  if (allowed().length === 0) return leave("Your role has nothing to do on this page. It may use the interfaces for developers.");
  byId(`${section()}-heading`).focus();
}

// Forgets the token, the answers, and, unless the token was refused, what was typed.
function leave(text, keepsQuestion = false) {
  setToken("");
  byId("caller").textContent = "";
  providers.offer();
  for (const section of Object.values(SECTIONS)) keepsQuestion ? section.clear() : section.forget();
  enter();
  say("");
  if (!text) return;
  if (isIdentified) return trouble.say(byId("left"), text);
  byId("sign-in-fault").textContent = text;
  byId("token").focus();
}

begin();
