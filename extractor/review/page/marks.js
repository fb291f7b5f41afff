// What is known of a field, beside it: errors, how sure it is, what it was before, what the server made of it.

import { button, element, fresh, percent, shown } from "./elements.js";
import { said } from "./numbers.js";

/** How a value stands in the document, in words. */
const STATUSES = {
  exact: "as written",
  normalised: "in another form",
  fuzzy: "nearly",
  absent: "not in the document",
  inferred: "inferred",
  empty: "empty",
};

/** What is known of a field in words. @param {any} field */
function sureness(field) {
  if (!field) return "";
  const words = [];
  if (field.status && STATUSES[field.status]) words.push(STATUSES[field.status]);
  if (typeof field.confidence === "number") words.push(percent(field.confidence));
  return words.join(" · ");
}

/** The others that candidates had, in words. */
const others = (field) =>
  (field?.others || []).slice(0, 3).map(([value, share]) => `${short(said(value), 40)} (${percent(share)})`).join(", ");

/** The beginning of a text. @param {string} text */
export const short = (text, most = 60) => (text.length > most ? `${text.slice(0, most)}…` : text);

/** The slots of a place of the form. */
export function slots(help) {
  const ids = { help: fresh("h"), error: fresh("e"), sure: fresh("s") };
  return {
    ids,
    help: help ? element("p", { class: "help", id: ids.help, text: help, title: help }) : null,
    sure: element("span", { class: "sure", id: ids.sure }),
    error: element("p", { class: "error", id: ids.error, hidden: true }),
    before: element("p", { class: "before", hidden: true }),
    mended: element("p", { class: "mended", hidden: true }),
  };
}

/**
 * Shows what is known of a place.
 * @param {any} place @param {{errors: string[], field: any, empty: boolean, byHand: boolean, doubt: any, before: any, changed: boolean, mended: string,
 *   back: () => void}} known
 */
export function decorate(place, all) {
  const known = { ...all, field: told(all) };
  const sign = JSON.stringify([known.errors, known.field, known.doubt, known.changed && said(known.before), known.mended]);
  if (place.sign === sign) return;
  place.sign = sign;
  const { element: it, slots: own, leaf } = place;
  it.classList.toggle("wrong", known.errors.length > 0);
  it.classList.toggle("doubted", Boolean(known.doubt));
  it.classList.toggle("changed", known.changed);
  own.error.hidden = known.errors.length === 0;
  own.error.textContent = shown(known.errors.join(" "));
  own.mended.hidden = !known.mended;
  own.mended.textContent = known.mended ? shown(known.mended) : "";
  before(own.before, known);
  if (leaf) sure(own.sure, leaf, known);
  if (leaf) describe(leaf.control, own, known);
}

// That nothing stands there is no fault of the document; and where people enter values, nothing was looked for yet.
function told({ field, empty, byHand }) {
  if (!empty || !field) return field;
  if (byHand) return undefined;
  return field.status === "absent" ? { ...field, status: "empty" } : field;
}

function before(slot, known) {
  slot.hidden = !known.changed;
  slot.replaceChildren();
  if (!known.changed) return;
  const was = said(known.before);
  slot.append(element("span", { text: was === "" ? "was empty " : `was ${short(was)} ` }),
    button("put back", known.back, { class: "small", title: was }));
}

function sure(slot, leaf, known) {
  const words = known.changed && known.field?.status === undefined ? "" : sureness(known.field);
  const more = others(known.field);
  slot.className = `sure s-${known.field?.status || "none"}`;
  slot.textContent = words;
  slot.title = [words, known.doubt?.why, more && `others: ${more}`].filter(Boolean).join("; ");
  leaf.control.dataset.status = known.field?.status || "none";
  if (leaf.cell) leaf.control.title = shown(slot.title);
}

function describe(control, own, known) {
  const ids = [known.errors.length && own.ids.error, own.sure.textContent && own.ids.sure, own.help && own.ids.help];
  const described = ids.filter(Boolean).join(" ");
  if (described) control.setAttribute("aria-describedby", described);
  else control.removeAttribute("aria-describedby");
  if (known.errors.length) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}
