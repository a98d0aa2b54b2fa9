// The timeline: a picture, and a table of the same.

import { standing } from "./answer.js";
import { dateOf, dayInShort, dayInWords, dayNumber, periodInWords } from "./dates.js";
import { byId, capital, drawn, element, table } from "./dom.js";
import words from "./words.js";

const ROW = 46;
const BAR = 22;
const NAME = 14;
const TOP = 44;
const BOTTOM = 26;
const MARGIN = 10;

// The width that a letter takes, to see whether a text has room.
const LETTER = 7;

// The width of the shortest bar, so that a single day is seen in a picture of many years.
const LEAST = 6;

// Periods of up to this number of days are named beside the picture: in it they may be no more than a line.
const SHORT_DAYS = 14;

// Days shown before the first and after the last one that matters.
const ROUND = 45;

let last;

// The standings of an answer, as periods of the timeline: one that goes on is one period, whatever else changes in it.
export function standingPeriods(periods = []) {
  const runs = [];
  for (const { standing: code, firstDay, lastDay } of periods) {
    const before = runs.at(-1);
    if (before?.code === code && before.last && dayNumber(before.last) + 1 === dayNumber(firstDay)) before.last = lastDay;
    else runs.push({ code, name: standing(code), first: firstDay, last: lastDay, kind: words.standings[code]?.kind ?? "none" });
  }
  return runs;
}

// The first and the last day that the picture shows, as numbers.
export function range({ rows, acts, marks }) {
  const days = rows.flatMap(({ periods }) => periods.flatMap(({ first, last }) => [first, last]));
  const all = [...days, ...acts.map(({ day }) => day), ...Object.values(marks)].filter(Boolean).map(dayNumber);
  return [Math.min(...all) - ROUND, Math.max(...all) + ROUND];
}

// Shows a timeline: rows of periods, acts on single days, and the marks `today`, `asOf` and `settlesOn`.
export function show(timeline) {
  last = timeline;
  const place = byId("timeline");
  const periods = element("details", { id: "periods", open: byId("periods")?.open }, element("summary", {}, "The same as a table"), tableOf(timeline));
  place.replaceChildren(element("div", { class: "picture" }), legend(timeline), periods);
  draw();
}

// Takes the timeline away, and says why.
export function clear(why) {
  last = undefined;
  byId("timeline").replaceChildren(why ? element("p", { class: "aside" }, why) : "");
}

// Draws it again, where the width has changed.
new ResizeObserver(() => last && draw()).observe(byId("timeline"));

function draw() {
  const place = byId("timeline").querySelector(".picture");
  const width = Math.max(place.clientWidth, 260);
  if (place.dataset.drawn === String(width)) return;
  place.dataset.drawn = width;
  place.replaceChildren(picture(last, width));
}

function picture(timeline, width) {
  const { rows, acts, marks } = timeline;
  const [from, to] = timeline.range;
  const height = TOP + rows.length * ROW + BOTTOM;
  const x = (day) => MARGIN + ((Math.min(Math.max(day, from), to) - from) / (to - from)) * (width - 2 * MARGIN);
  const scale = { x, from, to, width, height, known: x(dayNumber(marks.today) + 1) };
  return drawn(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-labelledby": "picture-title" },
    drawn("title", { id: "picture-title" }, summary(timeline)),
    drawn("defs", {}, hatch()),
    years(scale),
    windowOf(marks, scale),
    rows.map((row, at) => rowOf(row, TOP + at * ROW, scale)),
    future(scale),
    acts.map((act) => actOf(act, scale)),
    markers(marks, scale),
  );
}

// The short periods, each in words with its days. One of a row that has no other name than its periods is not named twice.
function short({ rows }) {
  const isShort = ({ first, last }) => last && dayNumber(last) - dayNumber(first) < SHORT_DAYS;
  const words = rows.flatMap(({ name, periods }) => periods.filter(isShort).map((it) => `${capital(it.kind === "job" ? name : it.name)} ${shortDays(it)}`));
  return [...new Set(words)];
}

function shortDays({ first, last }) {
  return dayNumber(first) === dayNumber(last) ? `on ${dayInShort(first)}` : `from ${periodInWords(first, last)}`;
}

// Where the picture stands, in a sentence, and what is short in it.
export function summary(timeline) {
  const { rows, marks } = timeline;
  const asked = marks.asOf && dayNumber(marks.asOf);
  const includes = ({ first, last }) => dayNumber(first) <= asked && (!last || dayNumber(last) >= asked);
  const now = rows.find(({ name }) => name === "Standing")?.periods.find(includes);
  return `Timeline of the credential. Standing on ${dayInWords(marks.asOf)}: ${now?.name ?? "not issued yet"}. ${short(timeline).map((it) => `${it}. `).join("")}The table below has all periods.`;
}

function hatch() {
  const line = drawn("path", { d: "M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2", class: "hatch" });
  return drawn("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse" }, line);
}

