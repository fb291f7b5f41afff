// Elements, made of names and texts: a text never becomes markup, and what is not seen in it stands there as a symbol.

/** What is unseen, or turns the direction of what follows. */
export const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\u{e0000}-\u{e007f}]/gu;

const symbol = (character) => `[U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`;

/** A text as it can be shown. @param {string} text */
export const shown = (text) => String(text).replace(UNSEEN, symbol);

/** An element. Properties: `class`, `text` (made safe), `on*` (functions), `data` (an object), `dir`, ARIA …
 * @param {string} tag @param {Object<string, any>} [properties] @param {Array<Node|string|null|false>} [children]
 * @returns {HTMLElement} */
export function element(tag, properties = {}, children = []) {
  const it = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") it.className = value;
    else if (name === "text") it.textContent = shown(value);
    else if (name === "data") Object.assign(it.dataset, value);
    else if (name === "value" || name === "disabled" || name === "hidden" || name === "selected") it[name] = value;
    else if (name.startsWith("on")) it.addEventListener(name.slice(2), value);
    else it.setAttribute(name, value === true ? "" : shown(value));
  }
  for (const child of children) if (child) it.append(child);
  return it;
}

/** A button. @param {string} text @param {(event: Event) => void} onclick @param {Object<string, any>} [more] */
export const button = (text, onclick, more = {}) => element("button", { type: "button", text, onclick, ...more });

let last = 0;
/** A name that no other element has. */
export const fresh = (prefix) => `${prefix}-${(last += 1)}`;

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Brings an element into its pane, a third from the top, where it is not in sight already. */
export function bring(it, pane, always = false) {
  const box = it.getBoundingClientRect();
  const frame = pane.getBoundingClientRect();
  const margin = Math.min(60, frame.height / 5);
  if (!always && box.top >= frame.top + margin && box.bottom <= frame.bottom - margin) return;
  const top = pane.scrollTop + box.top - frame.top - frame.height / 3;
  pane.scrollTo({ top, behavior: calm.matches ? "auto" : "smooth" });
}

/** A moment in words: the time where it is today. @param {string} made ISO 8601 */
export function when(made) {
  const date = new Date(made);
  if (Number.isNaN(date.getTime())) return shown(made);
  const time = date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  return date.toDateString() === new Date().toDateString() ? time : `${date.toLocaleDateString()} ${time}`;
}

/** @param {number|null|undefined} share from 0 to 1: nearly sure is not said to be sure */
export function percent(share) {
  const text = `${Math.round(Math.min(Math.max(share, 0), 1) * 100)}`;
  if (text === "100" && share < 1) return ">99\u00a0%";
  return text === "0" && share > 0 ? "<1\u00a0%" : `${text}\u00a0%`;
}

export const count = (number) => Number(number).toLocaleString("en");
