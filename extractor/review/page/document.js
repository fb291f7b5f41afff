// The text of a document with the places of fields marked in it: what is shown is one thing, what is selected the text.

import { bring, button, count, element, UNSEEN } from "./elements.js";
import { Offsets, segments } from "./offsets.js";

const BLOCK = 4000; // characters of a block: a line that is longer is broken
const SYMBOLS = 20000; // for characters that are not seen, as elements
const MORE = 100000; // characters that are loaded at a time

export class DocumentText {
  /**
   * @param {HTMLElement} pane what scrolls @param {HTMLElement} root
   * @param {{load: (start: number, end: number) => Promise<{start: number, text: string}>, failed: (error: Error) => void}} hooks
   */
  constructor(pane, root, hooks) {
    this.pane = pane;
    this.root = root;
    this.hooks = hooks;
    /** @type {WeakMap<Node, {start: number, length: number, part: any, symbol: boolean}>} */ this.nodes = new WeakMap();
    this.parts = [];
    this.places = [];
    this.waiting = null; // marks that come while somebody selects: drawn anew, the text would lose the selection
    document.addEventListener("selectionchange", () => {
      if (this.waiting && !this.isSelected()) this.mark(this.waiting);
    });
  }

  isSelected() {
    const selection = getSelection();
    return Boolean(selection && !selection.isCollapsed && this.root.contains(selection.anchorNode));
  }

  /** @param {{length: number, parts: Array<{start: number, text: string}>, pages: number[]}|null} text */
  draw(text, fields) {
    this.text = text;
    this.parts = (text?.parts || []).map((part) => ({ ...part, offsets: new Offsets(part.text, part.start) }));
    this.mark(fields);
  }

  /** Marks the places of fields. @param {Object<string, any>} fields */
  mark(fields) {
    const sign = JSON.stringify(Object.entries(fields).map(([pointer, field]) => [pointer, field.status, field.spans]));
    this.waiting = null;
    if (sign === this.sign && this.drawn === this.parts) return;
    if (this.drawn === this.parts && this.isSelected()) {
      this.waiting = fields;
      return;
    }
    this.sign = sign;
    this.drawn = this.parts;
    this.places = placed(fields);
    this.symbols = 0;
    const top = this.pane.scrollTop;
    this.root.replaceChildren(...this.content());
    this.pane.scrollTop = top;
    this.light(this.lit || null, false);
  }

  content() {
    if (!this.text) return [element("p", { class: "dim", text: "This document has no text." })];
    const made = [];
    let end = 0;
    for (const part of this.parts) {
      if (part.start > end) made.push(this.gap(end, part.start));
      made.push(...this.blocks(part));
      end = part.offsets.end;
    }
    if (end < this.text.length) made.push(this.gap(end, this.text.length));
    return made;
  }

  gap(start, end) {
    const more = button(`Show more (${count(end - start)} characters are not shown)`, async () => {
      more.disabled = true;
      try {
        const got = await this.hooks.load(start, Math.min(end, start + MORE));
        this.parts = [...this.parts, { ...got, offsets: new Offsets(got.text, got.start) }]
          .sort((one, other) => one.start - other.start);
        this.mark(this.fieldsNow());
      } catch (error) {
        more.disabled = false;
        this.hooks.failed(error);
      }
    }, { class: "more" });
    return element("div", { class: "gap" }, [more]);
  }

  fieldsNow() {
    const fields = {};
    for (const place of this.places) for (const pointer of place.pointers) (fields[pointer] ||= { status: place.status, spans: [] }).spans.push([place.start, place.end]);
    return fields;
  }

  blocks(part) {
    const { offsets, text } = part;
    const inside = this.places.map((place, number) => ({ start: offsets.unit(place.start), end: offsets.unit(place.end), number }))
      .filter((place) => place.end > place.start);
    const starts = new Map((this.text.pages || []).map((start, index) => [offsets.unit(start), index + 1]));
    const blocks = [];
    let it = null;
    let room = 0;
    for (const segment of segments(inside, 0, text.length, [...starts.keys()])) {
      if (starts.has(segment.start)) room = 0;
      for (let at = segment.start; at < segment.end;) {
        if (room <= 0) {
          if (starts.get(at) > 1) blocks.push(element("div", { class: "page-break", text: `Page ${starts.get(at)}` }));
          it = element("div", { class: "block" });
          blocks.push(it);
          room = BLOCK;
        }
        const end = cut(text, at, segment.end, room);
        it.append(this.run(text.slice(at, end), at, part, segment.places.map((index) => inside[index].number)));
        room -= end - at;
        if (text[end - 1] === "\n" && room < BLOCK / 2) room = 0;
        at = end;
      }
    }
    return blocks;
  }

