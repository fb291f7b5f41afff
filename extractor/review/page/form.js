// A form, made of the description of a schema and data: what is in what, what is there, and where each place is.

import { button, element, fresh } from "./elements.js";
import { listBox, mapBox, more, tupleBox } from "./lists.js";
import { decorate, slots } from "./marks.js";
import { isObject } from "./numbers.js";
import { above, below, get, made, parts, plain, within } from "./pointer.js";
import { branchOf, unionBox } from "./unions.js";
import { controlFor, isLeaf } from "./widgets.js";

const DEEP = 40; // levels that are drawn: what is deeper is JSON in a text area

/**
 * @typedef {{label: string, required?: boolean, item?: boolean, cell?: boolean, level: number, remove?: () => void}} Info
 * @typedef {{pointer: string, node: any, info: Info, element: HTMLElement, slots: any, leaf?: any, sign?: string}} Place
 */
export class Form {
  /**
   * @param {HTMLElement} root @param {{root: any, definitions: Object<string, any>}} schema
   * @param {{edit: (pointer: string, value: any, what: string, typing: boolean) => void}} hooks
   */
  constructor(root, schema, hooks) {
    this.root = root;
    this.schema = schema;
    this.hooks = hooks;
    /** @type {Map<string, Place>} */ this.places = new Map();
    this.opened = new Map(); // how many rows of a long list are shown
    this.data = undefined;
  }

  /** Draws all of it. */
  draw(data) {
    this.data = data;
    this.places.clear();
    this.root.replaceChildren(this.build("", this.schema.root, { label: "", required: true, level: 0 }));
  }

  /** Draws one place anew, or what it is in where it is not drawn. */
  redraw(pointer, data) {
    this.data = data;
    let at = pointer;
    while (!this.places.has(at) && at !== "") at = above(at);
    const old = this.places.get(at);
    if (!old) return this.draw(data);
    for (const each of [...this.places.keys()]) if (within(each, at)) this.places.delete(each);
    old.element.replaceWith(this.build(at, old.node, old.info));
  }

  /** Shows the value of a leaf that was changed from elsewhere. */
  show(pointer, data) {
    const place = this.places.get(pointer);
    const value = get(data, pointer);
    if (!place?.leaf || !isLeaf(this.resolve(place.node).kind) || isObject(value) || Array.isArray(value)) return this.redraw(pointer, data);
    this.data = data;
    place.leaf.show(value);
  }

  value(pointer) {
    return get(this.data, pointer);
  }

  /** A node without references. */
  resolve(node) {
    let at = node;
    for (let hops = 0; at && at.kind === "ref" && hops < 100; hops += 1) {
      const target = Object.hasOwn(this.schema.definitions, at.name) ? this.schema.definitions[at.name] : null;
      at = target && { ...target, title: at.title || target.title, help: at.help || target.help,
        nullable: Boolean(at.nullable || target.nullable) };
    }
    return at && at.kind !== "ref" ? at : { kind: "anything", title: "", help: "", nullable: true };
  }

  /** What a new value of a node begins with. */
  empty(node) {
    const resolved = this.resolve(node);
    return resolved.empty === undefined ? null : resolved.empty;
  }

  /** What is put where something need not be, and is wanted: never nothing. */
  wanted(raw, depth = 0) {
    const node = this.resolve(raw);
    const empty = node.empty ?? null;
    if (empty !== null || depth > DEEP) return empty;
    if (node.kind === "list") return [];
    if (node.kind === "union") return this.wanted(node.branches[0]?.node, depth + 1);
    if (node.kind === "tuple") return node.items.map((item) => this.empty(item));
    if (node.kind === "map") return {};
    if (node.kind !== "object") return null;
    return made(node.members.filter((member) => member.required).map((member) => {
      const inside = this.resolve(member.node);
      return [member.name, inside.nullable ? null : this.wanted(inside, depth + 1)];
    }));
  }

  /** @param {string} pointer @param {any} raw @param {Info} info @returns {HTMLElement} */
  build(pointer, raw, info) {
    const node = this.resolve(raw);
    const place = this.register(pointer, raw, info, node);
    const value = get(this.data, pointer);
    const box = BOXES[node.kind];
    let it;
    if (!box || info.level > DEEP || isStrange(this, node, value)) it = this.leaf(place, node, value, info);
    else if (value === undefined || value === null) it = this.absent(place, node, info);
    else it = box(this, pointer, node, value, info, place);
    if (place.node === raw) place.element = it;
    it.dataset.pointer = pointer;
    return it;
  }

  register(pointer, raw, info, node) {
    const known = this.places.get(pointer);
    if (known) return known; // a branch of a union stands at the same place
    const place = { pointer, node: raw, info, element: null, slots: slots(info.cell ? "" : node.help) };
    this.places.set(pointer, place);
    return place;
  }

  edit(pointer, value, what, typing = false) {
    this.hooks.edit(pointer, value, what, typing);
  }

  leaf(place, node, value, info) {
    const field = controlFor(node, value, info, (now, typing) => this.edit(place.pointer, now, info.label, typing));
    const own = place.slots;
    const id = fresh("f");
    field.control.id = id;
    if (info.required && node.kind !== "constant") field.control.setAttribute("aria-required", "true");
    place.leaf = { ...field, cell: info.cell };
    const name = element("label", { for: id, class: "name", dir: "auto" }, [labelled(info.label, info.required && !info.item)]);
    const line = element("div", { class: "control" }, [field.control, field.beside, info.remove && remover(info)]);
    const notes = [field.note, own.error, own.mended, own.before, info.cell ? null : own.help];
    return element("div", { class: `field kind-${node.kind}${info.cell ? " cell" : ""}` }, [name, line, own.sure, ...notes]);
  }

