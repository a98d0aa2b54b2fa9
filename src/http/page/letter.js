// The verification letter: what was asked and answered, for paper.

import { designations, knownInWords, reasons, sentence, settledInWords, standing, verdict } from "./answer.js";
import { dayInWords, momentInWords } from "./dates.js";
import { button, byId, element, terms } from "./dom.js";

// What the letter does not say.
const LIMITS =
  "This letter repeats what the registry knew at the revision named above, about one day. It is not a certificate, not an " +
  "exclusion screening, not a background check, and not an authorization to bill. The answer for another day, or from later " +
  "records, may differ. To see the same answer again, ask the registry with this day, epoch and revision.";

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
    ["Settled", settledInWords(answer)],
  ]);
}

function source({ answer }) {
  return terms({}, [
    ["Registry", location.host],
    ["Known at", knownInWords(answer)],
    ["Epoch", answer.epoch],
    ["Rules", answer.ruleSetId],
    ["Asked", momentInWords(Date.now())],
  ]);
}

// Shows the letter about an answer.
export function open(item, verification) {
  const { name, short, kind } = verdict(verification);
  const why = reasons(verification).map(({ text, code }) => element("li", {}, `${text} (${code})`));
  const place = byId("letter");
  place.replaceChildren(
    element(
      "p",
      { class: "send" },
      button("Print", { class: "primary" }, () => print()),
      button("Close the letter", { class: "quiet" }, close),
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
      element("p", {}, sentence(item, verification)),
      why.length > 0 ? element("ul", {}, why) : "",
      answered(verification),
      element("h3", {}, "Source"),
      source(verification),
      element("p", { class: "limits" }, LIMITS),
    ),
  );
  place.hidden = false;
  document.body.classList.add("with-letter");
  byId("letter-heading").focus();
}

// Takes the letter away.
export function close() {
  const wasOpen = !byId("letter").hidden;
  byId("letter").hidden = true;
  byId("letter").replaceChildren();
  document.body.classList.remove("with-letter");
  if (wasOpen) byId("open-letter")?.focus();
}
