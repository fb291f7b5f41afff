// From the document into a field: what is selected in the text becomes the value of the field that has the focus.

import { button, element } from "./elements.js";
import { short } from "./marks.js";

export class Fill {
  /**
   * @param {HTMLElement} pane of the document
   * @param {{selected: () => {text: string, range: Range}|null, target: () => {pointer: string, label: string}|null,
   *   fill: (pointer: string, text: string) => void, clicked: (event: MouseEvent) => void, typing: () => boolean}} hooks
   */
  constructor(pane, hooks) {
    this.pane = pane;
    this.hooks = hooks;
    this.armed = false;
    this.offer = element("div", { class: "offer", hidden: true });
    pane.append(this.offer);
    pane.addEventListener("pointerdown", (event) => {
      if (this.offer.contains(event.target)) return;
      this.armed = hooks.typing();
      this.offer.hidden = true;
    });
    pane.addEventListener("pointerup", (event) => {
      // The browser clears an old selection after this event.
      if (!this.offer.contains(event.target)) setTimeout(() => this.released(event));
    });
    pane.addEventListener("keydown", (event) => this.key(event));
    pane.addEventListener("copy", (event) => {
      const selected = hooks.selected();
      if (!selected) return;
      event.clipboardData.setData("text/plain", selected.text);
      event.preventDefault();
    });
    document.addEventListener("selectionchange", () => { if (getSelection()?.isCollapsed) this.offer.hidden = true; });
  }

  released(event) {
    const selected = this.hooks.selected();
    if (!selected) return this.hooks.clicked(event);
    const target = this.hooks.target();
    if (target && this.armed) return this.take(target, selected);
    this.show(selected, target);
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const selected = this.hooks.selected();
    if (event.key === "Enter" && selected && !this.offer.contains(event.target)) {
      const target = this.hooks.target();
      event.preventDefault();
      event.stopPropagation();
      if (target) this.take(target, selected);
      else this.show(selected, null);
    }
    if (event.key.startsWith("Arrow") && event.shiftKey) setTimeout(() => {
      const now = this.hooks.selected();
      if (now) this.show(now, this.hooks.target());
    });
  }

  take(target, selected) {
    this.offer.hidden = true;
    this.armed = false;
    getSelection().removeAllRanges();
    this.hooks.fill(target.pointer, selected.text);
  }

  show(selected, target) {
    const words = target ? `→ ${short(target.label, 30)}` : "Choose a field in the form first";
    this.offer.replaceChildren(button(words, () => target && this.take(target, selected), { disabled: !target }));
    this.offer.hidden = false;
    const box = selected.range.getBoundingClientRect();
    const frame = this.pane.getBoundingClientRect();
    const left = Math.min(Math.max(box.left - frame.left, 4), frame.width - this.offer.offsetWidth - 16);
    this.offer.style.setProperty("--left", `${left + this.pane.scrollLeft}px`);
    this.offer.style.setProperty("--top", `${box.bottom - frame.top + this.pane.scrollTop + 4}px`);
  }
}
