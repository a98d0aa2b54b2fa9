// Providers of the desk: find one, see what is in effect for it, and its history, end a period, and act.

import { act } from "./acting.js";
import { OF_A_PROVIDER, PROVIDER_REGISTRATION } from "./acts.js";
import { dayInWords, dayNumber, today } from "./dates.js";
import { button, capital, element, fill, terms } from "./dom.js";
import { inWords, run } from "./effects.js";
import { form } from "./form.js";
import * as history from "./history.js";
import * as latest from "./latest.js";
import { refreshed } from "./people.js";
import { identifiers } from "./providers.js";
import { call, callForEach, may } from "./registry.js";
import * as trouble from "./trouble.js";
import words from "./words.js";

const FIELDS = [{ name: "text", label: "Provider", hint: "its name, county, id, or a number of it; empty: all", wide: true, list: "providers" }];

// What a provider is during a period.
const LABELS = {
  PROVIDER_PERIOD_KIND_QUALIFICATION: "Qualified",
  PROVIDER_PERIOD_KIND_SUSPENSION: "Suspended",
  PROVIDER_PERIOD_KIND_PEER_SERVICE_CERTIFICATION: "Peer support service",
  PROVIDER_PERIOD_KIND_PEER_SERVICE_SUSPENSION: "Peer support service suspended",
};

export function show(place) {
  const found = element("div", { id: "found-providers" });
  const made = form("find-provider", FIELDS, "Find", (asked) => find(found, asked));
  const register = element("div", { class: "next" });
  // A provider that was registered is shown from then on.
  register.addEventListener("recorded", ({ detail: { provider, fact } }) => {
    if (provider) open(found, provider);
    else if (found.querySelector("[data-provider]")?.dataset.provider === fact?.providerId) fill(found);
  });
  const offered = may("ProviderService/RegisterProvider") ? element("p", {}, button(PROVIDER_REGISTRATION[0], { class: "quiet" }, () => act(register, [PROVIDER_REGISTRATION], { id: "new-provider", service: "ProviderService" }))) : "";
  fill(place, element("div", { class: "card" }, made.element, offered, register), found);
}

async function find(place, { text = "" }) {
  const isLatest = latest.begin(place);
  place.replaceChildren();
  try {
    const all = [];
    await callForEach("ProviderService/ListProviders", "providers", {}, (it) => all.push(it));
    if (!isLatest()) return;
    const found = matching(all, text.toLowerCase());
    if (found.length === 1) return open(place, found[0]).focus();
    const heading = element("h2", { tabindex: -1 }, found.length === 0 ? "No provider on file matches." : `${found.length} providers on file`);
    const chosen = element("div");
    const names = found.map((it) => element("li", {}, button(it.legalName, { class: "link" }, () => open(chosen, it).focus()), element("span", { class: "citation" }, [it.county, it.providerId].filter(Boolean).join(", "))));
    fill(place, element("div", { class: "card" }, heading, names.length > 0 ? element("ul", { class: "effects" }, names) : ""), chosen);
    heading.focus();
  } catch (error) {
    if (isLatest()) trouble.within(place, error);
  }
}

// The providers that a text may mean: the one whose id it is, or all that have it.
function matching(all, text) {
  const exact = all.filter((it) => it.providerId.toLowerCase() === text);
  const has = ({ providerId, legalName, county = "", identifiers: numbers = [] }) =>
    [providerId, legalName, county, ...numbers.map(({ value }) => value)].some((it) => it.toLowerCase().includes(text));
  return exact.length > 0 ? exact : all.filter(has);
}

// What a field of the registration of a provider has now, as it is typed.
function typedNow({ name, into, kind, value }, provider) {
  const numbers = (provider[into] ?? []).filter((it) => it.kind === kind).map((it) => it.value);
  return into ? numbers.join(", ") : (provider[name] ?? value);
}

// Shows a provider, with its history. After something was recorded it is shown as known then, and an act begins with what
// is known then. Returns the heading.
function open(place, provider) {
  const { providerId } = provider;
  let now = provider;
  const state = element("div");
  const facts = element("div");
  const heading = element("h2", { tabindex: -1 }, provider.legalName);
  const next = element("div", { class: "next" });
  const acts = OF_A_PROVIDER.filter(([, method]) => may(`ProviderService/${method}`));
  const load = () => call("ProviderService/GetProvider", { providerId });
  const reload = async () => (now = (await load()).provider);
  const of = () => ({ id: "provider", of: now.legalName, service: "ProviderService", subject: () => ({ providerId }), value: (field) => typedNow(field, now), reload, said: (method, message, typed) => [["Provider", `${now.legalName}, ${providerId}`], ...typed] });
  const opens = button("Act", { class: "quiet", "aria-label": `Act on ${provider.legalName}` }, () => refreshed(state, refresh).then(() => act(next, acts, of())));
  const offered = acts.length > 0 ? element("div", { class: "acts" }, opens) : "";
  const made = element("article", { class: "card", "data-provider": providerId }, heading, state, offered, next, element("h3", {}, "History"), facts);
  // The last answer about the provider, which the card and the history share.
  let known;
  const refresh = async () => {
    known = load();
    const answer = await known;
    now = answer.provider;
    fill(heading, now.legalName);
    opens.setAttribute("aria-label", `Act on ${now.legalName}`);
    return about(answer);
  };
  // Before the history hears of it.
  made.addEventListener("recorded", () => refreshed(state, refresh));
  fill(place, made);
  refreshed(state, refresh);
  history.show(facts, { providerId }, { mayAct: may("RecordService/EndPeriod"), loadPeriods: async () => (await known).provider.periods ?? [], around: made }).catch((error) => trouble.within(facts, error));
  return heading;
}

// Who a provider is, and what is in effect for it today or later.
function about({ provider: { providerId, facilityType, county, identifiers: numbers, periods = [] }, qualifies }) {
  const now = dayNumber(today());
  const lasting = periods.filter(({ lastDay }) => !lastDay || dayNumber(lastDay) >= now);
  return terms({ class: "about" }, [
    ["Id", providerId],
    ["Type", words.facilities[facilityType]],
    ["County", county],
    ["Numbers", identifiers(numbers)],
    ["Qualified", qualifies ? "" : "Not today. A job here does not count as employment."],
    ...lasting.map((it) => [LABELS[it.kind] ?? capital(inWords(it.kind, "PROVIDER_PERIOD_KIND_")), days(it)]),
  ]);
}

// What a certificate says. A period does not end with it, but with a renewal that is recorded.
function certificate(validThrough, lastDay) {
  const isOver = dayNumber(validThrough) < dayNumber(today());
  if (!isOver) return `certificate to ${dayInWords(validThrough)}`;
  return `certificate expired on ${dayInWords(validThrough)}${lastDay ? "" : ", and no renewal is on record"}`;
}

function days({ basis, firstDay, lastDay, validThrough }) {
  return capital([basis && inWords(basis, "QUALIFICATION_BASIS_"), run(firstDay, lastDay), validThrough && certificate(validThrough, lastDay)].filter(Boolean).join(", "));
}