  // An object or a list that is not there: nothing to fill in until somebody adds it.
  absent(place, node, info) {
    const add = button(`Add ${info.label || node.title || "it"}`, () => {
      this.edit(place.pointer, this.wanted(node), `add ${info.label}`);
      this.focus(place.pointer);
    }, { class: "add" });
    const name = element("span", { class: "name", dir: "auto" }, [labelled(info.label, info.required)]);
    return element("div", { class: "field none" },
      [name, element("div", { class: "control" }, [add]), place.slots.sure, place.slots.error, place.slots.before, place.slots.help]);
  }

  /** The frame of what has parts. */
  group(place, info, title, content, actions = []) {
    const heading = element("legend", { dir: "auto" }, [labelled(title, false), ...actions]);
    const own = place.slots;
    return element("fieldset", { class: `group level-${Math.min(info.level, 4)}` },
      [title || actions.length ? heading : null, own.help, own.error, own.before, ...content]);
  }

  /** The button that takes an object away that need not be there. */
  removable(pointer, node, info) {
    if (info.remove) return [remover(info)];
    const may = node.nullable || (!info.required && node.kind !== "list" && node.kind !== "map");
    if (info.item || !may || info.level === 0) return [];
    const gone = node.nullable ? null : undefined;
    return [button("Remove", () => this.edit(pointer, gone, `remove ${info.label}`), { class: "small" })];
  }

  /** Puts the focus into a place, or the first field in it. @returns {boolean} whether there is one */
  focus(pointer, select = true) {
    this.reveal(pointer);
    let at = pointer;
    while (at && !this.places.has(at)) at = above(at);
    const it = this.places.get(at)?.element;
    const control = this.places.get(at)?.leaf?.control
      || it?.querySelector(".control :is(input, select, textarea):not(.native), .control button, .add");
    if (!control) return false;
    control.focus({ preventScroll: true });
    if (select && control.select && control.type !== "date") control.select();
    return true;
  }

  // A row of a long list that is not drawn yet.
  reveal(pointer) {
    for (let at = pointer; at; at = above(at)) {
      const list = above(at);
      if (this.places.has(at) || list === null || !this.places.has(list) || !Array.isArray(this.value(list))) continue;
      const index = Number(at.slice(list.length + 1));
      if (index < (this.opened.get(list) || 0)) continue;
      this.opened.set(list, index + 20);
      this.redraw(list, this.data);
      this.hooks.drawn?.();
    }
  }

  /** Puts the focus where a row is added to a list. @returns {boolean} whether there is such a place */
  focusAdd(pointer) {
    const add = this.places.get(pointer)?.element?.querySelector(":scope > .add");
    add?.focus({ preventScroll: true });
    return Boolean(add);
  }

  /** A place as it is labelled: "Lines, row 3, Unit Price"; all of it: the name of the target. @param {string} pointer */
  words(pointer) {
    let node = this.schema.root;
    let at = "";
    const said = [];
    for (const part of parts(pointer)) {
      const [name, next] = this.step(node, part, this.value(at));
      said.push(name);
      node = next;
      at = below(at, part);
    }
    return said.join(", ") || this.schema.name || this.resolve(node).title || "Form";
  }

  // What a member or an item is called, and its node.
  step(raw, part, value) {
    let node = raw ? this.resolve(raw) : { kind: "anything" };
    for (let depth = 0; node.kind === "union" && depth < DEEP; depth += 1) {
      node = this.resolve(node.branches[Math.max(branchOf(this, node, value), 0)]?.node);
    }
    const inside = node.kind === "object" ? node.members.find((member) => member.name === part)?.node
      : node.kind === "tuple" ? node.items[Number(part)] : null;
    if (inside) return [this.resolve(inside).title || (node.kind === "tuple" ? `Part ${Number(part) + 1}` : part), inside];
    if (node.kind === "list") return [plain(part), node.item];
    if (node.kind === "object" || node.kind === "map") return [part, node.more || node.value || null];
    return [plain(part), null];
  }

  /** @param {(place: Place) => any} known what is known of each place */
  decorate(known) {
    for (const place of this.places.values()) decorate(place, known(place));
  }
}

/** A name, and a star where it is required. */
const labelled = (label, required) =>
  element("span", {}, [element("span", { text: label }), required && element("span", { class: "star", text: " *", "aria-hidden": "true" })]);

const remover = (info) =>
  button("✕", info.remove, { class: "icon", title: `Remove ${info.label}`, "aria-label": `Remove ${info.label}`, tabindex: -1 });

function objectBox(form, pointer, node, value, info, place) {
  const known = new Set(node.members.map((member) => member.name));
  const inner = { level: info.level + 1 };
  const members = node.members.map((member) => form.build(below(pointer, member.name), member.node,
    { ...inner, label: form.resolve(member.node).title || member.name, required: member.required }));
  const extra = Object.keys(value).filter((name) => !known.has(name));
  const rest = more(form, pointer, node, extra, info);
  const title = info.label || (info.level ? node.title : "");
  return form.group(place, info, title, [...members, ...rest], [...(info.actions || []), ...form.removable(pointer, node, info)]);
}

const SHAPES = { object: isObject, map: isObject, list: Array.isArray, tuple: Array.isArray };

// Data that does not have the shape that its place has.
function isStrange(form, node, value) {
  if (value === undefined || value === null) return false;
  if (node.kind === "union") return branchOf(form, node, value) < 0;
  return Object.hasOwn(SHAPES, node.kind) && !SHAPES[node.kind](value);
}

const BOXES = { object: objectBox, list: listBox, tuple: tupleBox, map: mapBox, union: unionBox };
