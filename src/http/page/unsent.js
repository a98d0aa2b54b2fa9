// What would be lost with the window: what was typed and not sent, and what was proposed and not recorded.

// A file can be chosen again, and a token pasted.
const TYPED = "input:not([type=radio], [type=file], [type=password])";

// What each form had when it was sent.
const sent = new WeakMap();

// Notes what is sent, after the form itself has looked for faults.
export function watch() {
  addEventListener("submit", ({ target }) => sent.set(target, content(target)));
}

function inputs(form) {
  return [...form.querySelectorAll(TYPED)];
}

function content(form) {
  return JSON.stringify(inputs(form).map((it) => (it.type === "checkbox" ? it.checked : it.value)));
}

function isTyped(it) {
  return it.type === "checkbox" ? it.checked !== it.defaultChecked : it.value !== it.defaultValue || it.validity.badInput;
}

function isUnsent(form) {
  return inputs(form).some(isTyped) && (content(form) !== sent.get(form) || form.querySelector("[aria-invalid]") !== null);
}

// Sets a form to what is shown: that is as good as sent, unless something else was typed since.
export function follow(form, act) {
  const wasSent = content(form) === sent.get(form);
  act();
  if (wasSent) sent.set(form, content(form));
}

// Whether anything was typed into a form under one of these, whether it was sent or not.
export function isTypedIn(roots) {
  return roots.some((root) => [...root.querySelectorAll("form")].some((form) => inputs(form).some(isTyped)));
}

// Whether anything under one of these would be lost.
export function isIn(roots) {
  return roots.some((root) => root.querySelector("[data-proposed]") || [...root.querySelectorAll("form")].some(isUnsent));
}
