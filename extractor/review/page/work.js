// The document that is open: what was extracted, what a person made of it, and what the server says of that.

import * as api from "./api.js";
import { History } from "./history.js";
import { same } from "./numbers.js";
import { above, get, put, within } from "./pointer.js";

const PAUSE = 250; // milliseconds without typing, after which it is checked

export class Work {
  /**
   * @param {any} sheet @param {any} empty what a new value begins with @param {any} [mine] edits that were not accepted
   * @param {{changed: () => void, checked: () => void, mended: (pointers: string[]) => void, failed: (error: Error) => void,
   *   focused: () => string|null}} hooks
   */
  constructor(sheet, empty, mine, hooks) {
    this.sheet = sheet;
    this.hooks = hooks;
    this.id = sheet.id;
    this.revision = sheet.revision;
    this.attempt = sheet.attempt; // which extraction this is: another one would be news
    this.clean = sheet.data ?? empty;
    this.history = new History(mine === undefined ? this.clean : mine);
    this.fields = sheet.fields || {};
    this.doubtful = sheet.doubtful || [];
    this.errors = sheet.errors || [];
    this.mended = new Map(); // what the server said it made of a value
    this.made = null; // the last answer's data, for what is being typed
    this.number = 0;
    this.closed = false;
    if (mine !== undefined) this.check(0);
  }

  get data() {
    return this.history.data;
  }

  /** Whether there is something that was not accepted. */
  get dirty() {
    return !same(this.data, this.clean);
  }

  /** Puts a value at a place (undefined: nothing there). */
  edit(pointer, value, what, typing) {
    const data = put(this.data, pointer, value);
    this.history.step(data, pointer, what, typing);
    this.stale(pointer, typing);
    this.check(typing ? PAUSE : 0);
    this.hooks.changed();
  }

  // What was known of a place no longer holds: of rows that moved, nothing is known until the answer comes.
  stale(pointer, leaf) {
    for (const each of [...this.mended.keys()]) if (within(each, pointer)) this.mended.delete(each);
    this.made = null;
    this.doubtful = this.doubtful.filter((each) => !within(each.pointer, pointer));
    if (leaf) return;
    this.fields = Object.fromEntries(Object.entries(this.fields).filter(([each]) => each === pointer || !within(each, pointer)));
    this.errors = this.errors.filter((error) => !within(error.pointer, pointer));
  }

  /** @param {"undo"|"redo"} way @returns {string|null} where it was */
  turn(way) {
    const step = this.history[way]();
    if (!step) return null;
    this.stale(step.at, false);
    this.check(0);
    this.hooks.changed();
    return step.at;
  }

  check(pause) {
    clearTimeout(this.waiting);
    this.asking?.abort();
    this.number += 1;
    const number = this.number;
    this.waiting = setTimeout(() => this.ask(number), pause);
  }

  async ask(number) {
    this.asking = new AbortController();
    try {
      const answer = await api.check(this.id, this.data, this.asking.signal);
      if (number !== this.number || this.closed) return;
      Object.assign(this, { errors: answer.errors, fields: answer.fields, doubtful: answer.doubtful, made: answer });
      this.settle();
      this.hooks.checked();
    } catch (error) {
      if (error.name !== "AbortError" && number === this.number && !this.closed) this.hooks.failed(error);
    }
  }

  /** Shows what the server made of values, but not of the one that is being typed. */
  settle() {
    if (!this.made) return;
    const focused = this.hooks.focused();
    const left = [];
    const done = [];
    for (const each of this.made.mended || []) {
      if (each.pointer === focused) left.push(each);
      else done.push(each);
    }
    let data = this.data;
    const shown = [];
    for (const { pointer, said } of done) {
      const now = get(this.made.data, pointer);
      if (now === undefined || (pointer !== "" && get(data, above(pointer)) === undefined)) continue;
      this.mended.set(pointer, said);
      if (same(get(data, pointer), now)) continue;
      data = put(data, pointer, now);
      shown.push(pointer);
    }
    this.made = left.length ? { ...this.made, mended: left } : null;
    if (shown.length === 0) return;
    this.history.mend(data);
    this.hooks.mended(shown);
  }

  /** What a place was as it was extracted, where that can be told. */
  before(pointer) {
    const old = this.sheet.extracted ?? (this.sheet.state === "done" ? this.sheet.data : undefined);
    if (old === undefined || old === null) return { changed: false };
    for (let at = above(pointer); at !== null; at = above(at)) {
      const [then, now] = [get(old, at), get(this.data, at)];
      if (then === undefined || then === null) return { changed: false };
      if (Array.isArray(then) && then.length !== now?.length) return { changed: false };
    }
    const [then, now] = [get(old, pointer), get(this.data, pointer)];
    return { changed: !same(then ?? null, now ?? null), before: then };
  }

  /** Whether a place is other than it was when the document was opened, or last decided. */
  changed(pointer) {
    return !same(get(this.data, pointer) ?? null, get(this.clean, pointer) ?? null);
  }

  close() {
    this.closed = true;
    clearTimeout(this.waiting);
    this.asking?.abort();
  }
}