  // A run of text within the same places.
  run(text, start, part, numbers) {
    const into = numbers.length ? element("span", { class: "mark", data: { places: numbers.join(" ") } }) : document.createDocumentFragment();
    if (numbers.length) {
      const place = this.places[numbers[numbers.length - 1]];
      into.classList.add(`s-${place.status || "none"}`);
      if (numbers.some((number) => this.places[number].doubtful)) into.classList.add("doubted");
    }
    let last = 0;
    for (const found of text.matchAll(UNSEEN)) {
      if (this.symbols >= SYMBOLS || found[0] === "\f" || (found[0] === "\r" && text[found.index + 1] === "\n")) continue;
      this.symbols += 1;
      into.append(this.node(text.slice(last, found.index), start + last, part));
      const symbol = element("i", { class: "x", text: found[0] });
      this.nodes.set(symbol.firstChild, { start: start + found.index, length: found[0].length, part, symbol: true });
      into.append(symbol);
      last = found.index + found[0].length;
    }
    into.append(this.node(text.slice(last), start + last, part));
    return into;
  }

  node(text, start, part) {
    const node = document.createTextNode(this.symbols >= SYMBOLS ? text.replace(UNSEEN, "\ufffd") : text);
    this.nodes.set(node, { start, length: text.length, part, symbol: false });
    return node;
  }

  /** What is selected in here. @returns {{text: string, range: Range}|null} */
  selected() {
    const selection = getSelection();
    if (!selection || selection.isCollapsed || selection.rangeCount === 0) return null;
    const range = selection.getRangeAt(0);
    if (!this.root.contains(range.commonAncestorContainer)) return null;
    let text = "";
    const walker = document.createTreeWalker(this.root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const known = this.nodes.get(node);
      if (!known || !range.intersectsNode(node)) continue;
      const from = node === range.startContainer ? range.startOffset : 0;
      const to = node === range.endContainer ? range.endOffset : node.length;
      if (to <= from) continue;
      const own = known.part.text.slice(known.start, known.start + known.length);
      text += known.symbol ? own : own.slice(from, to);
    }
    return text.trim() ? { text, range } : null;
  }

  /** Shows the places of a field, or none. @param {string|null} pointer */
  light(pointer, scroll = true) {
    this.lit = pointer;
    for (const old of this.root.querySelectorAll(".on")) old.classList.remove("on");
    if (pointer === null) return false;
    const numbers = new Set();
    this.places.forEach((place, number) => { if (place.pointers.includes(pointer)) numbers.add(String(number)); });
    if (numbers.size === 0) return false;
    const marks = [...this.root.querySelectorAll(".mark")].filter((it) => it.dataset.places.split(" ").some((each) => numbers.has(each)));
    for (const mark of marks) mark.classList.add("on");
    if (marks.length && scroll) bring(marks[0], this.pane);
    return marks.length > 0;
  }

  /** The fields whose place is at an element. @returns {string[]} */
  fieldsAt(it) {
    const mark = it.closest?.(".mark");
    if (!mark || !mark.dataset.places) return [];
    return mark.dataset.places.split(" ").reverse().flatMap((number) => this.places[Number(number)].pointers);
  }
}

// The places of fields: one for each span, with all fields that have it.
function placed(fields) {
  const places = new Map();
  for (const [pointer, field] of Object.entries(fields)) {
    for (const [start, end] of field.spans || []) {
      if (!(start < end)) continue;
      const known = places.get(`${start}-${end}`) || { start, end, status: field.status, pointers: [] };
      known.pointers.push(pointer);
      places.set(`${start}-${end}`, known);
    }
  }
  return [...places.values()].sort((one, other) => one.start - other.start || other.end - one.end);
}

// Where a run ends: after a line once a block is half full, never within a pair of halves.
function cut(text, at, end, room) {
  const line = text.indexOf("\n", Math.min(at + Math.floor(room / 2), end));
  let to = Math.min(end, at + room);
  if (line >= 0 && line + 1 <= to) to = line + 1;
  const code = text.charCodeAt(to - 1);
  if (to < end && code >= 0xd800 && code <= 0xdbff && to - 1 > at) to -= 1;
  return to;
}