function years({ x, from, to, width, height }) {
  const [first, end] = [dateOf(from).year + 1, dateOf(to).year];
  const step = Math.max(1, Math.ceil(((end - first + 1) * 48) / width));
  const lines = [];
  for (let year = first; year <= end; year += step) {
    const at = x(dayNumber({ year, month: 1, day: 1 }));
    lines.push(drawn("line", { x1: at, x2: at, y1: TOP - 8, y2: height - BOTTOM, class: "year" }));
    if (at < width - 34) lines.push(drawn("text", { x: at + 3, y: height - 8, class: "axis" }, String(year)));
  }
  return lines;
}

function windowOf({ asOf, settlesOn }, { x, height }) {
  if (!settlesOn) return [];
  const [left, right] = [x(dayNumber(asOf)), x(dayNumber(settlesOn) + 1)];
  const box = { x: left, y: TOP - 8, width: Math.max(right - left, 2), height: height - BOTTOM - TOP + 8 };
  return [drawn("rect", { ...box, class: "window", fill: "url(#hatch)" })];
}

// What is after today is only foreseen: it is drawn fainter.
function future({ x, to, height, known: left }) {
  return drawn("rect", { x: left, y: TOP - 8, width: Math.max(x(to) - left, 0), height: height - BOTTOM - TOP + 8, class: "future" });
}

function rowOf({ name, periods }, y, { x, from, to, width, known }) {
  const found = periods.flatMap((period) => {
    const [left, right] = [x(dayNumber(period.first)), x(period.last ? dayNumber(period.last) + 1 : to)];
    if (right <= x(from) || left >= x(to)) return [];
    const box = { x: left, y: y + NAME + 4, width: Math.max(right - left, LEAST), height: BAR, rx: 4 };
    const text = period.kind === "term" || period.kind === "job" ? (period.detail ?? "") : period.name;
    // A text stands where the bar is not faint.
    const hasRoom = text !== name && Math.min(right, known) - left > text.length * LETTER + 12;
    const label = hasRoom ? drawn("text", { x: left + 8, y: y + NAME + 19, class: `on-bar on-${period.kind}` }, text) : "";
    const days = drawn("title", {}, `${capital(period.name)}: ${periodInWords(period.first, period.last)}`);
    return [{ width: right - left, bar: [drawn("rect", { ...box, class: `bar bar-${period.kind}` }, days), label] }];
  });
  // What is drawn longer than it lasted lies on what follows it.
  const bars = found.sort((one, other) => (one.width < LEAST) - (other.width < LEAST)).map(({ bar }) => bar);
  return [drawn("text", { x: MARGIN, y: y + NAME - 1, class: "row" }, shortened(name, width)), bars];
}

function shortened(text, width) {
  const most = Math.floor((width - 2 * MARGIN) / LETTER);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function actOf({ day }, { x }) {
  const at = x(dayNumber(day));
  const y = TOP + NAME + 4;
  return drawn("path", { d: `M${at},${y + BAR} l5,8 h-10 z`, class: "act" });
}

// The lines of today and of the day asked about, with their names above.
function markers({ today, asOf }, { x, width, height }) {
  const line = (day, name, kind, y) => {
    const at = x(dayNumber(day) + 0.5);
    const anchor = at > width - 90 ? "end" : at < 90 ? "start" : "middle";
    return [
      drawn("line", { x1: at, x2: at, y1: y + 4, y2: height - BOTTOM, class: kind }),
      drawn("text", { x: at, y, "text-anchor": anchor, class: `mark ${kind}-name` }, name),
    ];
  };
  const isToday = dayNumber(today) === dayNumber(asOf);
  const asked = line(asOf, isToday ? "today" : `asked: ${dayInShort(asOf)}`, "asked-line", 30);
  return isToday ? asked : [line(today, "today", "today-line", 14), asked];
}

function legend(timeline) {
  const { marks, acts } = timeline;
  const items = [];
  if (marks.settlesOn) {
    items.push(element("li", { class: "of-window" }, `Reporting window: employers may report until ${dayInWords(marks.settlesOn)}.`));
  }
  for (const text of short(timeline)) items.push(element("li", { class: "of-short" }, text));
  for (const { name, day } of acts) items.push(element("li", { class: "of-act" }, `${capital(name)} ${dayInShort(day)}`));
  return element("ul", { class: "legend" }, items);
}

function tableOf({ rows, acts }) {
  const lines = rows.flatMap(({ name, periods }) =>
    periods.map((period) => {
      const days = periodInWords(period.first, period.last);
      if (period.kind === "job") return ["Job", [name, period.detail].filter(Boolean).join(", "), days];
      return [name, period.name === name ? "" : period.name, days];
    }),
  );
  return table("Periods", "", ["What", "Which", "Days"], [...lines, ...acts.map(({ name, day }) => ["Act", name, dayInShort(day)])], true);
}
