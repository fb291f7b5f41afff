// What was edited and not accepted yet: it stays over a reload, for one job, run, document and revision of it.

import { parse, write } from "./numbers.js";

export class Drafts {
  /** @param {string} job @param {number} run */
  constructor(job, run) {
    this.prefix = `draft ${run} ${job} `;
    this.lost = new Map(); // what the browser had no room for
  }

  key(id, revision) {
    return `${this.prefix}${id} ${revision}`;
  }

  keep(id, revision, data) {
    const key = this.key(id, revision);
    const text = write({ data });
    try {
      sessionStorage.setItem(key, text);
      this.lost.delete(key);
    } catch {
      this.lost.set(key, text);
    }
  }

  /** @returns {{data: any}|null} */
  find(id, revision) {
    const key = this.key(id, revision);
    try {
      const text = this.lost.get(key) ?? sessionStorage.getItem(key);
      return text ? parse(text) : null;
    } catch {
      return null;
    }
  }

  drop(id, revision) {
    this.lost.delete(this.key(id, revision));
    try { sessionStorage.removeItem(this.key(id, revision)); } catch { /* it was not kept */ }
  }

  /** The documents that have some. @returns {Set<number>} */
  all() {
    const found = new Set([...this.lost.keys()].map((key) => this.number(key)));
    try {
      for (const key of Object.keys(sessionStorage)) if (key.startsWith(this.prefix)) found.add(this.number(key));
    } catch { /* there are none */ }
    return found;
  }

  number(key) {
    return Number(key.slice(this.prefix.length).split(" ")[0]);
  }
}
