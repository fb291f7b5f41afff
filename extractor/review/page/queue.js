// The documents to look at: which of them, in which order, with what was said of them; more are loaded as one scrolls.

import * as api from "./api.js";
import { count, element } from "./elements.js";

/** What can be shown, with the words for it. */
export const SHOWN = {
  open: "Open", doubtful: "Doubtful", failed: "Failed", accepted: "Accepted", corrected: "Corrected", rejected: "Rejected", all: "All",
};
const ORDERS = { doubt: "most doubtful first", input: "as in the input", name: "by name" };
const MARKS = { accepted: "accepted", corrected: "corrected", rejected: "rejected" };

/** @typedef {{show: string, order: string, search: string}} View */

/** The view and the document that an address says. @param {string} hash @returns {{id: number|null, view: View}} */
export function readAddress(hash) {
  const found = /^#\/([0-9]{0,15})(?:\?(.*))?$/.exec(hash) || [];
  const values = new URLSearchParams(found[2] || "");
  const show = Object.hasOwn(SHOWN, values.get("show")) ? values.get("show") : "open";
  const order = Object.hasOwn(ORDERS, values.get("order")) ? values.get("order") : "doubt";
  return { id: found[1] ? Number(found[1]) : null, view: { show, order, search: values.get("search") || "" } };
}

/** The address of a document in a view. @param {number|null} id @param {View} view */
export function address(id, view) {
  const values = new URLSearchParams({ show: view.show });
  if (view.order !== "doubt") values.set("order", view.order);
  if (view.search) values.set("search", view.search);
  return `#/${id ?? ""}?${values}`;
}

export class Queue {
  /**
   * @param {HTMLElement} root @param {{go: (id: number|null, view: View) => void, open: (id: number, view: View) => void,
   *   failed: (error: Error) => void, tally: (tally: any) => void}} hooks
   */
  constructor(root, hooks) {
    this.root = root;
    this.hooks = hooks;
    this.view = { show: "open", order: "doubt", search: "" };
    this.current = null;
    this.drafts = new Set();
    this.rows = [];
    this.number = 0;
    this.build();
  }

