// The side of the document: its text or its pages, whichever is shown, and the way from there into a field.

import * as api from "./api.js";
import { DocumentText } from "./document.js";
import { Fill } from "./fill.js";
import { arrows, by } from "./frame.js";
import { DocumentPages } from "./pages.js";

export class View {
  /** @param {{target: () => any, fill: (pointer: string, text: string) => void, go: (pointer: string) => void,
   *   typing: () => boolean, failed: (error: Error) => void}} hooks */
  constructor(hooks) {
    this.hooks = hooks;
    const pane = by("document-pane");
    this.text = new DocumentText(pane, by("text"), { load: (start, end) => api.text(this.id, start, end), failed: hooks.failed });
    this.pages = new DocumentPages(pane, by("pages"), {
      lines: (number) => api.lines(this.id, number), picture: (number, width) => api.picture(this.id, number, width),
    });
    this.shown = "text";
    this.liked = null; // what somebody chose
    this.fill = new Fill(pane, { ...hooks, selected: () => this[this.shown].selected(), clicked: (event) => this.clicked(event) });
    for (const name of ["text", "pages"]) by(`view-${name}`).addEventListener("click", () => { this.liked = name; this.show(name); });
    arrows(by("views"));
  }

  draw(sheet, fields) {
    this.id = sheet.id;
    this.sheet = sheet;
    this.fields = fields;
    this.ready = null;
    this.lit = null;
    by("views").hidden = !sheet.has_pages;
    by("pages").replaceChildren();
    this.text.draw(sheet.text, fields);
    by("document-pane").scrollTo({ top: 0, behavior: "instant" });
    this.show(sheet.has_pages ? this.liked || "pages" : "text");
  }

  show(name) {
    this.shown = name;
    by("text").hidden = name !== "text";
    by("pages").hidden = name !== "pages";
    by("document-pane").setAttribute("aria-label", name === "text" ? "Text of the document" : "Pages of the document");
    for (const each of ["text", "pages"]) {
      by(`view-${each}`).setAttribute("aria-selected", String(each === name));
      by(`view-${each}`).tabIndex = each === name ? 0 : -1;
    }
    if (name === "pages") this.load();
    this.light(this.lit ?? null);
  }

  load() {
    const { id } = this;
    this.ready ||= api.pages(id).then((pages) => {
      if (this.id !== id) return;
      if (pages.pages.length === 0 && this.sheet.text) {
        by("views").hidden = true;
        return this.show("text");
      }
      this.pages.draw(pages, this.sheet.text?.pages, this.fields);
      this.light(this.lit ?? null);
    }).catch((error) => {
      if (this.id !== id) return;
      this.ready = null;
      this.show("text");
      this.hooks.failed(error);
    });
  }

  mark(fields) {
    this.fields = fields;
    this.text.mark(fields);
    this.pages.mark(fields);
  }

  /** Shows the places of a field. @param {string|null} pointer */
  light(pointer) {
    this.lit = pointer;
    this[this.shown].light(pointer);
  }

  clicked(event) {
    const found = this.shown === "text" ? this.text.fieldsAt(event.target) : this.pages.fieldsAt(event.clientX, event.clientY);
    if (found.length) this.hooks.go(found[0]);
  }
}
