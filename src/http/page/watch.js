// What the registrar should look at: facts to review, and terms that end soon.

import { standing } from "./answer.js";
import { dayInWords, dayNumber, momentInWords } from "./dates.js";
import { button, capital, element, fill, table } from "./dom.js";
import { form } from "./form.js";
import { openHistory } from "./people.js";
import { takeBack } from "./record.js";
import { call, may } from "./registry.js";
import * as trouble from "./trouble.js";
import words from "./words.js";

const PAGE = 1000;
const SOON = [["30", "30 days"], ["60", "60 days"], ["90", "90 days"], ["180", "180 days"], ["365", "a year"]];

// Gives every entry of a list to `take`, with the answer of its page.
async function all(method, name, asked, take) {
  let pageToken = "";
  do {
    const page = await call(method, { ...asked, pageSize: PAGE, pageToken });
    (page[name] ?? []).forEach((entry) => take(entry, page.answer));
    pageToken = page.nextPageToken ?? "";
  } while (pageToken);
}

// Shows the facts that should be reviewed, the latest first.
export async function showReview(place) {
  const card = element("div", { class: "card", tabindex: -1 }, element("p", { role: "status" }, "The registry looks for facts to review."));
  fill(place, card);
  try {
    const items = [];
    await all("RecordService/ListReviewItems", "reviewItems", {}, (item) => item.retracted || items.unshift(item));
    const next = element("div", { class: "next" });
    const count = items.length === 1 ? "1 fact needs a look" : `${items.length || "No"} facts need a look`;
    fill(card, element("h2", {}, count), items.length > 0 ? table("Facts to review", "history", ["Recorded", "Why", "What to do"], items.map((item) => review(item, next))) : "", next);
  } catch (error) {
    trouble.within(card, error);
  }
}

function review({ reason, factId, revision, recordedAt, caller, people = [], specialistCount }, next) {
  const more = specialistCount - people.length;
  const named = people.map((it) => element("li", {}, button(`${it.displayName || it.specialistId}${it.credentialNumber ? `, ${it.credentialNumber}` : ""}`, { class: "link" }, () => openHistory(next, it.specialistId))));
  return [
    [momentInWords(recordedAt), element("span", { class: "citation" }, `revision ${revision}, ${caller}`)],
    [`${capital(words.reviews[reason] ?? reason)}.`, element("ul", { class: "effects" }, named, more > 0 ? element("li", {}, `And ${more} more.`) : "")],
    element("div", { class: "acts" }, may("RecordService/RetractFact") ? button("Take back", { class: "quiet", "aria-label": `Take back ${factId}` }, () => takeBack(next, factId)) : ""),
  ];
}

// Shows whose term ends soon, the first to end first.
export function showTerms(place) {
  const outcome = element("div", { class: "card", tabindex: -1, hidden: true });
  const fields = [{ name: "days", label: "Terms that end within", type: "choice", choices: SOON, value: "90", required: true }];
  const made = form("terms", fields, "Show", ({ days }) => terms(outcome, Number(days)));
  fill(place, element("div", { class: "card" }, made.element), outcome);
}

async function terms(place, days) {
  place.hidden = false;
  fill(place, element("p", { role: "status" }, "The registry looks through all credentials that are held."));
  try {
    const ending = [];
    const held = Object.entries(words.standings).filter(([, { kind }]) => ["current", "limited", "held"].includes(kind));
    for (const [standing] of held) {
      await all("CredentialService/ListCredentials", "credentials", { standing }, (it, answer) => {
        const left = it.termLastDay && dayNumber(it.termLastDay) - dayNumber(answer.asOf);
        if (left <= days) ending.push({ ...it, left });
      });
    }
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
    trouble.within(place, error);
  }
}
