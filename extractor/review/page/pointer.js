// Places in data, as JSON pointers, and new data with something else at one of them: data is never changed itself.

import { isObject } from "./numbers.js";

/** @param {string} pointer @returns {string[]} its parts */
export const parts = (pointer) =>
  pointer === "" ? [] : pointer.slice(1).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));

/** The pointer of a member or an item. @param {string} pointer @param {string|number} name */
export const below = (pointer, name) => `${pointer}/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** The pointer of what it is in; of the root: null. @param {string} pointer */
export const above = (pointer) => (pointer === "" ? null : pointer.slice(0, pointer.lastIndexOf("/")));

/** Whether a place is another, or in it. */
export const within = (pointer, outer) => pointer === outer || pointer.startsWith(`${outer}/`);

const has = (data, name) =>
  Array.isArray(data) ? /^(?:0|[1-9][0-9]{0,8})$/.test(name) && Number(name) < data.length
    : isObject(data) && Object.hasOwn(data, name);

/** What is there; undefined where nothing is. */
export function get(data, pointer) {
  let at = data;
  for (const part of parts(pointer)) {
    if (!has(at, part)) return undefined;
    at = at[part];
  }
  return at;
}

// A member may be called "__proto__": such a name is defined, not assigned.
function withMember(object, name, value) {
  const copy = {};
  for (const [each, old] of Object.entries(object)) define(copy, each, old);
  define(copy, name, value);
  return copy;
}

const define = (object, name, value) =>
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });

/** The same members of an object but one. */
export function without(object, name) {
  const copy = {};
  for (const [each, old] of Object.entries(object)) if (each !== name) define(copy, each, old);
  return copy;
}

/** An object of these names and values, in their order. @param {Iterable<[string, any]>} entries */
export function made(entries) {
  const object = {};
  for (const [name, value] of entries) define(object, name, value);
  return object;
}

/** Data with another value at a place (undefined: with nothing there). What is missing on the way is made. */
export function put(data, pointer, value) {
  return placed(data, parts(pointer), 0, value);
}

function placed(data, path, depth, value) {
  if (depth === path.length) return value;
  const name = path[depth];
  const last = depth === path.length - 1;
  if (Array.isArray(data)) {
    const copy = data.slice();
    const at = Number(name);
    if (last && value === undefined) copy.splice(at, 1);
    else copy[at] = placed(data[at], path, depth + 1, value);
    return copy;
  }
  const object = isObject(data) ? data : {};
  if (last && value === undefined) return without(object, name);
  return withMember(object, name, placed(has(object, name) ? object[name] : undefined, path, depth + 1, value));
}

/** A list with an item in front of a place. @param {any[]} list */
export const inserted = (list, at, item) => [...list.slice(0, at), item, ...list.slice(at)];

/** A list with an item at another place. @param {any[]} list */
export function moved(list, from, to) {
  const copy = list.slice();
  const [item] = copy.splice(from, 1);
  copy.splice(to, 0, item);
  return copy;
}

/** The row of a list that is another than it was; of anything else the place itself. */
export function differs(pointer, old, data) {
  const [then, now] = [get(old, pointer), get(data, pointer)];
  if (!Array.isArray(then) || !Array.isArray(now) || now.length === 0) return pointer;
  const at = now.findIndex((item, index) => item !== then[index]);
  return below(pointer, at < 0 ? now.length - 1 : at);
}

/** One step of a pointer in words, where nothing has a title for it. @param {string} part */
export const plain = (part) => (/^[0-9]+$/.test(part) ? `row ${Number(part) + 1}` : part.replaceAll("_", " "));
