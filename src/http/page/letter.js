// The verification letter: what was asked and answered, for paper.

import { asKnown, designations, knownInWords, reasons, sentence, settledInWords, standing, verdict } from "./answer.js";
import { dayInWords, momentInWords } from "./dates.js";
import { button, byId, element, terms } from "./dom.js";
import * as qr from "./qr.js";

// What the letter does not say.
const LIMITS =
  "This letter repeats what the registry knew at the revision named above, about one day. It is not a certificate, not an " +
  "exclusion screening, not a background check, and not an authorization to bill. The answer for another day, or from later " +
  "records, may differ. To see the same answer again, ask the registry with this day, epoch and revision.";

// The end of the address while the letter is open, so that the way back in the browser leads to the answer.
const ADDRESS = "/letter";

// Ends what the open letter listens to.
let listening;

// Whether opening the letter added an address to the way back.
let isOnTheWayBack = false;

function asked(item) {
  return terms({}, [
    ["Number", item.credentialNumber],
    ["Earlier number", item.priorNumber],
    ["Holder", item.holder && "by name and birth date"],
    ["Family name checked", item.familyName],
    ["Provider", item.providerId],
    ["Designations", designations(item.designations)],
  ]);
}

function answered(verification) {
  const { credential, answer } = verification;
  return terms({}, [
    ["Credential", verification.credentialNumber],
    ["Holder", credential?.displayName],
    ["Standing", verification.standing && standing(verification.standing)],
    ["Designations", designations(credential?.designations)],
    ["Not held", designations(verification.missingDesignations)],
    ["Term", credential?.termLastDay && `to ${dayInWords(credential.termLastDay)}`],
    ["As of", dayInWords(answer.asOf)],
    ["Settled", settledInWords(verification)],
  ]);
}

function source({ answer }, at) {
  return terms({}, [
    ["Registry", location.host],
    ["Known at", knownInWords(answer)],
    ["Epoch", answer.epoch],
    ["Rules", answer.ruleSetId],
    ["Asked", momentInWords(at)],
  ]);
}

// What the code is, how it is checked, and what it does not prove.
const PROOF = () => [
  [
    "The code has the answer, signed by the registry. To check it, scan it, save its text as answer.txt, and run ",
    element("code", {}, "cpss-registry verify-answer answer.txt"),
    ". ",
  ],
  `The guide "Signed answers" of the registry says how other software checks it. The public keys are at ${location.origin}/.well-known/jwks.json.`,
  "Then compare number, day and verdict with this letter. The code has no name. It proves what the registry answered, and not who shows the letter, or that nothing has changed since.",
];

// A statement as the code has it: the bytes of its three parts, deflated together. A whole JWS has no room in a code.
async function packed(statement) {
  const parts = statement.split(".").map((part) => Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0)));
  const whole = new Blob(parts.flatMap((part, at) => (at > 0 ? ["\n", part] : [part])));
  const deflated = new Uint8Array(await new Response(whole.stream().pipeThrough(new CompressionStream("deflate-raw"))).arrayBuffer());
  const text = btoa(String.fromCharCode(...deflated)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `cpss1.${text}`;
}

// Shows the signed answer as a code. One that no code can hold is not drawn.
async function prove(statement) {
  const [words, place] = [byId("proof"), byId("code")];
  if (!statement) return words.append("This server signs no answers, so this letter has no code that proves the answer.");
  const text = await packed(statement);
  const code = qr.picture(text, "The signed answer as a QR code");
  const why = `The signed answer has ${text.length} characters, which is more than a QR code can hold. The command line writes it to a file: cpss-registry verify, with --sign.`;
  if (!code) return words.append(why);
  words.append(...PROOF().map((part) => element("p", {}, part)));
  place.append(code);
}

// While the letter is printed, the title of the page is a name for its file. It has no name of a person. Escape closes the
// letter.
function listen(number) {
  listening?.abort();
  listening = new AbortController();
  const { signal } = listening;
  const own = document.title;
  addEventListener("keydown", ({ key }) => key === "Escape" && leave(), { signal });
  addEventListener("beforeprint", () => (document.title = number ? `Verification letter ${number}` : "Verification letter"), { signal });
  addEventListener("afterprint", () => (document.title = own), { signal });
}

// Shows the letter about an answer. `signed` is the statement that the registry signed; `past` is there if the
// answer is from an earlier state of knowledge, with the day whose end was asked for; the answer came `at` an instant.
export function open(item, verification, { signed, past, at }) {
  const { name, short, kind } = verdict(verification);
  const why = reasons(verification).map(({ text, code }) => element("li", {}, `${text} (${code})`));
  const place = byId("letter");
  place.replaceChildren(
    element(
      "p",
      { class: "send" },
      button("Print", { class: "primary" }, () => print()),
      button("Close the letter", { class: "quiet" }, leave),
    ),
    element(
      "div",
      { class: "paper" },
      element("p", { class: "from" }, "Mississippi Department of Mental Health. Registry of Certified Peer Support Specialists"),
      element("h2", { id: "letter-heading", tabindex: -1 }, "Verification of a credential"),
      element("h3", {}, "Asked"),
      asked(item),
      element("h3", {}, "Answered"),
      element("p", { class: "outcome", "data-kind": kind }, `${short} (${name})`),
      past ? asKnown(verification, past) : "",
      element("p", {}, sentence(item, verification, Boolean(past))),
      why.length > 0 ? element("ul", {}, why) : "",
      element("div", { class: "with-code", id: "code" }, element("div", {}, answered(verification), element("h3", {}, "Source"), source(verification, at))),
      element("h3", {}, "Proof"),
      element("div", { id: "proof" }),
      element("p", { class: "limits" }, LIMITS),
    ),
  );
  prove(signed);
  listen(verification.credentialNumber);
  place.hidden = false;
  document.body.classList.add("with-letter");
  byId("letter-heading").focus();
  if (isInAddress()) return;
  location.hash = `#/look-up${ADDRESS}`;
  isOnTheWayBack = true;
}

// Whether the address is that of a letter.
export function isInAddress() {
  return location.hash.endsWith(ADDRESS);
}

// Closes the letter, and goes back to the address of the answer.
function leave() {
  close();
  if (isInAddress() && isOnTheWayBack) history.back();
  isOnTheWayBack = false;
}

// Takes the letter away.
export function close() {
  const wasOpen = !byId("letter").hidden;
  listening?.abort();
  byId("letter").hidden = true;
  byId("letter").replaceChildren();
  document.body.classList.remove("with-letter");
  if (wasOpen) byId("open-letter")?.focus();
}
