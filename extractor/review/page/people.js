// Who is working here, and who else: others that have the document open, or were faster.

import * as api from "./api.js";
import * as dialogs from "./dialogs.js";
import { button, element, shown } from "./elements.js";
import { by } from "./frame.js";

const ASK_EVERY = 20000; // milliseconds between two questions about who else is here

export class People {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.who = sessionStorage.getItem("who") ?? app.job.who ?? "";
    api.am(this.who);
    this.told = undefined; // what the banner says
  }

  listen() {
    this.label();
    by("who-button").addEventListener("click", () => this.rename());
    document.addEventListener("visibilitychange", () => this.ask());
    setInterval(() => this.ask(), ASK_EVERY);
  }

  label() {
    by("who-button").textContent = this.who ? shown(this.who) : "Who are you?";
    by("who-button").title = "Your name is kept with what you decide";
  }

  async rename() {
    const name = await dialogs.name(this.who);
    if (name === null) return;
    this.who = name;
    try { sessionStorage.setItem("who", name); } catch { /* it holds until the page is closed */ }
    api.am(name);
    this.label();
  }

  /** Whoever decides something says who they are. */
  async known() {
    if (!this.who) await this.rename();
    return Boolean(this.who);
  }

  /** Asks who else is here, which says that we are. */
  async ask() {
    const { work } = this.app;
    if (!work || document.hidden) return;
    const known = await api.here(work.id).catch(() => null);
    if (known && this.app.work === work) this.tell(known);
  }

  /** Tells of others, where there is news. */
  tell({ here = [], latest, attempt, decision, who }) {
    const { work } = this.app;
    const anew = attempt > work.attempt;
    const overtaken = anew || latest > work.revision;
    let text = here.length ? `${here.join(", ")} ${here.length > 1 ? "have" : "has"} this open, too.` : "";
    if (overtaken) text = `${who || "Somebody"} has ${decision || "changed"} it meanwhile.`;
    if (anew) text = "It was extracted again meanwhile.";
    if (text === this.told) return;
    this.told = text;
    const show = overtaken && button("Show it", () => this.app.navigation.open(work.id), { class: "small" });
    by("banner").replaceChildren(...(text ? [element("p", {}, [element("span", { text, dir: "auto" }), show])] : []));
  }
}
