// What is decided of a document: once at a time, undone where it was wrong, and settled where another was faster.

import * as api from "./api.js";
import * as dialogs from "./dialogs.js";
import { by } from "./frame.js";
import { address } from "./queue.js";

const BUTTONS = ["accept", "reject", "reopen", "next", "previous"];
const SAID = { accepted: "Accepted", corrected: "Corrected", rejected: "Rejected", reopened: "Reopened" };

export class Decisions {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.busy = false;
    /** @type {Array<{id: number, revision: number, data: any, name: string}>} */ this.made = [];
  }

  async reject() {
    const { work } = this.app;
    const note = await dialogs.reason(work.sheet.name);
    if (note !== null && this.app.work === work) await this.decide("reject", note);
  }

  /** @param {"accept"|"reject"|"reopen"} decision */
  async decide(decision, note = "") {
    const { work } = this.app;
    if (this.busy || !work || !(await this.app.people.known()) || this.busy) return;
    this.wait(true);
    this.app.messages.fine();
    const body = { based: work.revision, attempt: work.attempt, decision, note, ...(decision === "accept" ? { data: work.data } : {}) };
    try {
      const { revision, tally } = await api.revise(work.id, body);
      this.wait(false);
      await this.done(work, revision, tally);
    } catch (error) {
      this.wait(false);
      await this.refused(error, work, () => this.decide(decision, note));
    }
  }

  wait(busy) {
    this.busy = busy;
    for (const id of BUTTONS) by(id).disabled = busy;
    document.body.classList.toggle("saving", busy);
  }

  async done(work, revision, tally) {
    const { app } = this;
    app.drafts.drop(work.id, work.revision);
    app.tally(tally);
    app.queue.decided(work.id, revision.decision, revision.who);
    if (revision.decision === "reopened") return app.navigation.open(work.id);
    this.made.push({ id: work.id, revision: revision.number, data: work.data, name: work.sheet.name });
    work.revision = revision.number;
    app.messages.tell(`${SAID[revision.decision]}: ${dialogs.brief(work.sheet.name)}`, [["Undo (Alt+U)", () => this.undo()]]);
    const id = await app.navigation.following?.catch(() => null);
    if (app.work !== work) return undefined; // somebody went on by themselves
    if (id === null || id === undefined || id === work.id) {
      app.navigation.nothing("That was the last one.");
      return app.navigation.open(work.id);
    }
    location.hash = address(id, app.queue.view);
    return undefined;
  }

  async refused(error, work, again) {
    const { app } = this;
    if (error.status === 409 && error.body.latest) return this.overtaken(work, error.body.latest);
    if (error.status === 409) return this.anew(work, error);
    if (error.status === 422 && Array.isArray(error.body.errors)) {
      work.errors = error.body.errors;
      app.decorate();
      const first = work.errors[0];
      if (first) app.go(first.pointer);
      return app.messages.tell("Not saved: something is not right yet.");
    }
    return app.failed(error, again);
  }

  async overtaken(work, latest) {
    const { app } = this;
    const chosen = await dialogs.conflict(latest, (pointer) => app.form.words(pointer));
    if (chosen === null || app.work !== work) return;
    const mine = work.data;
    const dirty = work.dirty;
    app.drafts.drop(work.id, work.revision);
    this.wait(true); // what is decided now would be of what was there before
    try {
      const sheet = await api.sheet(work.id);
      app.navigation.forget(work.id);
      app.show(sheet, chosen === "mine" ? mine : undefined);
      if (chosen === "theirs" && dirty) app.messages.tell("Yours is kept aside.", [["Put mine back", () => app.show(sheet, mine)]]);
    } catch (error) {
      app.drafts.keep(work.id, work.revision, mine);
      app.failed(error, () => this.overtaken(work, latest));
    } finally {
      this.wait(false);
    }
  }

  // It was extracted again: what stands there now is to be looked at, and what was entered can be put back.
  async anew(work, error) {
    const { app } = this;
    const mine = work.data;
    const dirty = work.dirty;
    this.wait(true);
    try {
      app.navigation.forget(work.id);
      const sheet = await api.sheet(work.id);
      if (app.work !== work) return;
      app.drafts.drop(work.id, work.revision);
      app.show(sheet);
      const back = dirty ? [["Put mine back", () => app.show(sheet, mine)]] : [];
      app.messages.tell(error.message, back);
    } catch (failed) {
      app.failed(failed, () => this.anew(work, error));
    } finally {
      this.wait(false);
    }
  }

  /** Takes the last decision back: the document is opened with what was entered. */
  async undo() {
    const { app } = this;
    const last = this.made.at(-1);
    if (!last || this.busy || !(await app.people.known())) return app.messages.tell("There is no decision to undo.");
    this.wait(true);
    try {
      const { revision, tally } = await api.revise(last.id, { based: last.revision, decision: "reopen", note: "" });
      this.made.pop();
      app.tally(tally);
      app.queue.decided(last.id, "reopened", "");
      app.navigation.forget(last.id);
      app.drafts.keep(last.id, revision.number, last.data);
      app.messages.tell(`Open again: ${dialogs.brief(last.name)}`);
      if (app.work?.id === last.id) return await app.navigation.open(last.id);
      location.hash = address(last.id, app.queue.view);
    } catch (error) {
      if (error.status === 409) this.made.pop();
      app.failed(error);
    } finally {
      this.wait(false);
    }
    return undefined;
  }
}
