// One leaf of the form: a control for each kind of value, which shows data and tells what a person made of it.

import { button, element, shown, UNSEEN } from "./elements.js";
import { isObject, parse, said, same, typed, write } from "./numbers.js";

/**
 * @typedef {{control: HTMLElement, beside?: HTMLElement, show: (value: any) => void}} Control
 * @typedef {(value: any, typing: boolean) => void} Commit
 */

const LONG = 70; // characters: a longer text gets several lines
const FORMS = {
  date: "2024-09-11, or as it stands in the document",
  time: "14:30",
  datetime: "2024-09-11T14:30",
  duration: "P1DT2H, or 26:00:00",
};

/** What a field is when it is cleared. @param {any} node @param {{required?: boolean, item?: boolean}} info */
function cleared(node, info) {
  if (node.nullable) return null;
  if (!info.required && !info.item) return undefined;
  if (node.kind === "text") return "";
  return info.item ? null : undefined;
}

const isLong = (node, value) =>
  typeof value === "string" ? value.includes("\n") || value.length > LONG || Boolean(node.multiline) : node.multiline;

/** @returns {Control} */
function text(node, value, info, commit) {
  const long = isLong(node, value) && !info.cell;
  const control = long ? element("textarea", { rows: 2, spellcheck: "false" })
    : element("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  control.dir = "auto";
  const read = () => (control.value === "" ? cleared(node, info) : control.value);
  control.addEventListener("input", () => commit(read(), true));
  return { control, show: (now) => { control.value = said(now); } };
}

function number(node, _, info, commit) {
  const control = element("input", { type: "text", inputmode: node.kind === "integer" ? "numeric" : "decimal",
    autocomplete: "off", class: "number" });
  const read = () => (control.value.trim() === "" ? cleared(node, info) : typed(control.value));
  control.addEventListener("input", () => commit(read(), true));
  return { control, show: (now) => { control.value = said(now); } };
}

function moment(node, value, info, commit) {
  const made = text(node, value, { ...info, cell: true }, commit);
  if (!info.cell) made.control.placeholder = FORMS[node.kind];
  if (node.kind === "date" && !info.cell) made.beside = picker(made.control);
  return made;
}

// The browser's own calendar: the keyboard needs none, so it is no stop of the Tab key.
function picker(control) {
  const native = element("input", { type: "date", class: "native", tabindex: -1, "aria-hidden": "true" });
  native.addEventListener("change", () => {
    control.value = native.value;
    control.dispatchEvent(new Event("input", { bubbles: true }));
    control.focus();
  });
  const open = () => {
    native.value = /^\d{4}-\d\d-\d\d$/.test(control.value) ? control.value : "";
    try { native.showPicker(); } catch { control.focus(); }
  };
  return element("span", { class: "picker" },
    [button("…", open, { tabindex: -1, title: "Choose a day", "aria-label": "Choose a day" }), native]);
}

function options(list) {
  return (node, _, info, commit) => {
    const choices = list(node);
    const control = element("select");
    const draw = (now) => {
      const at = choices.findIndex((choice) => same(choice.value, now));
      const nothing = now === undefined || now === null;
      const empty = at < 0 && nothing ? "" : node.nullable || !info.required ? "" : null;
      control.replaceChildren(...choices.map((choice, index) => element("option", { value: String(index), text: choice.title })));
      if (empty !== null) control.prepend(element("option", { value: "", text: "—" }));
      if (at < 0 && !nothing) control.append(element("option", { value: "x", text: `${said(now)} (not a choice)` }));
      control.value = at >= 0 ? String(at) : nothing ? "" : "x";
    };
    control.addEventListener("change", () => {
      if (control.value !== "x") commit(control.value === "" ? cleared(node, info) : choices[Number(control.value)].value, false);
    });
    return { control, show: draw };
  };
}

function constant(node, _, info, commit) {
  const control = element("input", { type: "text", readonly: true, class: "constant" });
  const set = button("Set", () => commit(node.value, false), { hidden: true });
  const show = (now) => {
    control.value = said(now);
    set.hidden = same(now, node.value);
    set.textContent = shown(`Set to ${said(node.value)}`);
  };
  return { control, beside: set, show };
}

function anything(node, _, info, commit) {
  const control = element("textarea", { rows: 2, spellcheck: "false", class: "json" });
  const note = element("p", { class: "error", hidden: true });
  control.addEventListener("input", () => {
    note.hidden = true;
    if (control.value.trim() === "") return commit(cleared(node, info), true);
    try {
      commit(parse(control.value), true);
    } catch {
      note.hidden = false;
      note.textContent = "This is not JSON yet, and is not kept: a text stands in quotation marks.";
    }
  });
  const show = (now) => {
    note.hidden = true;
    control.value = now === undefined ? "" : write(now, isObject(now) || Array.isArray(now) ? 2 : undefined);
  };
  return { control, beside: note, show };
}

const CONTROLS = {
  text, number, integer: number, date: moment, time: moment, datetime: moment, duration: moment,
  boolean: options(() => [{ value: true, title: "Yes" }, { value: false, title: "No" }]),
  choice: options((node) => node.options),
  constant,
};

/** Whether a kind of value has one control. */
export const isLeaf = (kind) => Object.hasOwn(CONTROLS, kind);

/** The control of a leaf. @param {any} node @param {any} value @param {any} info @param {Commit} commit @returns {Control} */
export function controlFor(node, value, info, commit) {
  const deep = typeof value === "object" && (isObject(value) || Array.isArray(value));
  const make = deep && !isLeafValue(node, value) ? anything : CONTROLS[node.kind] || anything;
  const made = make(node, value, info, commit);
  const note = element("p", { class: "unseen", hidden: true });
  const show = (now) => {
    made.show(now);
    const hidden = typeof now === "string" && now.match(UNSEEN)?.filter((each) => each !== "\r");
    note.hidden = !hidden || hidden.length === 0;
    if (!note.hidden) note.textContent = `Has characters that are not seen: ${shown(hidden.slice(0, 4).join(""))}`;
  };
  show(value);
  return { ...made, note, show };
}

const isLeafValue = (node, value) =>
  (node.kind === "choice" && node.options.some((each) => same(each.value, value)))
  || (node.kind === "constant" && same(node.value, value));
