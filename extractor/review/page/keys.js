// All keys, as one table: what they are, what they do; the help is made from it.

import { element } from "./elements.js";

/** @type {Array<{name: string, keys: string[], says: string, bare?: boolean}>}  `bare`: not while one types */
export const KEYS = [
  { name: "accept", keys: ["Ctrl+Enter"], says: "Accept as it stands, and go to the next document" },
  { name: "reject", keys: ["Alt+R"], says: "Reject the document; you are asked why" },
  { name: "next", keys: ["Alt+N", "Alt+PageDown"], says: "Next document, without deciding" },
  { name: "previous", keys: ["Alt+P", "Alt+PageUp"], says: "Previous document" },
  { name: "undoDecision", keys: ["Alt+U"], says: "Undo the last decision" },
  { name: "doubtful", keys: ["F8"], says: "Next field to look at" },
  { name: "doubtfulBack", keys: ["Shift+F8"], says: "Previous field to look at" },
  { name: "side", keys: ["F2"], says: "From the form to the document, and back" },
  { name: "undo", keys: ["Ctrl+Z"], says: "Undo an edit" },
  { name: "redo", keys: ["Ctrl+Shift+Z", "Ctrl+Y"], says: "Do it again" },
  { name: "addRow", keys: ["Alt+Insert", "Alt+A"], says: "Add a row below" },
  { name: "removeRow", keys: ["Alt+Delete"], says: "Remove the row" },
  { name: "rowUp", keys: ["Alt+ArrowUp"], says: "Move the row up" },
  { name: "rowDown", keys: ["Alt+ArrowDown"], says: "Move the row down" },
  { name: "queue", keys: ["Alt+Q"], says: "Show or hide the queue" },
  { name: "search", keys: ["/"], says: "Search the queue", bare: true },
  { name: "help", keys: ["F1", "?"], says: "These keys", bare: true },
];

const ELSE = [
  ["Enter", "In a field: confirms it, and goes to the next. With a text selected in the document: puts it into the field"],
  ["Tab", "To the next field, without confirming it"],
  ["Esc", "Closes what is open"],
];

const TYPED = new Set(["INPUT", "TEXTAREA", "SELECT"]);

/** What a key stands for; null for nothing of ours. @param {KeyboardEvent} event */
export function match(event) {
  // The right Alt key types characters on many keyboards.
  if (event.isComposing || event.getModifierState?.("AltGraph")) return null;
  const typing = TYPED.has(event.target.tagName) && !event.target.readOnly;
  for (const key of KEYS) {
    for (const each of key.keys) {
      if (!pressed(event, each)) continue;
      if (typing && each.length === 1) return null;
      if (event.target.tagName === "SELECT" && each.startsWith("Alt+Arrow")) return null; // opens it
      return key.name;
    }
  }
  return null;
}

function pressed(event, keys) {
  const parts = keys === "/" || keys === "?" ? [keys] : keys.split("+");
  const name = parts.pop();
  const wanted = new Set(parts);
  if (name === "?" || name === "/") return event.key === name && !event.ctrlKey && !event.altKey && !event.metaKey;
  if (event.altKey !== wanted.has("Alt") || event.shiftKey !== wanted.has("Shift")) return false;
  if ((event.ctrlKey || event.metaKey) !== wanted.has("Ctrl")) return false;
  if (name.length > 1) return event.key === name;
  // With Alt, some systems type another character: then the key itself counts.
  return /^[a-z]$/i.test(event.key) ? event.key.toUpperCase() === name : event.code === `Key${name}`;
}

/** The keys of something, as they are written on buttons. */
export const keysOf = (name) => KEYS.find((each) => each.name === name)?.keys[0] || "";

/** The table of all keys. */
export function table() {
  const rows = [...KEYS.map(({ keys, says }) => [keys, says]), ...ELSE.map(([key, says]) => [[key], says])];
  return element("table", { class: "keys" }, [element("tbody", {}, rows.map(([keys, says]) => element("tr", {}, [
    element("th", { scope: "row" }, keys.flatMap((each, index) => [index ? " or " : null, element("kbd", { text: each })])),
    element("td", { text: says }),
  ])))]);
}
