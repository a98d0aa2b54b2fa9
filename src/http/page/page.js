// The page: who asks, and which section is shown.

import { byId, say } from "./dom.js";
import * as lookup from "./lookup.js";
import * as registrar from "./registrar.js";
import { Refusal, call, explained, hasToken, isIdentified, onIdle, onUnknown, setToken } from "./registry.js";
import * as report from "./report.js";
import * as roster from "./roster.js";
import * as trouble from "./trouble.js";

// The script of each section, by the id of its element. Each has `prepare`, which runs once; `clear`, which takes away
// what is shown; and `forget`, which takes away what was typed, too.
const SECTIONS = { "look-up": lookup, roster, report, registrar };
const FIRST = "look-up";

function begin() {
  for (const section of Object.values(SECTIONS)) section.prepare();
  byId("sign-in-form").addEventListener("submit", signIn);
  byId("leave").addEventListener("click", () => leave("The token is forgotten."));
  addEventListener("hashchange", () => {
    if (showSection()) byId(`${section()}-heading`).focus();
  });
  onIdle(() => leave("Nothing was done for 15 minutes, so this page forgot what it showed."));
  onUnknown((refusal) => leave(explained(refusal), true));
  // A page that a browser keeps to go back to keeps nothing of this.
  addEventListener("pagehide", () => leave(""));
  enter();
}

// The section that the fragment of the address names. Nothing else ever stands in an address.
function section() {
  const named = location.hash.slice("#/".length);
  return Object.hasOwn(SECTIONS, named) ? named : FIRST;
}

// Shows the section of the address. False if the fragment names something else, such as the content.
function showSection() {
  if (location.hash && !location.hash.startsWith("#/")) return false;
  for (const id of Object.keys(SECTIONS)) byId(id).hidden = id !== section();
  for (const link of byId("sections").children) {
    if (link.hash === `#/${section()}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  return true;
}

// Shows the sections, or asks for a token first.
function enter() {
  const mayAsk = isIdentified || hasToken();
  byId("sign-in").hidden = mayAsk;
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
  try {
    // Anyone whom the registry knows may ask for the public keys.
    await call("LogService/GetSigningKeys", {});
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.code !== "unauthenticated") leave(explained(error), true);
    return;
  }
  enter();
  byId(`${section()}-heading`).focus();
}

// Forgets the token, the answers, and, unless the token was refused, what was typed.
function leave(text, keepsQuestion = false) {
  setToken("");
  for (const section of Object.values(SECTIONS)) keepsQuestion ? section.clear() : section.forget();
  enter();
  say("");
  if (!text) return;
  if (isIdentified) return trouble.say(byId("trouble"), text);
  byId("sign-in-fault").textContent = text;
  byId("token").focus();
}

begin();
