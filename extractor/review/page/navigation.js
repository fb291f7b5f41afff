// Which document is open: by its address, by the queue, and the next one, which is fetched before it is asked for.

import * as api from "./api.js";
import { brief } from "./dialogs.js";
import { shown } from "./elements.js";
import { by, isNarrow, showSide, showTally } from "./frame.js";
import { address, readAddress } from "./queue.js";

export class Navigation {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    /** @type {Map<number, Promise<any>>} */ this.ahead = new Map(); // documents that were fetched before they are asked for
    /** @type {Promise<number|null>|null} */ this.following = null; // the document after the one that is open
    this.number = 0; // of what was opened: the answer for an earlier one comes too late
  }

  /** Opens what the address says. */
  follow() {
    const { app } = this;
    const { id, view } = readAddress(location.hash);
    const other = JSON.stringify(view) !== JSON.stringify(app.queue.view);
    app.queue.show(view, id);
    if (app.tallied) showTally(app.tallied, view);
    if (id === null) return this.first(view);
    if (app.work?.id !== id) this.open(id);
    else if (other) this.fetchAhead(); // the next one is another in another view
  }

  async first(view) {
    try {
      const { id } = await api.next(view, null, 1);
      if (readAddress(location.hash).id !== null) return; // somebody went elsewhere meanwhile
      if (id !== null) history.replaceState(null, "", address(id, view));
      if (id !== null) return this.follow();
      this.nothing(view.show === "open" && !view.search ? "All of it is reviewed." : "There is no such document", view);
    } catch (error) {
      this.app.failed(error, () => this.first(view));
    }
  }

  /** There is nothing more, in a view: where it is one of a search, that may be why. */
  nothing(text, view = this.app.queue.view) {
    const { work, messages } = this.app;
    const found = view.search ? `${text.replace(/\.$/, "")} of those found by “${brief(view.search)}”.` : text.replace(/[^.]$/, "$&.");
    if (!work) by("name").textContent = shown(found);
    const clear = () => { location.hash = address(this.app.work?.id ?? null, { ...view, search: "" }); };
    if (work || view.search) messages.tell(found, view.search ? [["Clear the search", clear]] : []);
    document.body.classList.add("ready");
  }

  async open(id) {
    this.number += 1;
    const number = this.number;
    document.body.classList.add("loading");
    try {
      const sheet = await (this.ahead.get(id) || api.sheet(id));
      this.ahead.delete(id);
      if (number === this.number) this.app.show(sheet);
    } catch (error) {
      this.ahead.delete(id);
      if (number !== this.number) return;
      if (error.status === 404) this.missing(error);
      else this.app.failed(error, () => this.open(id));
    } finally {
      document.body.classList.remove("loading");
    }
  }

  // An address of a document that is not there.
  missing(error) {
    const { app } = this;
    if (!app.work) by("name").textContent = "There is no such document.";
    const first = () => { location.hash = address(null, { ...app.queue.view, show: "open", search: "" }); };
    app.failed(error, null, [["To the first open one", first]]);
  }

  /** Opens a document of the queue: also the one that is open already. */
  pick(id, view) {
    location.hash = address(id, view);
    if (isNarrow()) showSide("form");
    if (this.app.work?.id === id) this.app.begin();
  }

  async fetchAhead() {
    const { id } = this.app.work;
    this.following = api.next(this.app.queue.view, id, 1).then((got) => {
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

  /** What is known of a document holds no longer: it is fetched again. */
  forget(id) {
    this.ahead.delete(id);
  }

  /** Goes to the next document, or back. @param {1|-1} direction */
  async step(direction) {
    const { work, queue } = this.app;
    if (!work) return;
    const ask = () => api.next(queue.view, work.id, direction).then((got) => got.id);
    try {
      const id = direction > 0 ? await this.following.catch(ask) : await ask();
      if (id === null || id === work.id) return this.nothing(direction > 0 ? "That was the last one." : "That is the first one.");
      location.hash = address(id, queue.view);
    } catch (error) {
      this.app.failed(error, () => this.step(direction));
    }
  }
}
