// What each key and button does.

import * as dialogs from "./dialogs.js";
import { arrows, by, isNarrow, showSide } from "./frame.js";
import { match } from "./keys.js";
import { addRow, moveRow, removeRow } from "./lists.js";
import { above, parts } from "./pointer.js";

const WITHOUT_DOCUMENT = ["help", "queue", "search", "undoDecision"];

export class Commands {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.does = this.table();
  }

  /** What is done, by the names of `KEYS`. @returns {Object<string, () => void>} */
  table() {
    const { app } = this;
    const row = (run) => () => { const at = this.row(); if (at) run(at); };
    return {
      accept: () => app.decisions.decide("accept"), reject: () => app.decisions.reject(),
      next: () => app.navigation.step(1), previous: () => app.navigation.step(-1), undoDecision: () => app.decisions.undo(),
      doubtful: () => this.doubtful(1), doubtfulBack: () => this.doubtful(-1), side: () => this.side(),
      undo: () => app.turn("undo"), redo: () => app.turn("redo"),
      addRow: row(({ list, index }) => addRow(app.form, list, index < 0 ? app.form.value(list).length : index + 1)),
      removeRow: row(({ list, index }) => { if (index >= 0) removeRow(app.form, list, index); }),
      rowUp: row(({ list, index, name }) => { if (index >= 0) moveRow(app.form, list, index, -1, name); }),
      rowDown: row(({ list, index, name }) => { if (index >= 0) moveRow(app.form, list, index, 1, name); }),
      queue: () => this.openQueue(), help: () => dialogs.help(),
      search: () => { this.openQueue(true); app.queue.controls.search.focus(); },
    };
  }

  listen() {
    const { app, does } = this;
    for (const id of ["reject", "undo", "redo", "previous", "next", "accept"]) by(id).addEventListener("click", (event) => {
      // The second click of two was not meant for the document that has come meanwhile.
      if (event.detail < 2 || (id !== "accept" && id !== "reject")) does[id]();
    });
    by("reopen").addEventListener("click", () => app.decisions.decide("reopen"));
    by("queue-button").addEventListener("click", does.queue);
    by("help-button").addEventListener("click", does.help);
    by("past-button").addEventListener("click", () => dialogs.past(app.work?.sheet.revisions || [], (pointer) => app.form.words(pointer)));
    for (const tab of by("tabs").children) tab.addEventListener("click", () => showSide(tab.dataset.side));
    arrows(by("tabs"));
    addEventListener("keydown", (event) => this.key(event));
    for (const link of document.querySelectorAll(".skip")) link.addEventListener("click", (event) => {
      event.preventDefault(); // the address says which document it is
      const pane = by(link.hash.slice(1));
      if (pane.id === "queue-pane") this.openQueue(true);
      pane.focus();
    });
  }

  key(event) {
    const { app } = this;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return this.escape();
    const name = match(event);
    if (name) {
      event.preventDefault();
      // Who is looking for another document does not see what they would decide of.
      if (["accept", "reject"].includes(name) && by("queue-pane").contains(document.activeElement)) {
        app.messages.tell("Nothing was decided: the queue has the focus.", [["To the form", () => app.begin()]]);
      } else if (app.work || WITHOUT_DOCUMENT.includes(name)) this.does[name]();
      return;
    }
    const plain = event.key === "Enter" && !event.ctrlKey && !event.altKey && !event.shiftKey && !event.isComposing;
    if (!plain || !event.target.matches("#form input, #form select")) return;
    event.preventDefault();
    app.tick(app.field);
    this.after(event.target);
  }

  escape() {
    by("menu").open = false;
    if (document.body.classList.contains("queue-open")) this.openQueue(false);
  }

  // The field after this one.
  after(control) {
    const all = [...by("form").querySelectorAll("input:not(.native, [readonly]), select, textarea")];
    const to = all[all.indexOf(control) + 1];
    if (!to) return by("accept").focus();
    to.focus();
    to.select?.();
  }

  doubtful(direction) {
    const { app } = this;
    const from = app.look.items.some((item) => item.pointer === app.field) ? app.field : null;
    const to = app.look.next(from, direction);
    if (from !== null) app.tick(from);
    if (to !== null) app.go(to);
  }

  // The row that has the focus: its list, its number (-1 for the list itself) and the member.
  row() {
    const { field, form } = this.app;
    let name = null;
    for (let at = field; at !== null && at !== undefined; at = above(at)) {
      if (Array.isArray(form.value(at))) return { list: at, index: name === null ? -1 : Number(parts(name).at(-1)), name: this.member(name) };
      name = at;
    }
    return null;
  }

  member(row) {
    const { field } = this.app;
    return field !== row && row && above(field) === row ? parts(field).at(-1) : null;
  }

  side() {
    const inside = by("document-side").contains(document.activeElement);
    if (isNarrow()) showSide(inside ? "form" : "document");
    if (!inside) by("document-pane").focus();
    else this.app.form.focus(this.app.field ?? "", false);
  }

  openQueue(open = !document.body.classList.contains("queue-open")) {
    document.body.classList.toggle("queue-open", open);
    by("queue-button").setAttribute("aria-expanded", String(open));
    if (isNarrow()) showSide(open ? "queue" : "form");
    if (open) this.app.queue.list.querySelector("[aria-current]")?.focus();
    else by("queue-button").focus();
  }
}
