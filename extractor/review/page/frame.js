// What is around both sides: the bar with counts, the footer with its keys, which side is shown in a narrow window.

import { count, element } from "./elements.js";
import { keysOf } from "./keys.js";
import { address, SHOWN } from "./queue.js";

/** The element of this name. @param {string} id @returns {HTMLElement} */
export const by = (id) => document.getElementById(id);

const NARROW = matchMedia("(max-width: 899px)");
/** Whether one side is shown at a time. */
export const isNarrow = () => NARROW.matches;

/** Shows a side in a narrow window; in a wide one all are shown. @param {"document"|"form"|"queue"} side */
export function showSide(side) {
  document.body.dataset.side = side;
  for (const tab of by("tabs").children) {
    tab.setAttribute("aria-selected", String(tab.dataset.side === side));
    tab.tabIndex = tab.dataset.side === side ? 0 : -1;
  }
}

/** Left and right go through the tabs of a list. @param {HTMLElement} list */
export function arrows(list) {
  list.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by || event.altKey) return;
    const tabs = [...list.querySelectorAll("[role=tab]")];
    const to = tabs[(tabs.indexOf(document.activeElement) + by + tabs.length) % tabs.length];
    to.click();
    to.focus();
    event.preventDefault();
  });
}

/** The counts, as links to what they count. @param {any} tally @param {any} view */
export function showTally(tally, view) {
  by("counts").replaceChildren(...Object.entries(SHOWN).map(([show, title]) => element("a", {
    href: address(null, { ...view, show }), "aria-current": view.show === show ? "true" : null, class: `count n-${show}`,
  }, [element("span", { text: title }), " ", element("b", { text: count(tally[show] ?? 0) })])));
  const reviewed = tally.accepted + tally.corrected + tally.rejected;
  by("progress-text").textContent = `${count(reviewed)} of ${count(tally.all)} reviewed`;
  by("progress-bar").value = tally.all ? reviewed / tally.all : 0;
}

/** A button of the footer with its key. */
export function label(id, text, key) {
  by(id).replaceChildren(element("span", { text }), element("kbd", { text: keysOf(key), "aria-hidden": "true" }));
  by(id).setAttribute("aria-keyshortcuts", keysOf(key).replace("Ctrl", "Control"));
}
