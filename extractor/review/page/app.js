// The page as a whole: which document is open, what is decided of it, and what each key and button does.

import * as api from "./api.js";
import { Decisions } from "./decisions.js";
import * as dialogs from "./dialogs.js";
import { Drafts } from "./drafts.js";
import { element, shown } from "./elements.js";
import { Form } from "./form.js";
import { arrows, by, isNarrow, label, showSide, showTally } from "./frame.js";
import { match } from "./keys.js";
import { addRow, moveRow, removeRow } from "./lists.js";
import { Look } from "./look.js";
import { above, differs, get, inserted, parts } from "./pointer.js";
import { address, Queue, readAddress } from "./queue.js";
import { View } from "./view.js";
import { Work } from "./work.js";

const HERE = 20000; // milliseconds between two questions about who else is here

export class App {
  /** @param {any} job */
  constructor(job) {
    this.job = job;
    this.who = sessionStorage.getItem("who") ?? job.who ?? "";
    api.am(this.who);
    this.drafts = new Drafts(job.job, job.run);
    this.messages = new dialogs.Messages(by("calm"), by("loud"));
    const failed = (error) => this.failed(error);
    this.view = new View({ target: () => this.target(), fill: (pointer, text) => this.fill(pointer, text), failed,
      go: (pointer) => this.go(pointer), typing: () => by("form").contains(document.activeElement) });
    this.form = new Form(by("form"), { ...job.form, name: job.target }, { edit: (...edit) => this.work.edit(...edit),
      drawn: () => this.decorate(), removed: (...row) => this.removed(...row) });
    this.look = new Look(by("look"), by("alert"), { go: (pointer) => this.go(pointer), words: (pointer) => this.form.words(pointer) });
    this.queue = new Queue(by("queue-pane"), { go: (id, view) => { location.hash = address(id, view); },
      open: (id, view) => this.pick(id, view), failed, tally: (tally) => this.tally(tally) });
    this.decisions = new Decisions(this);
    this.ahead = new Map(); // documents that were fetched before they are asked for
    this.work = null;
    this.field = null; // the field that has, or had, the focus
    this.number = 0;
  }

  start() {
    const { job } = this;
    by("job").textContent = shown(job.job);
    document.title = `${shown(job.job)} – review`;
    by("target").textContent = shown(job.target || "Form");
    by("notice").hidden = !job.notice;
    by("notice").textContent = job.notice ? shown(job.notice) : "";
    this.named();
    for (const [id, text, key] of [["reject", "Reject", "reject"], ["reopen", "Reopen", "undoDecision"], ["undo", "Undo", "undo"],
      ["redo", "Redo", "redo"], ["previous", "Previous", "previous"], ["next", "Next", "next"],
      ["accept", job.by_hand ? "Save and next" : "Accept", "accept"]]) label(id, text, key);
    this.tally(job.tally);
    this.listen();
    showSide("form");
    this.address();
  }

  listen() {
    const does = this.does();
    for (const id of ["reject", "undo", "redo", "previous", "next", "accept"]) by(id).addEventListener("click", (event) => {
      // The second click of two was not meant for the document that has come meanwhile.
      if (event.detail < 2 || (id !== "accept" && id !== "reject")) does[id]();
    });
    by("reopen").addEventListener("click", () => this.decisions.decide("reopen"));
    by("queue-button").addEventListener("click", does.queue);
    by("help-button").addEventListener("click", does.help);
    by("past-button").addEventListener("click", () => dialogs.past(this.work?.sheet.revisions || [], (pointer) => this.form.words(pointer)));
    by("who-button").addEventListener("click", () => this.rename());
    for (const tab of by("tabs").children) tab.addEventListener("click", () => showSide(tab.dataset.side));
    arrows(by("tabs"));
    addEventListener("hashchange", () => this.address());
    addEventListener("keydown", (event) => this.key(event, does));
    addEventListener("beforeunload", (event) => { if (this.drafts.all().size) event.preventDefault(); });
    document.addEventListener("visibilitychange", () => this.here());
    setInterval(() => this.here(), HERE);
    for (const link of document.querySelectorAll(".skip")) link.addEventListener("click", (event) => {
      event.preventDefault(); // the address says which document it is
      const pane = by(link.hash.slice(1));
      if (pane.id === "queue-pane") this.openQueue(true);
      pane.focus();
    });
    const form = by("form");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("focusin", (event) => this.focused(event.target));
    form.addEventListener("focusout", () => { this.work?.history.pause(); setTimeout(() => this.work?.settle()); });
    form.addEventListener("pointerover", (event) => this.hover(event.target));
    form.addEventListener("pointerleave", () => this.hover(null));
  }

