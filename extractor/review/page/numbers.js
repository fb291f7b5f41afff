// JSON without loss: a number that a double cannot hold as it is written stays the text it came as.

/** @typedef {null|boolean|string|number|{rawJSON: string}|Array<any>|Object<string, any>} Data */

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const CAN = typeof JSON.rawJSON === "function";

// A number's sign, digits and exponent, however it is written; zeros at the end of a fraction count, but for ".0".
function digits(text) {
  const [, sign, whole, fraction, power] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text) || [];
  if (whole === undefined) return text;
  const bare = fraction === undefined || fraction === "0" ? "" : fraction;
  let all = (whole + bare).replace(/^0+/, "");
  let exponent = Number(power || 0) - bare.length;
  if (all === "") [all, exponent] = ["0", 0];
  while (exponent > 0 && exponent < 400) [all, exponent] = [`${all}0`, exponent - 1];
  return `${sign}${all}e${exponent}`;
}

/** What a JSON text says. @param {string} text @returns {Data} */
export function parse(text) {
  if (!CAN) return JSON.parse(text);
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && context?.source !== undefined && digits(String(value)) !== digits(context.source)
      ? JSON.rawJSON(context.source)
      : value);
}

/** The JSON text of data. @param {Data} data @param {number} [indent] */
export const write = (data, indent) => JSON.stringify(data, null, indent);

/** Whether it is a number that is kept as its text. */
const isRaw = (value) => CAN && typeof value === "object" && value !== null && JSON.isRawJSON(value);

/** Whether it is a number of either kind. */
export const isNumber = (value) => typeof value === "number" || isRaw(value);

/** Whether it is an object with members. */
export const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isRaw(value);

/** What a person typed into a field of numbers: a number where it is one in JSON, else their text.
 * @param {string} text */
export function typed(text) {
  const bare = text.trim();
  if (!NUMBER.test(bare)) return text;
  const value = Number(bare);
  if (String(value) === bare) return value;
  return CAN ? JSON.rawJSON(bare) : Number.isFinite(value) ? value : text;
}

/** A leaf as a person reads it. @param {Data} value */
export function said(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (isRaw(value)) return value.rawJSON;
  return typeof value === "object" ? write(value) : String(value);
}

/** Whether two values are the same as data: 1.50 and 1.5 are written differently, and are not. */
export function same(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  return write(one) === write(other);
}