  build() {
    const search = element("input", { type: "search", id: "search", placeholder: "Search names", autocomplete: "off", "aria-label": "Search names" });
    search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.choose({ search: search.value }), 250);
    });
    search.addEventListener("keydown", (event) => this.searching(event));
    const select = (name, options, id) => {
      const it = element("select", { id, "aria-label": name },
        Object.entries(options).map(([value, text]) => element("option", { value, text })));
      return it;
    };
    const show = select("Which documents", SHOWN, "show");
    const order = select("In which order", ORDERS, "order");
    show.addEventListener("change", () => this.choose({ show: show.value }));
    order.addEventListener("change", () => this.choose({ order: order.value }));
    this.controls = { search, show, order };
    this.list = element("ol", { class: "queue-list" });
    this.end = element("p", { class: "dim end" });
    this.scroller = element("div", { class: "queue-scroll" }, [this.list, this.end]);
    this.root.append(element("div", { class: "queue-controls" }, [search, show, order]), this.scroller);
    new IntersectionObserver((seen) => { if (seen.some((each) => each.isIntersecting)) this.more(); },
      { root: this.scroller, rootMargin: "400px" }).observe(this.end);
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("click", (event) => {
      const link = event.target.closest("a[aria-current]"); // the address stays what it is: nothing else would open it
      if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) this.hooks.open(this.current, this.view);
    });
  }

  // In the search Enter opens what is found first, the arrow goes into the list, and Escape looks for nothing any more.
  searching(event) {
    const { search } = this.controls;
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter") this.first(search.value);
    else if (event.key === "ArrowDown") this.enter(search.value);
    else if (event.key === "Escape" && (search.value || this.view.search)) {
      clearTimeout(this.typing);
      search.value = "";
      this.choose({ search: "" });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  async first(search) {
    clearTimeout(this.typing);
    const view = { ...this.view, search };
    try {
      const { rows } = await api.queue(view, undefined, 1);
      if (rows.length) this.hooks.open(rows[0].id, view);
      else this.choose({ search });
    } catch (error) {
      this.hooks.failed(error);
    }
  }

  // Into the list, as soon as it is the one that was asked for.
  enter(search) {
    clearTimeout(this.typing);
    this.entering = search !== this.view.search || (this.busy && this.cursor === undefined);
    if (search !== this.view.search) this.choose({ search });
    if (!this.entering) this.list.querySelector("a")?.focus();
  }

  key(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || event.altKey) return;
    const links = [...this.list.querySelectorAll("a")];
    const to = links[links.indexOf(document.activeElement) + by];
    if (to) to.focus();
    else if (by < 0) this.controls.search.focus();
    event.preventDefault();
  }

  choose(change) {
    this.hooks.go(this.current, { ...this.view, ...change });
  }

  /** Shows a view, from its beginning where it is another. */
  show(view, current) {
    const other = Object.keys(view).some((name) => view[name] !== this.view[name]) || !this.begun;
    this.view = view;
    this.controls.show.value = view.show;
    this.controls.order.value = view.order;
    if (document.activeElement !== this.controls.search) this.controls.search.value = view.search;
    this.mark(current);
    if (other) this.load();
  }

  /** From its beginning. */
  load() {
    this.begun = true;
    this.rows = [];
    this.cursor = undefined;
    this.number += 1;
    this.busy = false;
    return this.more();
  }

  async more() {
    if (this.busy || this.cursor === null || !this.begun) return;
    this.busy = true;
    const number = this.number;
    try {
      const got = await api.queue(this.view, this.cursor);
      if (number !== this.number) return;
      if (this.cursor === undefined) this.list.replaceChildren();
      this.cursor = got.after;
      this.rows.push(...got.rows);
      this.list.append(...got.rows.map((row) => this.row(row)));
      if (this.entering) this.list.querySelector("a")?.focus();
      this.entering = false;
      this.end.textContent = got.after ? "…" : this.rows.length ? `${count(this.rows.length)} shown` : "Nothing here.";
      this.hooks.tally(got.tally);
    } catch (error) {
      if (number === this.number) this.hooks.failed(error);
    } finally {
      if (number === this.number) this.busy = false;
    }
  }

  row(row) {
    const known = MARKS[row.decision] || (row.state === "failed" ? "failed" : row.state === "pending" ? "to enter" : "open");
    const doubt = row.doubtful > 0 && row.state !== "failed" ? `${count(row.doubtful)} to check` : "";
    const here = row.here?.length ? `${row.here.join(", ")} ${row.here.length > 1 ? "have" : "has"} it open` : "";
    const about = [MARKS[row.decision] && row.who ? `${known} by ${row.who}` : known, row.names > 1 && `${row.names} times`, here].filter(Boolean);
    const link = element("a", { href: address(row.id, this.view), data: { id: String(row.id) }, "aria-current": row.id === this.current ? "page" : null }, [
      element("span", { class: "row-name", text: row.name, dir: "auto" }),
      element("span", { class: `row-about d-${row.decision || row.state}`, text: about.join(" · "), dir: "auto" }),
      doubt && !MARKS[row.decision] ? element("span", { class: "row-doubt", text: doubt, title: "Values that are doubtful" }) : null,
    ]);
    return element("li", { class: this.drafts.has(row.id) ? "draft" : "" }, [link]);
  }

  /** Which document is open, and which have edits that were not accepted. */
  mark(current, drafts = this.drafts) {
    this.current = current;
    this.drafts = drafts;
    for (const link of this.list.querySelectorAll("a")) {
      const id = Number(link.dataset.id);
      if (id === current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
      link.parentElement.classList.toggle("draft", drafts.has(id));
    }
    if (current !== null) this.list.querySelector(`a[data-id="${Number(current)}"]`)?.scrollIntoView({ block: "nearest" });
  }

  /** What was said of a document. */
  decided(id, decision, who) {
    const at = this.rows.findIndex((row) => row.id === id);
    if (at < 0) return;
    this.rows[at] = { ...this.rows[at], decision: decision === "reopened" ? null : decision, who };
    this.list.children[at]?.replaceWith(this.row(this.rows[at]));
  }
}