  /** What each key does. */
  does() {
    const row = (run) => () => { const at = this.row(); if (at) run(at); };
    return {
      accept: () => this.decisions.decide("accept"), reject: () => this.decisions.reject(),
      next: () => this.step(1), previous: () => this.step(-1), undoDecision: () => this.decisions.undo(),
      doubtful: () => this.doubtful(1), doubtfulBack: () => this.doubtful(-1), side: () => this.side(),
      undo: () => this.turn("undo"), redo: () => this.turn("redo"),
      addRow: row(({ list, index }) => addRow(this.form, list, index < 0 ? this.form.value(list).length : index + 1)),
      removeRow: row(({ list, index }) => { if (index >= 0) removeRow(this.form, list, index); }),
      rowUp: row(({ list, index, name }) => { if (index >= 0) moveRow(this.form, list, index, -1, name); }),
      rowDown: row(({ list, index, name }) => { if (index >= 0) moveRow(this.form, list, index, 1, name); }),
      queue: () => this.openQueue(), help: () => dialogs.help(),
      search: () => { this.openQueue(true); this.queue.controls.search.focus(); },
    };
  }

  key(event, does) {
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return this.escape();
    const name = match(event);
    if (name) {
      event.preventDefault();
      // Who is looking for another document does not see what they would decide of.
      if (["accept", "reject"].includes(name) && by("queue-pane").contains(document.activeElement)) {
        this.messages.tell("Nothing was decided: the queue has the focus.", [["To the form", () => this.begin()]]);
      } else if (this.work || ["help", "queue", "search", "undoDecision"].includes(name)) does[name]();
      return;
    }
    const plain = event.key === "Enter" && !event.ctrlKey && !event.altKey && !event.shiftKey && !event.isComposing;
    if (!plain || !event.target.matches("#form input, #form select")) return;
    event.preventDefault();
    this.tick(this.field);
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

  // ------------------------------------------------------------------------------- which document

  address() {
    const { id, view } = readAddress(location.hash);
    const other = JSON.stringify(view) !== JSON.stringify(this.queue.view);
    this.queue.show(view, id);
    if (this.tallied) showTally(this.tallied, view);
    if (id === null) return this.first(view);
    if (this.work?.id !== id) this.open(id);
    else if (other) this.fetchAhead(); // the next one is another in another view
  }

  async first(view) {
    try {
      const { id } = await api.next(view, null, 1);
      if (readAddress(location.hash).id !== null) return; // somebody went elsewhere meanwhile
      if (id !== null) history.replaceState(null, "", address(id, view));
      if (id !== null) return this.address();
      this.nothing(view.show === "open" && !view.search ? "All of it is reviewed." : "There is no such document", view);
    } catch (error) {
      this.failed(error, () => this.first(view));
    }
  }

  /** There is nothing more, in a view: where it is one of a search, that may be why. */
  nothing(text, view = this.queue.view) {
    const found = view.search ? `${text.replace(/\.$/, "")} of those found by “${dialogs.brief(view.search)}”.` : text.replace(/[^.]$/, "$&.");
    if (!this.work) by("name").textContent = shown(found);
    const clear = () => { location.hash = address(this.work?.id ?? null, { ...view, search: "" }); };
    if (this.work || view.search) this.messages.tell(found, view.search ? [["Clear the search", clear]] : []);
    document.body.classList.add("ready");
  }

  async open(id, mine) {
    this.number += 1;
    const number = this.number;
    document.body.classList.add("loading");
    try {
      const sheet = await (this.ahead.get(id) || api.sheet(id));
      this.ahead.delete(id);
      if (number === this.number) this.show(sheet, mine);
    } catch (error) {
      this.ahead.delete(id);
      if (number !== this.number) return;
      if (error.status === 404) this.missing(error);
      else this.failed(error, () => this.open(id, mine));
    } finally {
      document.body.classList.remove("loading");
    }
  }

  // An address of a document that is not there.
  missing(error) {
    if (!this.work) by("name").textContent = "There is no such document.";
    const first = () => { location.hash = address(null, { ...this.queue.view, show: "open", search: "" }); };
    this.failed(error, null, [["To the first open one", first]]);
  }

  // A document of the queue: also the one that is open already.
  pick(id, view) {
    location.hash = address(id, view);
    if (isNarrow()) showSide("form");
    if (this.work?.id === id) this.begin();
  }

  /** Shows a document. @param {any} sheet @param {any} [mine] what to begin with in place of its data */
  show(sheet, mine = this.drafts.find(sheet.id, sheet.revision)?.data) {
    this.work?.close();
    this.field = null;
    this.messages.fine();
    this.gone?.remove(); // the message of a row that was removed in another document
    this.work = new Work(sheet, this.form.empty(this.job.form.root), mine, {
      changed: () => this.changed(), checked: () => this.checked(), failed: (error) => this.failed(error),
      mended: (pointers) => { for (const each of pointers) this.form.show(each, this.work.data); },
      focused: () => (by("form").contains(document.activeElement) ? this.field : null),
    });
    this.form.opened.clear();
    this.form.draw(this.work.data);
    const lists = (sheet.lists || []).map((each) => ({ pointer: each.pointer, why: each.message, list: true }));
    const known = new Set(lists.map((each) => each.pointer));
    this.look.begin([...lists, ...this.changeable(this.work.doubtful).filter((each) => !known.has(each.pointer))]);
    this.view.draw(sheet, this.work.fields);
    by("form-pane").scrollTop = 0;
    this.about(sheet);
    this.keep();
    this.decorate();
    this.queue.mark(sheet.id, this.drafts.all());
    this.begin();
    this.others({ here: sheet.here, latest: sheet.revision });
    this.fetchAhead();
    this.here();
    document.body.classList.add("ready");
  }

  about(sheet) {
    by("name").textContent = shown(sheet.name);
    by("name").title = shown((sheet.names || []).join("\n"));
    const said = { accepted: "accepted", corrected: "corrected", rejected: "rejected" }[sheet.decision];
    const last = sheet.revisions?.at(-1);
    by("state").dataset.decision = sheet.decision || "";
    by("state").textContent = said ? shown(dialogs.happened(last || { decision: sheet.decision })) : sheet.state === "failed" ? "failed" : "";
    by("reopen").hidden = !said;
    by("failure").hidden = !sheet.error;
    if (!sheet.error) return;
    const told = [element("p", { text: `It failed: ${sheet.error.message}`, dir: "auto" }), dialogs.aside(sheet.error.hint)];
    by("failure").replaceChildren(...told.filter(Boolean));
  }

  begin() {
    if (isNarrow() || document.querySelector("dialog[open]")) return;
    const first = this.look.items.find((item) => !item.list && !this.look.done.has(item.pointer)) ?? this.look.items[0];
    if (first) this.form.focus(first.pointer);
    else this.form.focus("", Boolean(this.job.by_hand));
  }

  async fetchAhead() {
    const { id } = this.work;
    this.following = api.next(this.queue.view, id, 1).then((got) => {
      if (got.id !== null && got.id !== id && !this.ahead.has(got.id)) {
        this.ahead.clear();
        const sheet = api.sheet(got.id);
        sheet.catch(() => this.ahead.delete(got.id));
        this.ahead.set(got.id, sheet);
      }
      return got.id;
    });
    this.following.catch(() => {});
  }

  async step(by_) {
    if (!this.work) return;
    try {
      const id = by_ > 0 ? await this.following.catch(() => api.next(this.queue.view, this.work.id, 1).then((got) => got.id))
        : (await api.next(this.queue.view, this.work.id, -1)).id;
      if (id === null || id === this.work.id) return this.nothing(by_ > 0 ? "That was the last one." : "That is the first one.");
      location.hash = address(id, this.queue.view);
    } catch (error) {
      this.failed(error, () => this.step(by_));
    }
  }

  // ------------------------------------------------------------------------------------- the form

  changed() {
    const { work } = this;
    const step = work.history.past.at(-1);
    if (step && work.history.going !== step.at && work.history.future.length === 0) this.form.show(step.at, work.data);
    else this.form.data = work.data;
    if (step) this.tick(step.at, false);
    this.keep();
    this.decorate();
  }

  checked() {
    this.look.update(this.changeable(this.work.doubtful));
    this.view.mark(this.work.fields);
    this.decorate();
  }

  // Those that can be other than they are.
  changeable(doubtful) {
    return doubtful.filter(({ pointer }) => !(this.job.by_hand && this.isEmpty(pointer)) && this.form.resolve(this.form.places.get(pointer)?.node).kind !== "constant");
  }

  isEmpty(pointer) {
    return ["", null, undefined].includes(get(this.work.data, pointer));
  }

  decorate() {
    const { work } = this;
    const errors = new Map();
    for (const error of work.errors) {
      let at = error.pointer;
      while (at && !this.form.places.has(at)) at = above(at);
      errors.set(at, [...(errors.get(at) || []), at === error.pointer ? error.message : `${this.form.words(error.pointer)}: ${error.message}`]);
    }
    const doubts = new Map(work.doubtful.map((each) => [each.pointer, each]));
    for (const list of work.sheet.lists || []) if (!doubts.has(list.pointer)) errors.set(list.pointer, [...(errors.get(list.pointer) || []), list.message]);
    this.form.decorate((place) => {
      const { changed, before } = place.leaf ? work.before(place.pointer) : { changed: false };
      return { errors: place.pointer === "" && !place.leaf ? [] : errors.get(place.pointer) || [],
        field: work.fields[place.pointer], empty: this.isEmpty(place.pointer), byHand: Boolean(this.job.by_hand), doubt: this.look.done.has(place.pointer) ? null : doubts.get(place.pointer),
        changed, before, mended: work.mended.get(place.pointer),
        back: () => { this.form.edit(place.pointer, before, "put back"); this.form.focus(place.pointer); } };
    });
    this.look.draw(work.data, work.errors, (pointer) => ({ changed: work.changed(pointer), why: doubts.get(pointer)?.why }));
    this.look.wrong(work.errors);
    by("undo").disabled = work.history.past.length === 0;
    by("redo").disabled = work.history.future.length === 0;
  }

  keep() {
    const { work } = this;
    if (work.dirty) this.drafts.keep(work.id, work.revision, work.data);
    else this.drafts.drop(work.id, work.revision);
    document.body.classList.toggle("unsaved", work.dirty);
    this.queue.mark(work.id, this.drafts.all());
  }

  turn(way) {
    const old = this.work.data;
    const at = this.work.turn(way);
    if (at === null) return;
    this.form.redraw(at, this.work.data);
    this.decorate();
    this.form.focus(differs(at, old, this.work.data), false);
  }

  focused(target) {
    const pointer = target.closest("[data-pointer]")?.dataset.pointer;
    if (pointer === undefined) return;
    this.field = pointer;
    this.view.light(pointer);
  }

  hover(target) {
    const pointer = target?.closest(".field, .row")?.dataset.pointer ?? this.field;
    clearTimeout(this.hovering);
    this.hovering = setTimeout(() => this.view.light(pointer ?? null), 150);
  }

  target() {
    const place = this.field === null ? null : this.form.places.get(this.field);
    if (!place) return null;
    return { pointer: this.field, label: place.info.label || this.form.words(this.field) };
  }

  async fill(pointer, text) {
    const { work } = this;
    const list = Array.isArray(this.form.value(pointer)) ? pointer : null;
    try {
      const at = list === null ? pointer : `${pointer}/${this.form.value(pointer).length}`;
      const { value } = await api.read(work.id, at, text);
      if (this.work !== work) return;
      this.form.edit(at, value, `fill ${this.form.words(at)}`);
      if (list !== null) this.form.redraw(list, work.data);
      this.decorate();
      if (isNarrow()) showSide("form");
      this.form.focus(at, false);
    } catch (error) {
      this.failed(error, () => this.fill(pointer, text));
    }
  }

  go(pointer) {
    if (isNarrow()) showSide("form");
    const isList = this.look.items.some((item) => item.list && item.pointer === pointer);
    if (!isList || !this.form.focusAdd(pointer)) this.form.focus(pointer);
    const it = isList ? document.activeElement : this.form.places.get(pointer)?.element || document.activeElement;
    it?.scrollIntoView({ block: "nearest" });
  }

  doubtful(by_) {
    const from = this.look.items.some((item) => item.pointer === this.field) ? this.field : null;
    const to = this.look.next(from, by_);
    if (from !== null) this.tick(from);
    if (to !== null) this.go(to);
  }

  // A row was removed: that is easily done, and not easily seen.
  removed(list, index, row) {
    const { work } = this;
    const step = work.history.past.at(-1);
    this.gone = this.messages.tell(`Row ${index + 1} removed`, [["Undo", () => {
      if (this.work !== work) return;
      if (work.history.past.at(-1) === step) return void this.turn("undo");
      this.form.edit(list, inserted(this.form.value(list) || [], index, row), "put a row back");
      this.form.focus(`${list}/${index}`);
    }]]);
  }

  tick(pointer, draw = true) {
    if (this.look.tick(pointer) && draw) this.decorate();
  }

  // The row that has the focus: its list, its number (-1 for the list itself) and the member.
  row() {
    let name = null;
    for (let at = this.field; at !== null && at !== undefined; at = above(at)) {
      if (Array.isArray(this.form.value(at))) return { list: at, index: name === null ? -1 : Number(parts(name).at(-1)), name: this.member(name) };
      name = at;
    }
    return null;
  }

  member(row) {
    return this.field !== row && row && above(this.field) === row ? parts(this.field).at(-1) : null;
  }

  side() {
    const inside = by("document-side").contains(document.activeElement);
    if (isNarrow()) showSide(inside ? "form" : "document");
    if (!inside) by("document-pane").focus();
    else this.form.focus(this.field ?? "", false);
  }

  // -------------------------------------------------------------------------------------- the rest

  openQueue(open = !document.body.classList.contains("queue-open")) {
    document.body.classList.toggle("queue-open", open);
    by("queue-button").setAttribute("aria-expanded", String(open));
    if (isNarrow()) showSide(open ? "queue" : "form");
    if (open) this.queue.list.querySelector("[aria-current]")?.focus();
    else by("queue-button").focus();
  }

  tally(tally) {
    this.tallied = tally;
    showTally(tally, this.queue?.view || { show: "open", order: "doubt", search: "" });
  }

  named() {
    by("who-button").textContent = this.who ? shown(this.who) : "Who are you?";
    by("who-button").title = "Your name is kept with what you decide";
  }

  async rename() {
    const name = await dialogs.name(this.who);
    if (name === null) return;
    this.who = name;
    try { sessionStorage.setItem("who", name); } catch { /* it holds until the page is closed */ }
    api.am(name);
    this.named();
  }

  async here() {
    if (!this.work || document.hidden) return;
    const { work } = this;
    const known = await api.here(work.id).catch(() => null);
    if (known && this.work === work) this.others(known);
  }

  others({ here = [], latest, attempt, decision, who }) {
    const { work } = this;
    const anew = attempt > work.attempt;
    const overtaken = anew || latest > work.revision;
    const text = anew ? "It was extracted again meanwhile." : overtaken ? `${who || "Somebody"} has ${decision || "changed"} it meanwhile.` : here.length ? `${here.join(", ")} ${here.length > 1 ? "have" : "has"} this open, too.` : "";
    if (text === this.told) return;
    this.told = text;
    this.decisions.banner(text, overtaken);
  }

  /** Something failed: what was entered stays. @param {() => void} [again] */
  failed(error, again = null, actions = []) {
    document.body.classList.add("ready");
    const answered = error.status !== 0; // without an answer it is for the person at the page
    const text = answered ? error.message : `${error.message} ${error.hint || ""}`.trim();
    this.messages.wrong(text, again ? [["Try again", again]] : actions, answered ? error.hint : "");
  }
}
