// What was done to a form, step by step, so that all of it can be undone: the data is kept as it was, not changed.

/**
 * @typedef {{data: any, at: string, what: string}} Step  data before (or after) it, the place it was done at
 */
export class History {
  /** @param {any} data */
  constructor(data) {
    this.data = data;
    /** @type {Step[]} */ this.past = [];
    /** @type {Step[]} */ this.future = [];
    this.going = null; // the place where somebody is typing: all of that is one step
  }

  /** @param {any} data @param {string} at where @param {string} what it is called @param {boolean} typing */
  step(data, at, what, typing = false) {
    if (!(typing && this.going === at)) this.past.push({ data: this.data, at, what });
    if (this.past.length > 1000) this.past.shift();
    this.future = [];
    this.going = typing ? at : null;
    this.data = data;
  }

  /** What is typed from now on is another step. */
  pause() {
    this.going = null;
  }

  /** What the server made of a value that was typed belongs to that step. */
  mend(data) {
    this.data = data;
  }

  /** @returns {Step|null} what was undone */
  undo() {
    return this.turn(this.past, this.future);
  }

  /** @returns {Step|null} what was done again */
  redo() {
    return this.turn(this.future, this.past);
  }

  turn(from, to) {
    const step = from.pop();
    this.going = null;
    if (!step) return null;
    to.push({ ...step, data: this.data });
    this.data = step.data;
    return step;
  }
}
