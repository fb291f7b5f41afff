// What has many parts: lists as rows of a table or as cards, tuples, and objects whose names are entered as well.

import { button, count, element, fresh } from "./elements.js";
import { same } from "./numbers.js";
import { below, inserted, made, moved, without } from "./pointer.js";

const ROWS = 200; // of a list that are drawn at once
const COLUMNS = 8; // of a table
const CELLS = new Set(["text", "date", "time", "datetime", "duration", "integer", "number", "boolean", "choice", "constant"]);
const WIDE = { text: "minmax(7rem, 3fr)", choice: "minmax(6rem, 2fr)", datetime: "minmax(9rem, 2fr)", date: "minmax(6.5rem, 1.5fr)" };

/** A list: as a table where each row has a few simple members, else as cards. */
export function listBox(form, pointer, node, value, info, place) {
  const item = form.resolve(node.item);
  const table = isTable(form, item, value);
  const most = Math.max(form.opened.get(pointer) || 0, ROWS);
  const rows = value.slice(0, most).map((_, index) =>
    (table ? tableRow : card)(form, pointer, node, item, index, info));
  const box = element("div", { class: table ? "rows table" : "rows" },
    [table && rows.length ? heads(form, item) : null, ...rows]);
  if (table) box.style.setProperty("--columns", columns(form, item));
  if (value.length > most) box.append(button(`Show ${count(Math.min(ROWS, value.length - most))} more`, () => {
    form.opened.set(pointer, most + ROWS);
    form.redraw(pointer, form.data);
    form.hooks.drawn?.();
  }, { class: "add" }));
  const add = button(`Add ${single(item, info)}`, () => addRow(form, pointer, value.length), { class: "add" });
  const title = `${info.label || node.title || "Items"} (${count(value.length)})`;
  return form.group(place, info, title, [box, add], [...(info.actions || []), ...form.removable(pointer, node, info)]);
}

const single = (item, info) => (item.title && item.title !== info.label ? item.title.toLowerCase() : "row");

function isTable(form, item, value) {
  if (item.kind !== "object" || item.more || item.members.length === 0 || item.members.length > COLUMNS) return false;
  const names = new Set(item.members.map((member) => member.name));
  const simple = item.members.every((member) => {
    const node = form.resolve(member.node);
    return CELLS.has(node.kind) && !node.multiline;
  });
  return simple && value.every((row) => typeof row === "object" && row !== null && !Array.isArray(row)
    && Object.entries(row).every(([name, cell]) => names.has(name) && !(typeof cell === "string" && cell.includes("\n"))));
}

const columns = (form, item) =>
  item.members.map((member) => WIDE[form.resolve(member.node).kind] || "minmax(4.5rem, 1fr)").join(" ");

const heads = (form, item) =>
  element("div", { class: "heads", "aria-hidden": "true" }, [...item.members.map((member) => {
    const node = form.resolve(member.node);
    const title = `${node.title || member.name}${member.required ? " *" : ""}`;
    return element("span", { text: title, dir: "auto", title: node.help || title, class: `kind-${node.kind}` });
  }), element("span")]);

function tableRow(form, pointer, node, item, index, info) {
  const own = below(pointer, index);
  const cells = item.members.map((member) => form.build(below(own, member.name), member.node, {
    level: info.level + 2, cell: true, required: member.required,
    label: `${form.resolve(member.node).title || member.name}, row ${index + 1}`,
  }));
  // The row itself is a place as well: an error may be told of it.
  const place = form.register(own, node.item, { ...info, label: `row ${index + 1}` }, item);
  const row = element("div", { class: "row", role: "group", "aria-label": `Row ${index + 1}` },
    [...cells, actions(form, pointer, index), place.slots.error]);
  row.dataset.pointer = own;
  place.element = row;
  return row;
}

function card(form, pointer, node, item, index, info) {
  const own = below(pointer, index);
  const label = `Row ${index + 1}`;
  const remove = () => removeRow(form, pointer, index);
  if (item.kind !== "object" && item.kind !== "union" && item.kind !== "list" && item.kind !== "map" && item.kind !== "tuple") {
    return form.build(own, node.item, { level: info.level + 1, item: true, label, remove });
  }
  const buttons = [actions(form, pointer, index)];
  return form.build(own, node.item, { level: info.level + 1, item: true, required: true, label, actions: buttons });
}

