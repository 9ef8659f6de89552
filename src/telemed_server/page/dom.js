// Building the page by createElement and textContent only: no markup is ever parsed from a string.

import { ICONS } from "./icons.js";

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `h("button", {class: "b", onclick: f}, "words", child, …)`; null is left out. */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  Object.keys(props || {}).forEach((name) => {
    const value = props[name];
    if (value === null || value === undefined || value === false) return;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  });
  add(node, children);
  return node;
}

function add(node, children) {
  children.forEach((child) => {
    if (Array.isArray(child)) add(node, child);
    else if (child !== null && child !== undefined && child !== false) {
      node.appendChild(child instanceof Node ? child : document.createTextNode(child));
    }
  });
}

/** Replace what an element holds. */
export function fill(node, ...children) {
  while (node.firstChild) node.removeChild(node.firstChild);
  add(node, children);
}

/** Set the text only when it changed, so that screen readers are not told twice. */
export function say(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

/** A decorative icon; words always stand beside it. */
export function icon(name, kind) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "i" + (kind ? " " + kind : ""));
  svg.setAttribute("aria-hidden", "true");
  ICONS[name].split("|").forEach((d) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.appendChild(path);
  });
  return svg;
}

/** The button with words; `kind` is "" (the one primary), "plain" or "urgent". */
export function button(words, onclick, kind, iconName, after) {
  return h(
    "button",
    { type: "button", class: "pb " + (kind || ""), onclick },
    iconName && !after && icon(iconName),
    h("span", null, words),
    iconName && after && icon(iconName),
  );
}

/** A row of icon and words. */
export function point(iconName, words) {
  return h("li", { class: "pt" }, icon(iconName), h("span", null, words));
}

/** Five bars; the word beside them says the same. */
export function bars(level) {
  const node = h("span", { class: "lad t" + level, "aria-hidden": "true" });
  for (let i = 1; i <= 5; i += 1) node.appendChild(h("i", { class: i <= level ? "f" : "" }));
  return node;
}
