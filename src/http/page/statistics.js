// Statistics: the providers of each type, and those where a specialist may practice, as a picture and as a table.

import { dayInWords, dayNumber, today } from "./dates.js";
import { capital, drawn, element, fill, table } from "./dom.js";
import { inWords } from "./effects.js";
import { form } from "./form.js";
import * as latest from "./latest.js";
import { call } from "./registry.js";
import * as trouble from "./trouble.js";
import words from "./words.js";

const WIDEST = 480;
const VALUE = 130;
const ROW = 48;
const TO_COME = "still to come";
const FIELDS = [{ name: "asOf", label: "Day", hint: "empty: today", type: "date" }];

export function show(place) {
  const outcome = element("div", { class: "card", tabindex: -1, hidden: true });
  const made = form("statistics", FIELDS, "Count", (asked) => count(outcome, asked, made));
  fill(place, element("div", { class: "card" }, made.element), outcome);
  count(outcome, {}, made);
}

async function count(place, asked, made) {
  const isLatest = latest.begin(place);
  try {
    const { rows = [], total = {}, answer } = await call("ProviderService/GetProgramStatistics", asked);
    if (!isLatest()) return;
    const isToCome = dayNumber(answer.asOf) > dayNumber(today());
    const all = [...rows.map((row) => ({ name: words.facilities[row.facilityType] ?? capital(inWords(row.facilityType, "FACILITY_TYPE_")), ...counts(row, isToCome) })), { name: "All", ...counts(total, isToCome) }];
    const heading = element("h2", {}, `Providers with peer support specialists on ${dayInWords(answer.asOf)}`);
    place.hidden = false;
    fill(place, heading);
    // The picture takes the width of the heading.
    place.append(
      isToCome ? element("p", { class: "then" }, `${dayInWords(answer.asOf)} is still to come. Terms may be renewed and jobs reported until then. So it is not known yet where a specialist may practice.`) : "",
      picture(all.slice(0, -1), summary(all.at(-1), answer), heading.clientWidth),
      element("ul", { class: "legend bars-legend" }, element("li", { class: "of-all" }, "On file"), isToCome ? "" : element("li", { class: "of-some" }, "With a specialist who may practice there")),
      table("Statistics", "counts", ["Facility type", "Total count", "With peer services", "% with peer services"], all.map((row) => [row.name, row.all, row.some ?? TO_COME, row.percent ?? TO_COME].map(String)), true),
      element("p", { class: "aside" }, `Numbers of providers, as known at revision ${answer.knownAtRevision}. Providers that have closed count as on file. The facility types and the columns are those of the sheet “Peer Support in Mississippi”.`),
    );
  } catch (error) {
    if (!isLatest() || made.refused(error)) return;
    trouble.within(place, error);
  }
}

// The numbers of a row. Of a day to come, only those on file are known.
function counts({ providerCount = 0, providerWithSpecialistCount = 0, percentage = 0 }, isToCome) {
  return isToCome ? { all: providerCount } : { all: providerCount, some: providerWithSpecialistCount, percent: `${Math.round(percentage)}%` };
}

// What the picture shows, in a sentence.
function summary({ some, all, percent }, { asOf }) {
  if (some === undefined) return `Bars of the providers of each facility type on file for ${dayInWords(asOf)}, a day to come: ${all} of all types. The table below has every number.`;
  return `Bars of the providers of each facility type on ${dayInWords(asOf)}: all, and those with a specialist who may practice there. Of all types, ${some} of ${all}, that is ${percent}. The table below has every number.`;
}

function picture(rows, label, room) {
  // A picture that is wider than its place would be drawn smaller, with its letters.
  const width = Math.min(WIDEST, room || WIDEST);
  const most = Math.max(1, ...rows.map((row) => row.all));
  const long = (value) => (value / most) * (width - VALUE);
  return drawn(
    "svg",
    { viewBox: `0 0 ${width} ${rows.length * ROW}`, class: "bars", role: "img", "aria-label": label },
    rows.map((row, index) => {
      const y = index * ROW;
      return [
        drawn("text", { y: y + 14 }, row.name),
        drawn("rect", { y: y + 20, width: Math.max(1, long(row.all)), height: 18, class: "bar-none" }),
        row.some === undefined ? "" : drawn("rect", { y: y + 20, width: long(row.some), height: 18, class: "bar-current" }),
        drawn("text", { x: long(row.all) + 8, y: y + 34, class: "axis" }, inBar(row)),
      ];
    }),
  );
}

function inBar({ all, some, percent }) {
  if (all === 0) return "none on file";
  return some === undefined ? `${all} on file` : `${some} of ${all}, ${percent}`;
}