function actions(form, pointer, index) {
  const act = (text, name, keys, run) =>
    button(text, run, { class: "icon", tabindex: -1, title: `${name} (${keys})`, "aria-label": `${name}, row ${index + 1}` });
  return element("span", { class: "actions" }, [
    act("↑", "Move up", "Alt+↑", () => moveRow(form, pointer, index, -1)),
    act("↓", "Move down", "Alt+↓", () => moveRow(form, pointer, index, 1)),
    act("✕", "Remove", "Alt+Delete", () => removeRow(form, pointer, index)),
  ]);
}

/** A new row in front of a place of a list. */
export function addRow(form, pointer, index) {
  const node = form.resolve(form.places.get(pointer)?.node || { kind: "anything" });
  const item = listNode(form, node);
  if (!item) return;
  form.opened.set(pointer, Math.max(form.opened.get(pointer) || 0, index + 1));
  form.edit(pointer, inserted(form.value(pointer) || [], index, form.wanted(item)), "add a row");
  form.focus(below(pointer, index));
}

const listNode = (form, node) => {
  if (node.kind === "list") return node.item;
  const branches = node.kind === "union" ? node.branches.map((branch) => form.resolve(branch.node)) : [];
  return branches.find((branch) => branch.kind === "list")?.item || null;
};

export function removeRow(form, pointer, index) {
  const rows = form.value(pointer);
  form.edit(pointer, rows.filter((_, at) => at !== index), "remove a row");
  form.hooks.removed?.(pointer, index, rows[index]);
  form.focus(rows.length > 1 ? below(pointer, Math.min(index, rows.length - 2)) : pointer);
}

export function moveRow(form, pointer, index, by, name = null) {
  const rows = form.value(pointer);
  const to = index + by;
  if (to < 0 || to >= rows.length) return;
  form.edit(pointer, moved(rows, index, to), "move a row");
  form.focus(name === null ? below(pointer, to) : below(below(pointer, to), name));
}

/** A list of so many parts. */
export function tupleBox(form, pointer, node, value, info, place) {
  const items = node.items.map((item, index) => form.build(below(pointer, index), item,
    { level: info.level + 1, required: true, item: true, label: form.resolve(item).title || `Part ${index + 1}` }));
  return form.group(place, info, info.label, items, [...(info.actions || []), ...form.removable(pointer, node, info)]);
}

/** An object whose names are entered as well. */
export function mapBox(form, pointer, node, value, info, place) {
  const rest = more(form, pointer, { more: node.value }, Object.keys(value), info);
  return form.group(place, info, info.label, rest, [...(info.actions || []), ...form.removable(pointer, node, info)]);
}

/** The further members of an object: their names can be changed, and more be added. */
export function more(form, pointer, node, names, info) {
  const rows = names.map((name) => entry(form, pointer, node.more || { kind: "anything", nullable: true }, name, info));
  if (!node.more) return rows;
  return [...rows, button("Add an entry", () => {
    const name = free(form.value(pointer));
    form.edit(pointer, made([...Object.entries(form.value(pointer)), [name, form.empty(node.more)]]), "add an entry");
    form.places.get(below(pointer, name))?.element.closest(".entry").querySelector("input").select();
    form.places.get(below(pointer, name))?.element.closest(".entry").querySelector("input").focus();
  }, { class: "add" })];
}

function free(object) {
  let name = "new";
  for (let number = 2; Object.hasOwn(object, name); number += 1) name = `new ${number}`;
  return name;
}

function entry(form, pointer, node, name, info) {
  const id = fresh("k");
  const control = element("input", { type: "text", id, value: name, class: "key", dir: "auto", autocomplete: "off" });
  control.addEventListener("change", () => {
    const object = form.value(pointer);
    if (control.value === name || same(control.value, "")) return void (control.value = name);
    if (Object.hasOwn(object, control.value)) return void (control.value = name);
    form.edit(pointer, made(Object.entries(object).map(([key, each]) => [key === name ? control.value : key, each])), "rename an entry");
  });
  const remove = () => form.edit(pointer, without(form.value(pointer), name), "remove an entry");
  return element("div", { class: "entry" }, [
    element("label", { for: id, class: "unseen-label", text: `Name of the entry ${name}` }), control,
    form.build(below(pointer, name), node, { level: info.level + 1, required: true, label: name, remove }),
  ]);
}
