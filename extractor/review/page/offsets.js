// Places in a text, counted as the server does (in characters) and as a browser does (in halves of some of them).

export class Offsets {
  /** @param {string} text @param {number} start where it starts, in characters */
  constructor(text, start = 0) {
    this.start = start;
    /** @type {number[]} the characters that take two halves, by their number */ this.wide = [];
    let pairs = 0;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code < 0xd800 || code > 0xdbff) continue;
      const low = text.charCodeAt(at + 1);
      if (!(low >= 0xdc00 && low <= 0xdfff)) continue;
      this.wide.push(at - pairs);
      pairs += 1;
      at += 1;
    }
    this.length = text.length - pairs;
    this.end = start + this.length;
  }

  // How many numbers of `wide` are below a number.
  below(number) {
    let low = 0;
    let high = this.wide.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.wide[middle] < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Where a character is in the string. */
  unit(character) {
    const inside = Math.min(Math.max(character - this.start, 0), this.length);
    return inside + this.below(inside);
  }
}

const AT_ONCE = 16; // places that a segment lists: of nested ones the sum would grow with the square

/**
 * A text cut where a place begins or ends.
 * @param {Array<{start: number, end: number}>} places sorted by their start @param {number} from @param {number} to
 * @param {number[]} cuts where else to cut @returns {Array<{start: number, end: number, places: number[]}>} all of it, in order
 */
export function segments(places, from, to, cuts = []) {
  const borders = new Set([from, to, ...cuts.filter((at) => at > from && at < to)]);
  for (const { start, end } of places) for (const at of [start, end]) if (at > from && at < to) borders.add(at);
  const sorted = [...borders].sort((one, other) => one - other);
  const found = [];
  let ahead = 0;
  let going = [];
  for (let index = 0; index + 1 < sorted.length; index += 1) {
    const [start, end] = [sorted[index], sorted[index + 1]];
    going = going.filter((number) => places[number].end > start).slice(0, AT_ONCE);
    while (ahead < places.length && places[ahead].start <= start) {
      if (places[ahead].end > start) going.push(ahead);
      ahead += 1;
    }
    found.push({ start, end, places: going });
  }
  return found;
}
