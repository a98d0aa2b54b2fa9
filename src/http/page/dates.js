// Days and instants: the dates of the contract, those of inputs ("2026-03-01"), and words.

const DAY_MS = 86_400_000;
const ZONE = "America/Chicago";

// Formats are made once: each takes milliseconds.
const days = new Intl.DateTimeFormat("en-US", { timeZone: "UTC", dateStyle: "long" });
const shortDays = new Intl.DateTimeFormat("en-US", { timeZone: "UTC", dateStyle: "medium" });
const moments = new Intl.DateTimeFormat("en-US", { timeZone: ZONE, dateStyle: "long", timeStyle: "short" });

const numbers = new Intl.DateTimeFormat("en-US", { timeZone: ZONE, year: "numeric", month: "numeric", day: "numeric" });

const hours = new Intl.DateTimeFormat("en-US", { timeZone: ZONE, hour: "2-digit", hourCycle: "h23" });

// The number of a date's day, for arithmetic.
export function dayNumber({ year, month, day }) {
  return Date.UTC(year, month - 1, day) / DAY_MS;
}

export function dateOf(number) {
  const date = new Date(number * DAY_MS);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

// The date of an input's text. Undefined if there is none.
export function fromInput(text) {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? [];
  return year ? { year: Number(year), month: Number(month), day: Number(day) } : undefined;
}

// What is wrong with what was typed into an input of a day. Empty: nothing. `orNone`: it may be left empty. A browser does
// not tell a day that does not exist from one that is not whole.
export function dayFault({ validity, min, max }, orNone = true) {
  if (validity.badInput) return `Enter a day that exists, with month, day and year${orNone ? ", or none" : ""}.`;
  const isOutside = validity.rangeUnderflow || validity.rangeOverflow;
  return isOutside ? `Enter a day in the years ${min.slice(0, 4)} to ${max.slice(0, 4)}.` : "";
}

// The text of an input, and of a table, for a date.
export function toInput({ year, month, day }) {
  return `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}

export function dayInWords(date) {
  return days.format(dayNumber(date) * DAY_MS);
}

export function dayInShort(date) {
  return shortDays.format(dayNumber(date) * DAY_MS);
}

// The days of a period, in short words.
export function periodInWords(first, last) {
  if (!first) return last ? `to ${dayInShort(last)}` : "";
  return last ? `${dayInShort(first)} to ${dayInShort(last)}` : `from ${dayInShort(first)} on`;
}

// By how many days the registry's day is ahead of the one that this computer has, whose clock may be wrong.
let ahead = 0;

// Notes which day it is at the registry.
export function noteToday(date) {
  ahead = dayNumber(date) - ownDay();
}

// Today at the registry. Until an answer says which day that is, it is today in Mississippi by the clock of this computer.
export function today() {
  return dateOf(ownDay() + ahead);
}

function ownDay() {
  const parts = new Map(numbers.formatToParts(Date.now()).map(({ type, value }) => [type, Number(value)]));
  return dayNumber({ year: parts.get("year"), month: parts.get("month"), day: parts.get("day") });
}

// The last millisecond of a day in Mississippi, whose midnight is 5 or 6 o'clock in UTC.
export function endOfDay({ year, month, day }) {
  return [5, 6].map((hour) => Date.UTC(year, month - 1, day + 1, hour)).find((at) => hours.format(at) === "00") - 1;
}

// An instant of the contract, in Mississippi's time.
export function momentInWords(text) {
  return `${moments.format(new Date(text))} (Central Time)`;
}
