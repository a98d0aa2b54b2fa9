// The ids of the providers that a caller may name, to choose from.

import { byId, element, fill } from "./dom.js";
import { Refusal, call, may } from "./registry.js";

const PAGE = 1000;

// The provider that the caller reports for, if it is one.
let own = "";

// Offers a provider its own id, and a caller who may list providers all of them.
export async function offer({ providerId } = {}) {
  own = providerId ?? "";
  const hint = providerId ? `yours is ${providerId}; empty: not asked` : "its id; empty: not asked";
  for (const place of document.querySelectorAll(".provider-hint")) place.textContent = hint;
  const list = byId("providers");
  fill(list, providerId ? element("option", { value: providerId }) : "");
  if (!may("ProviderService/ListProviders")) return;
  try {
    const { providers = [] } = await call("ProviderService/ListProviders", { pageSize: PAGE });
    fill(list, providers.map((it) => element("option", { value: it.providerId }, it.name)));
  } catch (error) {
    // An id can be typed as well.
    if (!(error instanceof Refusal) && error.name !== "AbortError") throw error;
  }
}

// Why the caller may not ask about a provider. Empty if it may.
export function fault(named) {
  return own && named && named !== own ? `A provider may ask about its own staff alone. Your id is ${own}.` : "";
}
