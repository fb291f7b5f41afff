// The page as a whole: the document that is open, in the form, beside its text, and among the others.

import * as api from "./api.js";
import { Commands } from "./commands.js";
import { Decisions } from "./decisions.js";
import * as dialogs from "./dialogs.js";
import { Drafts } from "./drafts.js";
import { element, shown } from "./elements.js";
import { Form } from "./form.js";
import { by, isNarrow, label, showSide, showTally } from "./frame.js";
import { Look } from "./look.js";
import { Navigation } from "./navigation.js";
import { People } from "./people.js";
import { above, differs, get, inserted } from "./pointer.js";
import { address, Queue } from "./queue.js";
import { View } from "./view.js";
import { Work } from "./work.js";

export class App {
  /** @param {any} job */
  constructor(job) {
    this.job = job;
    this.drafts = new Drafts(job.job, job.run);
    this.messages = new dialogs.Messages(by("calm"), by("loud"));
    const failed = (error) => this.failed(error);
    this.view = new View({ target: () => this.target(), fill: (pointer, text) => this.fill(pointer, text), failed,
      go: (pointer) => this.go(pointer), typing: () => by("form").contains(document.activeElement) });
    this.form = new Form(by("form"), { ...job.form, name: job.target }, { edit: (...edit) => this.work.edit(...edit),
      drawn: () => this.decorate(), removed: (...row) => this.removed(...row) });
    this.look = new Look(by("look"), by("alert"), { go: (pointer) => this.go(pointer), words: (pointer) => this.form.words(pointer) });
    this.queue = new Queue(by("queue-pane"), { go: (id, view) => { location.hash = address(id, view); },
      open: (id, view) => this.navigation.pick(id, view), failed, tally: (tally) => this.tally(tally) });
    this.decisions = new Decisions(this);
    this.navigation = new Navigation(this);
    this.people = new People(this);
    this.commands = new Commands(this);
    this.work = null;
    this.field = null; // the field that has, or had, the focus
  }

  start() {
    const { job } = this;
    by("job").textContent = shown(job.job);
    document.title = `${shown(job.job)} – review`;
    by("target").textContent = shown(job.target || "Form");
    by("notice").hidden = !job.notice;
    by("notice").textContent = job.notice ? shown(job.notice) : "";
    for (const [id, text, key] of [["reject", "Reject", "reject"], ["reopen", "Reopen", "undoDecision"], ["undo", "Undo", "undo"],
      ["redo", "Redo", "redo"], ["previous", "Previous", "previous"], ["next", "Next", "next"],
      ["accept", job.by_hand ? "Save and next" : "Accept", "accept"]]) label(id, text, key);
    this.tally(job.tally);
    this.listen();
    this.commands.listen();
    this.people.listen();
    showSide("form");
    this.navigation.follow();
  }

  listen() {
    addEventListener("hashchange", () => this.navigation.follow());
    addEventListener("beforeunload", (event) => { if (this.drafts.all().size) event.preventDefault(); });
    const form = by("form");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("focusin", (event) => this.focused(event.target));
    form.addEventListener("focusout", () => { this.work?.history.pause(); setTimeout(() => this.work?.settle()); });
    form.addEventListener("pointerover", (event) => this.hover(event.target));
    form.addEventListener("pointerleave", () => this.hover(null));
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
    this.people.tell({ here: sheet.here, latest: sheet.revision });
    this.navigation.fetchAhead();
    this.people.ask();
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

  // -------------------------------------------------------------------------------------- the rest

  tally(tally) {
    this.tallied = tally;
    showTally(tally, this.queue?.view || { show: "open", order: "doubt", search: "" });
  }

  /** Something failed: what was entered stays. @param {() => void} [again] */
  failed(error, again = null, actions = []) {
    document.body.classList.add("ready");
    const answered = error.status !== 0; // without an answer it is for the person at the page
    const text = answered ? error.message : `${error.message} ${error.hint || ""}`.trim();
    this.messages.wrong(text, again ? [["Try again", again]] : actions, answered ? error.hint : "");
  }
}
