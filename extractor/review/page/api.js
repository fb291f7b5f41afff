// All that is said to the server, and what it answers: an error has words for a person, and says whether to try again.

import { parse, write } from "./numbers.js";

export class Refused extends Error {
  /** @param {number} status 0: there was no answer @param {any} body */
  constructor(status, body) {
    super((body && body.error) || (status ? `The server answered ${status}.` : "The server does not answer."));
    this.status = status;
    this.body = body || {};
    this.hint = (body && body.hint) || (status ? "" : "Is it still running? What you entered is kept here.");
  }
}

let who = "";
/** Who is working here: it is sent with everything. @param {string} name */
export const am = (name) => { who = name; };

async function ask(path, options = {}) {
  const headers = { Accept: "application/json", "X-Reviewer": encodeURIComponent(who), ...options.headers };
  let response;
  let text;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options, headers });
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, null);
  }
  let body = null;
  try {
    body = text ? parse(text) : null;
  } catch {
    throw new Refused(response.status, { error: "The server's answer cannot be read." });
  }
  if (!response.ok) throw new Refused(response.status, body);
  return body;
}

const post = (path, body, options = {}) =>
  ask(path, { method: "POST", body: write(body), headers: { "Content-Type": "application/json" }, ...options });
const query = (values) =>
  new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined)).toString();
const at = (id) => `/api/documents/${id}`;

export const job = () => ask("/api/job");
export const queue = (view, after, limit = 50) => ask(`/api/queue?${query({ ...view, after, limit })}`);
export const next = (view, from, step) => ask(`/api/next?${query({ ...view, from, step })}`);
export const sheet = (id) => ask(at(id));
export const check = (id, data, signal) => post(`${at(id)}/check`, { data }, { signal });
export const read = (id, pointer, text) => post(`${at(id)}/read`, { pointer, text });
export const revise = (id, body) => post(`${at(id)}/revisions`, body);
export const here = (id) => post(`${at(id)}/here`, {});
export const text = (id, start, end) => ask(`${at(id)}/text?${query({ start, end })}`);
export const pages = (id) => ask(`${at(id)}/pages`);
export const lines = (id, number) => ask(`${at(id)}/pages/${number}`);
export const picture = (id, number, width) => `${at(id)}/pages/${number}.png?${query({ width })}`;
