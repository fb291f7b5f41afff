// The fields to look at first, and those that are wrong, above the form; what was looked at is ticked off.

import { button, count, element } from "./elements.js";
import { short } from "./marks.js";
import { said } from "./numbers.js";
import { get } from "./pointer.js";

const SHOWN = 5;

export class Look {
  /** @param {HTMLElement} box @param {HTMLElement} alert @param {{go: (pointer: string) => void,
   *   words: (pointer: string) => string}} hooks */
  constructor(box, alert, hooks) {
    this.box = box;
    this.alert = alert;
    this.hooks = hooks;
    this.items = [];
    this.done = new Set();
    this.all = false;
  }

  /** Another document. */
  begin(items) {
    this.items = items;
    this.done = new Set();
    this.all = false;
  }

  /** What the server found since: what was there keeps its place and its tick. */
  update(items) {
    const now = new Map(items.map((item) => [item.pointer, item]));
    const known = new Set(this.items.map((item) => item.pointer));
    this.items = [...this.items.map((item) => (item.list ? item : now.get(item.pointer) ?? item)),
      ...items.filter((item) => !known.has(item.pointer))];
  }

  tick(pointer) {
    if (!this.items.some((item) => item.pointer === pointer) || this.done.has(pointer)) return false;
    this.done.add(pointer);
    return true;
  }

  /** The next one from a place on. @param {string|null} from @param {1|-1} by */
  next(from, by) {
    const open = this.items.filter((item) => !this.done.has(item.pointer) || item.pointer === from);
    const list = open.length ? open : this.items;
    if (list.length === 0) return null;
    const at = list.findIndex((item) => item.pointer === from);
    return list[at < 0 ? (by > 0 ? 0 : list.length - 1) : (at + by + list.length) % list.length].pointer;
  }

  /** @param {(pointer: string) => {changed: boolean, why?: string}} now what a person and the last check did to a place */
  draw(data, errors, now) {
    const wrong = new Set(errors.map((error) => error.pointer)); // which are told above
    const items = this.items.filter((item) => !wrong.has(item.pointer));
    const left = items.filter((item) => !this.done.has(item.pointer)).length;
    this.box.hidden = items.length === 0;
    if (this.box.hidden) return this.box.replaceChildren();
    const focused = this.box.contains(document.activeElement) ? document.activeElement.dataset.pointer : undefined;
    const shown = this.all ? items : items.slice(0, SHOWN);
    const rows = shown.map((item) => this.row(item, data, now(item.pointer)));
    const title = left ? `Look here first (${left})` : "Looked at all that was doubtful";
    this.box.replaceChildren(element("h3", { text: title }), element("ul", {}, rows));
    if (items.length > shown.length) this.box.append(button(`${items.length - shown.length} more`, () => {
      this.all = true;
      this.draw(data, errors, now);
    }, { class: "small" }));
    if (focused !== undefined) [...this.box.querySelectorAll("button")].find((it) => it.dataset.pointer === focused)?.focus();
  }

  row(item, data, now) {
    const done = this.done.has(item.pointer);
    const there = get(data, item.pointer);
    const value = item.list ? `${count(there?.length ?? 0)} rows` : said(there);
    const why = now.changed ? now.why || "changed by you" : done ? "looked at" : item.why || "";
    const go = button(this.hooks.words(item.pointer), () => this.hooks.go(item.pointer), { class: "link", data: { pointer: item.pointer } });
    return element("li", { class: done ? "done" : "" }, [
      go, element("span", { class: "value", text: value === "" ? "empty" : short(value, 40), dir: "auto" }),
      element("span", { class: "why", text: why }),
    ]);
  }

  /** The errors, as links to their fields. @param {Array<{pointer: string, message: string}>} errors */
  wrong(errors) {
    const sign = JSON.stringify(errors);
    if (sign === this.said) return;
    this.said = sign;
    this.alert.hidden = errors.length === 0;
    if (errors.length === 0) return void this.alert.replaceChildren();
    const title = errors.length === 1 ? "1 thing is not right yet" : `${errors.length} things are not right yet`;
    this.alert.replaceChildren(element("h3", { text: title }), element("ul", {}, errors.slice(0, 50).map((error) =>
      element("li", {}, [
        button(this.hooks.words(error.pointer), () => this.hooks.go(error.pointer), { class: "link" }), ": ",
        element("span", { text: error.message, dir: "auto" }),
      ]))));
  }
}
