// Elements. Texts of the registry become text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";

export function byId(id) {
  return document.getElementById(id);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...shown(children));
  return element;
}

function shown(children) {
  return children.flat(Infinity).filter((child) => child !== undefined && child !== "");
}

// Puts these in the place of what an element holds.
export function fill(place, ...children) {
  place.replaceChildren(...shown(children));
}

export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

// A button that does something.
export function button(text, attributes, act) {
  const made = element("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", act);
  return made;
}

// A table that may be wider than the window. A row is a list of cells, whose first is its heading if `isHeaded`.
export function table(label, kind, heads, rows, isHeaded) {
  const head = element("tr", {}, heads.map((text) => element("th", { scope: "col" }, text)));
  const cell = (it, at) => (isHeaded && at === 0 ? element("th", { scope: "row" }, it) : element("td", {}, it));
  const body = rows.map((row) => element("tr", {}, row.map(cell)));
  const made = element("table", { class: kind }, element("thead", {}, head), element("tbody", {}, body));
  return element("div", { class: "wide-table", tabindex: 0, role: "region", "aria-label": label }, made);
}

// Gives a file to the browser, which saves it. It was made here, and is sent nowhere.
export function download(name, blob) {
  const href = URL.createObjectURL(blob);
  element("a", { href, download: name }).click();
  // The browser may begin to read it only after the click.
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

// A text that begins a sentence.
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// The terms and values of a list; those without a value are left out.
export function terms(attributes, pairs) {
  const known = pairs.filter(([, value]) => value !== undefined && value !== "");
  const rows = known.map(([term, value]) => element("div", {}, element("dt", {}, term), element("dd", {}, value)));
  return element("dl", attributes, rows);
}

// Says something to screen readers.
export function say(text) {
  byId("said").textContent = text;
}
