// What the registrar should look at: facts to review, and terms that end soon.

import { standing } from "./answer.js";
import { dayInWords, dayNumber, momentInWords } from "./dates.js";
import { button, capital, element, fill, table } from "./dom.js";
import { form } from "./form.js";
import * as latest from "./latest.js";
import { openHistory } from "./people.js";
import { takeBack } from "./record.js";
import { callForEach, may } from "./registry.js";
import { within } from "./trouble.js";
import { unfolding } from "./unfold.js";
import words from "./words.js";

const SOON = [["30", "30 days"], ["60", "60 days"], ["90", "90 days"], ["180", "180 days"], ["365", "a year"]];

// The facts that were looked at. The registry has no place for it.
const lookedAt = new Set();

const ASIDE = "A tick helps you through the list. It stays in this window until you leave it: the registry does not record it.";

export function forget() {
  lookedAt.clear();
}

// Shows the facts that should be reviewed, the latest first, and again after something was recorded here.
export async function showReview(place) {
  const heading = element("h2");
  const trouble = element("div");
  const { element: made, show, under } = unfolding("Facts to review", "history", ["Recorded", "Why", "What to do"]);
  const card = element("div", { class: "card" }, element("p", { role: "status" }, "The registry looks for facts to review."));
  const listed = new Set();
  let items = [];
  const count = () => {
    const open = items.filter((item) => !item.retracted && !lookedAt.has(item.factId)).length;
    const rest = items.length - open;
    fill(heading, open === 1 ? "1 fact needs a look" : `${open || "No"} facts need a look`, rest > 0 ? `, ${rest} looked at` : "");
  };
  const refresh = async () => {
    const isLatest = latest.begin(made);
    const found = await toReview(listed);
    if (!isLatest()) return;
    items = found;
    count();
    show(items.map((item) => ({ key: item.factId, cells: review(item, { under, count }) })));
  };
  fill(place, card);
  try {
    await refresh();
    fill(card, heading, trouble, items.length > 0 ? [element("p", { class: "aside" }, ASIDE), made] : "");
    made.addEventListener("recorded", () => refresh().catch((error) => within(trouble, error)));
  } catch (error) {
    within(card, error);
  }
}

// The facts to review, the latest first: those that are not taken back, and those that were `listed` before.
async function toReview(listed) {
  const items = [];
  await callForEach("RecordService/ListReviewItems", "reviewItems", {}, (item) => (!item.retracted || listed.has(item.factId)) && items.unshift(item));
  for (const { factId } of items) listed.add(factId);
  return items;
}

function review({ reason, factId, revision, recordedAt, caller, people = [], specialistCount, retracted }, { under, count }) {
  const more = specialistCount - people.length;
  const why = `${capital(words.reviews[reason] ?? reason)}.`;
  // A record may have several facts to review for the same reason.
  const of = `${why.slice(0, -1)}, revision ${revision}, fact ${factId.split("-").at(-1)}`;
  const whose = (it) => [it.displayName || it.specialistId, it.credentialNumber].filter(Boolean).join(", ");
  const named = people.map((it) => element("li", {}, button(whose(it), { class: "link", "aria-label": `${whose(it)}: ${of}` }, (event) => openHistory(under(event), it.specialistId))));
  return [
    [momentInWords(recordedAt), element("span", { class: "citation" }, `revision ${revision}, ${caller}`)],
    [why, element("ul", { class: "effects" }, named, more > 0 ? element("li", {}, `And ${more} more.`) : "")],
    retracted ? "Taken back" : element("div", { class: "acts" }, tick(factId, { of, count }), may("RecordService/RetractFact") ? button("Take back", { class: "quiet", "aria-label": `Take back: ${of}` }, (event) => takeBack(under(event), factId, { of })) : ""),
  ];
}

// A box for a fact that was looked at.
function tick(factId, { of, count }) {
  const box = element("input", { type: "checkbox", checked: lookedAt.has(factId), "aria-label": `Looked at: ${of}` });
  box.addEventListener("change", () => {
    box.checked ? lookedAt.add(factId) : lookedAt.delete(factId);
    count();
  });
  return element("label", { class: "tick" }, box, " Looked at");
}

// Shows whose term ends soon, the first to end first.
export function showTerms(place) {
  const outcome = element("div", { class: "card", tabindex: -1, hidden: true });
  const fields = [{ name: "days", label: "Terms that end within", type: "choice", choices: SOON, value: "90", required: true }];
  const made = form("terms", fields, "Show", ({ days }) => terms(outcome, Number(days)));
  fill(place, element("div", { class: "card" }, made.element), outcome);
}

async function terms(place, days) {
  const isLatest = latest.begin(place);
  place.hidden = false;
  fill(place, element("p", { role: "status" }, "The registry looks through all credentials that are held."));
  try {
    const ending = [];
    const held = Object.entries(words.standings).filter(([, { kind }]) => ["current", "limited", "held"].includes(kind));
    for (const [standing] of held) {
      await callForEach("CredentialService/ListCredentials", "credentials", { standing }, (it, answer) => {
        const left = it.termLastDay && dayNumber(it.termLastDay) - dayNumber(answer.asOf);
        if (left <= days) ending.push({ ...it, left });
      });
    }
    if (!isLatest()) return;
    ending.sort((a, b) => a.left - b.left || (a.credentialNumber < b.credentialNumber ? -1 : 1));
    const rows = ending.map((it) => [
      [element("strong", {}, dayInWords(it.termLastDay)), element("span", { class: "citation" }, it.left === 1 ? "in 1 day" : `in ${it.left} days`)],
      [it.displayName, element("span", { class: "citation" }, it.credentialNumber)],
      capital(standing(it.standing)),
    ]);
    const heading = element("h2", { tabindex: -1 }, `${ending.length || "No"} ${ending.length === 1 ? "term ends" : "terms end"} within ${days} days`);
    fill(place, heading, rows.length > 0 ? table("Terms that end", "history", ["Term to", "Holder", "Standing"], rows) : "");
    heading.focus();
  } catch (error) {
    if (isLatest()) within(place, error);
  }
}
