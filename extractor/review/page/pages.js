// The pages of a document as pictures, with its text upon them, unseen, for selecting, and frames around places.

import { bring, element } from "./elements.js";

const measure = document.createElement("canvas").getContext("2d");
measure.font = "100px sans-serif";

export class DocumentPages {
  /**
   * @param {HTMLElement} pane what scrolls @param {HTMLElement} root
   * @param {{lines: (number: number) => Promise<any>, picture: (number: number, width: number) => string}} hooks
   */
  constructor(pane, root, hooks) {
    this.pane = pane;
    this.root = root;
    this.hooks = hooks;
    this.nodes = new WeakMap();
    this.sheets = [];
    this.fields = {};
    this.lit = null;
    this.watch = new IntersectionObserver((seen) => {
      for (const each of seen) if (each.isIntersecting) this.load(this.sheets[Number(each.target.dataset.page) - 1]);
    }, { root: pane, rootMargin: "300px" });
  }

  /** @param {{pages: Array<{number: number, width: number, height: number}>, notice: string|null}} pages */
  draw(pages, starts, fields) {
    this.watch.disconnect();
    this.starts = starts || [];
    this.fields = fields;
    this.sheets = pages.pages.map((page) => ({ ...page, lines: null, element: this.sheet(page) }));
    this.root.replaceChildren(
      ...(pages.notice ? [element("p", { class: "notice", text: pages.notice })] : []),
      ...this.sheets.map((each) => each.element));
    for (const each of this.sheets) this.watch.observe(each.element);
  }

  sheet(page) {
    const it = element("figure", { class: "sheet", data: { page: String(page.number) }, "aria-label": `Page ${page.number}` });
    it.style.setProperty("--ratio", `${page.width} / ${page.height}`);
    return it;
  }

  async load(sheet) {
    if (!sheet || sheet.loading) return sheet?.loading;
    const width = Math.min(2400, Math.round(Math.max(sheet.element.clientWidth, 600) * Math.min(devicePixelRatio || 1, 2)));
    const image = element("img", { src: this.hooks.picture(sheet.number, width), alt: `Page ${sheet.number}`, draggable: "false" });
    image.addEventListener("error", () => sheet.element.classList.add("broken"));
    sheet.text = element("div", { class: "layer" });
    sheet.boxes = element("div", { class: "boxes" });
    sheet.element.append(image, sheet.boxes, sheet.text);
    sheet.loading = this.hooks.lines(sheet.number).then((got) => {
      sheet.lines = got.lines || [];
      for (const line of sheet.lines) this.line(sheet, line);
      this.frame(sheet);
    }, () => { sheet.lines = []; });
    return sheet.loading;
  }

  // Each word has its own box: so what is selected is what one sees, in whatever font.
  line(sheet, line) {
    const characters = [...line.text];
    const row = element("div", { class: "line" });
    let at = 0;
    for (const word of line.text.match(/\S+\s*|\s+/gu) || []) {
      const size = [...word].length;
      const bare = [...word.trimEnd()].length || size;
      const [left, right] = [line.at[at], line.at[at + bare]];
      const it = element("span");
      const node = document.createTextNode(word);
      this.nodes.set(node, { start: line.start + at, line });
      it.append(node);
      const height = line.box[3] - line.box[1];
      const wanted = ((right - left) * sheet.width) / (height * sheet.height);
      const own = measure.measureText(word.trimEnd() || " ").width / 100;
      for (const [name, value] of [["--x", left], ["--y", line.box[1]], ["--h", height]]) it.style.setProperty(name, String(value));
      it.style.setProperty("--stretch", String(own > 0 && wanted > 0 ? wanted / own : 1));
      row.append(it);
      at += size;
    }
    if (at <= characters.length) sheet.text.append(row);
  }

  /** Marks the places of fields. */
  mark(fields) {
    this.fields = fields;
    for (const sheet of this.sheets) if (sheet.lines) this.frame(sheet);
  }

  frame(sheet) {
    sheet.boxes.replaceChildren();
    if (sheet.lines.length === 0) return;
    for (const [pointer, field] of Object.entries(this.fields)) {
      for (const [start, end] of field.spans || []) {
        for (const box of boxes(sheet.lines, start, end)) sheet.boxes.append(this.box(pointer, field, box));
      }
    }
  }

  box(pointer, field, [left, top, right, bottom]) {
    const it = element("div", { class: `box s-${field.status || "none"}${pointer === this.lit ? " on" : ""}`, data: { field: pointer } });
    for (const [name, value] of [["--x", left], ["--y", top], ["--w", right - left], ["--h", bottom - top]]) {
      it.style.setProperty(name, String(value));
    }
    return it;
  }

  /** Shows the places of a field. */
  async light(pointer, scroll = true) {
    this.lit = pointer;
    for (const old of this.root.querySelectorAll(".box.on")) old.classList.remove("on");
    const spans = pointer === null ? [] : this.fields[pointer]?.spans || [];
    if (spans.length === 0) return;
    const sheet = this.sheets[this.pageOf(spans[0][0])];
    await this.load(sheet);
    if (this.lit !== pointer) return;
    const own = [...this.root.querySelectorAll(".box")].filter((it) => it.dataset.field === pointer);
    for (const it of own) it.classList.add("on");
    if (scroll && (own[0] || sheet)) bring(own[0] || sheet.element, this.pane);
  }

  pageOf(start) {
    let at = 0;
    while (at + 1 < this.starts.length && this.starts[at + 1] <= start) at += 1;
    return Math.min(at, this.sheets.length - 1);
  }

  /** What is selected. @returns {{text: string, range: Range}|null} */
  selected() {
    const selection = getSelection();
    if (!selection || selection.isCollapsed || selection.rangeCount === 0) return null;
    const range = selection.getRangeAt(0);
    if (!this.root.contains(range.commonAncestorContainer)) return null;
    const words = [];
    const walker = document.createTreeWalker(this.root, NodeFilter.SHOW_TEXT);
    let line = null;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const known = this.nodes.get(node);
      if (!known || !range.intersectsNode(node)) continue;
      const own = node.data.slice(node === range.startContainer ? range.startOffset : 0,
        node === range.endContainer ? range.endOffset : node.length);
      if (own && line && known.line !== line) words.push("\n");
      if (own) [line] = [known.line, words.push(own)];
    }
    const text = words.join("");
    return text.trim() ? { text, range } : null;
  }

  /** The fields whose place is at a point of the window. */
  fieldsAt(x, y) {
    return [...this.root.querySelectorAll(".box")].filter((it) => {
      const box = it.getBoundingClientRect();
      return x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
    }).map((it) => it.dataset.field);
  }
}

// The frames of a place: one in each line.
function boxes(lines, start, end) {
  const found = [];
  for (const line of lines) {
    const from = Math.max(start - line.start, 0);
    const to = Math.min(end - line.start, line.at.length - 1);
    if (from < to) found.push([line.at[from], line.box[1], line.at[to], line.box[3]]);
  }
  return found;
}
