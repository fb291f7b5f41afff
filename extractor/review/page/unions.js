// A value that can be of one of several kinds: which one it is, and how it becomes another.

import { element, fresh } from "./elements.js";
import { isNumber, isObject, same } from "./numbers.js";
import { made } from "./pointer.js";

const SIMPLE = {
  text: (value) => typeof value === "string",
  date: (value) => typeof value === "string",
  time: (value) => typeof value === "string",
  datetime: (value) => typeof value === "string",
  duration: (value) => typeof value === "string",
  number: isNumber,
  integer: isNumber,
  boolean: (value) => typeof value === "boolean",
  list: Array.isArray,
  tuple: Array.isArray,
  map: isObject,
  anything: () => true,
};

/** How well a value fits a node: 0 not at all. One level deep. */
function fit(form, raw, value) {
  const node = form.resolve(raw);
  if (value === null || value === undefined) return node.nullable ? 1 : 0;
  if (node.kind === "constant") return same(node.value, value) ? 4 : 0;
  if (node.kind === "choice") return node.options.some((each) => same(each.value, value)) ? 3 : 0;
  if (node.kind === "union") return Math.max(0, ...node.branches.map((branch) => fit(form, branch.node, value)));
  if (node.kind !== "object") return SIMPLE[node.kind]?.(value) ? (node.kind === "anything" ? 0.5 : 2) : 0;
  return isObject(value) ? objectFit(form, node, value) : 0;
}

function objectFit(form, node, value) {
  let score = 1;
  for (const member of node.members) {
    const inside = form.resolve(member.node);
    const there = Object.hasOwn(value, member.name);
    if (inside.kind === "constant" && there) score += same(inside.value, value[member.name]) ? 100 : -50;
    else if (there) score += 1;
    else if (member.required) score -= 1;
  }
  return Math.max(score, 0.1);
}

/** The number of the branch that a value is of; -1 for none. */
export function branchOf(form, node, value) {
  let best = -1;
  let most = 0;
  node.branches.forEach((branch, index) => {
    const score = fit(form, branch.node, value);
    if (score > most) [best, most] = [index, score];
  });
  return best;
}

/** A select of the kind, and the form of that kind. */
export function unionBox(form, pointer, node, value, info, place) {
  const at = branchOf(form, node, value);
  const id = fresh("u");
  const choose = element("select", { id, class: "branch" },
    node.branches.map((branch, index) => element("option", { value: String(index), text: branch.title || form.resolve(branch.node).title })));
  choose.value = String(at);
  choose.addEventListener("change", () => {
    const next = node.branches[Number(choose.value)].node;
    form.edit(pointer, turned(form, next, form.value(pointer)), `kind of ${info.label}`);
    form.focus(pointer, false);
  });
  const name = element("label", { for: id, class: "name", dir: "auto", text: info.label ? `${info.label}: kind` : "Kind" });
  const removes = form.removable(pointer, node, info);
  const line = element("div", { class: "field kind" }, [name, element("div", { class: "control" }, [choose, ...removes])]);
  const inner = form.build(pointer, node.branches[at].node, { ...info, required: true, remove: undefined });
  const own = place.leaf ? [] : [place.slots.error, place.slots.before];
  return element("div", { class: "union" }, [line, ...(inner.contains(place.slots.error) ? [] : own), inner]);
}

/** A value as another branch has it: what both have is kept. */
function turned(form, raw, value) {
  const node = form.resolve(raw);
  const empty = form.empty(raw);
  if (node.kind !== "object" || !isObject(empty) || !isObject(value)) return fit(form, raw, value) ? value : empty;
  const fixed = (name) => form.resolve(node.members.find((each) => each.name === name)?.node)?.kind === "constant";
  const names = new Set(node.members.map((member) => member.name));
  const kept = Object.entries(value).filter(([name]) => names.has(name) && !fixed(name));
  return made([...Object.entries(empty), ...kept]);
}
