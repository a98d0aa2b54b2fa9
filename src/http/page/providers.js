// The ids of the providers that a caller may name, to choose from, and their numbers.

import { byId, element, fill } from "./dom.js";
import { Refusal, callForEach, may } from "./registry.js";

// The provider that the caller reports for, if it is one.
let own = "";

const LIST = "ProviderService/ListProviders";

// Where somebody finds an id who may not list providers.
const ELSEWHERE = "its id, a short word such as region-1-cmhc; ask DMH for it; empty: not asked";

// Offers a provider its own id, and a caller who may list providers all of them. Others are offered what they have asked
// about. The staff list of a provider is its own: there its id is filled in.
export async function offer({ providerId } = {}) {
  own = providerId ?? "";
  const others = may(LIST) ? "its id; empty: not asked" : ELSEWHERE;
  const hint = providerId ? `yours is ${providerId}; empty: not asked` : others;
  for (const place of document.querySelectorAll(".provider-hint")) place.textContent = hint;
  byId("roster-provider").defaultValue = own;
  const list = byId("providers");
  // They are offered as they come: if a page of them is refused, those before it can be chosen.
  fill(list, providerId ? element("option", { value: providerId }) : "");
  if (!may(LIST)) return;
  try {
    await callForEach(LIST, "providers", {}, (it) => list.append(element("option", { value: it.providerId }, it.legalName)));
  } catch (error) {
    // An id can be typed as well.
    if (!(error instanceof Refusal) && error.name !== "AbortError") throw error;
  }
}

// Notes the answer to a question that names a provider. If the answer shows that the provider is on file, its id is
// offered from then on to those who may not list providers.
export function noteAsked(providerId, { credential, reasons = [] }) {
  if (!providerId || !credential || may(LIST) || reasons.includes("REASON_PROVIDER_NOT_ON_FILE")) return;
  const list = byId("providers");
  if (![...list.options].some(({ value }) => value === providerId)) list.append(element("option", { value: providerId }));
}

// The numbers of a provider, each with its kind. Empty if it has none.
export function identifiers(list = []) {
  return list.map(({ kind, value }) => `${kind === "IDENTIFIER_KIND_NPI" ? "NPI" : "Medicaid id"} ${value}`).join(", ");
}

// Why the caller may not ask about a provider. Empty if it may.
export function fault(named) {
  return own && named && named !== own ? `A provider may ask about its own staff alone. Your id is ${own}.` : "";
}
