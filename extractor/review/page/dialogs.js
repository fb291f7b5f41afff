// Dialogs and messages: what is asked of a person, and what they are told.

import { button, element, when } from "./elements.js";
import { short } from "./marks.js";
import { said } from "./numbers.js";
import { table } from "./keys.js";

/** Shows a dialog. @returns {Promise<string|null>} what was chosen: the value of the button */
function ask(title, content, buttons, ready = null) {
  return new Promise((done) => {
    const before = document.activeElement;
    const dialog = element("dialog", { "aria-labelledby": "dialog-title" });
    const close = (value) => {
      dialog.close();
      dialog.remove();
      if (before?.isConnected) before.focus({ preventScroll: true });
      done(value);
    };
    const actions = buttons.map(([value, text, look]) => button(text, () => close(value), { class: look || "" }));
    dialog.append(element("h2", { id: "dialog-title", text: title }), ...content, element("div", { class: "dialog-actions" }, actions));
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(null); });
    document.body.append(dialog);
    dialog.showModal();
    ready?.(dialog, close);
  });
}

/** Why a document is rejected. @returns {Promise<string|null>} the note; null where they changed their mind */
export async function reason(name) {
  const note = element("textarea", { rows: 3, id: "why", dir: "auto" });
  const content = [element("p", { text: name, class: "dim", dir: "auto" }),
    element("label", { for: "why", text: "Why is it of no use? (may be empty)" }), note];
  const chosen = await ask("Reject this document", content, [["reject", "Reject", "bad"], ["", "Cancel"]], (_, close) => {
    note.focus();
    note.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        event.stopPropagation();
        close("reject");
      }
    });
  });
  return chosen === "reject" ? note.value : null;
}

const DECISIONS = { accepted: "accepted it", corrected: "corrected it", rejected: "rejected it", reopened: "reopened it" };

/** "ben corrected it at 14:02". @param {any} revision */
export const happened = (revision) =>
  `${revision.who || "Somebody"} ${DECISIONS[revision.decision] || "changed it"}${revision.made ? ` at ${when(revision.made)}` : ""}`;

/** What a revision changed, as a list. @param {any} revision @param {(pointer: string) => string} words */
const changes = (revision, words) => element("ul", { class: "changes" }, (revision.changes || []).slice(0, 30).map((change) =>
  element("li", {}, [element("b", { text: words(change.pointer), dir: "auto" }), ": ",
    element("del", { text: short(said(change.before)) || "empty", dir: "auto" }), " → ",
    element("ins", { text: short(said(change.after)) || "empty", dir: "auto" })])));

/** Somebody else was faster. @returns {Promise<"theirs"|"mine"|null>} */
export const conflict = (latest, words) =>
  ask("Somebody else was here", [
    element("p", { text: `${happened(latest)}.`, dir: "auto" }),
    latest.note ? element("p", { text: `“${latest.note}”`, dir: "auto" }) : null,
    changes(latest, words),
    element("p", { text: "Nothing of yours is lost, whichever you choose.", class: "dim" }),
  ].filter(Boolean), [["theirs", "Take theirs", "first"], ["mine", "Go on with mine, on top of theirs"], [null, "Decide later"]]);

export const help = () => ask("Keys", [table()], [[null, "Close", "first"]]);

/** What was said of a document so far. */
export const past = (revisions, words) =>
  ask("What was said of it", [element("ol", { class: "past" }, revisions.map((each) => element("li", {}, [
    element("p", { text: `${happened(each)}${each.note ? `: ${each.note}` : ""}`, dir: "auto" }), changes(each, words),
  ])))], [[null, "Close", "first"]]);

/** Who is working here. @returns {Promise<string|null>} */
export async function name(now) {
  const input = element("input", { type: "text", id: "who", value: now, autocomplete: "off", dir: "auto" });
  const content = [element("label", { for: "who", text: "Your name, as it is kept with what you decide" }), input];
  const chosen = await ask("Who are you?", content, [["yes", "Save", "first"], [null, "Cancel"]], (_, close) => {
    input.select();
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); close("yes"); } });
  });
  return chosen ? input.value.trim() : null;
}

/** What only helps whoever runs this, behind a heading. @param {string|null|undefined} hint */
export const aside = (hint) =>
  hint && element("details", { class: "aside" }, [element("summary", { text: "For whoever runs this" }), element("p", { text: hint, dir: "auto" })]);

/** A message at the lower edge, which goes after a while unless it is an error. */
export class Messages {
  /** @param {HTMLElement} calm a live region that waits @param {HTMLElement} loud one that does not */
  constructor(calm, loud) {
    this.calm = calm;
    this.loud = loud;
  }

  /** @param {string} text @param {Array<[string, () => void]>} actions */
  tell(text, actions = []) {
    clearTimeout(this.going);
    const message = this.show(this.calm, text, actions);
    this.going = setTimeout(() => this.calm.replaceChildren(), 8000);
    return message;
  }

  wrong(text, actions = [], hint = "") {
    this.show(this.loud, text, [...actions, ["Close", () => {}]], hint);
  }

  fine() {
    this.loud.replaceChildren();
  }

  show(region, text, actions, hint = "") {
    // The second click of two is for the message that was here before.
    const buttons = actions.map(([label, run]) => button(label, (event) => {
      if (event.detail > 1) return;
      region.replaceChildren();
      run();
    }, { class: "small" }));
    const message = element("div", { class: "message" }, [element("div", {}, [element("span", { text, dir: "auto" }), aside(hint)]), ...buttons]);
    region.replaceChildren(message);
    const at = document.activeElement; // there is less room above now
    if (at?.closest("#form")) at.scrollIntoView({ block: "nearest" });
    return message;
  }
}

/** The end of a long name of a document. @param {string} name */
export const brief = (name) => (name.length > 50 ? `…${name.slice(-49)}` : name);
