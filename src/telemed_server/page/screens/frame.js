// What every screen but the call shares: the head with the clinic and the language, body and foot.

import { button, h, icon } from "../dom.js";

const SVG = "http://www.w3.org/2000/svg";

function mark() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 30 30");
  svg.setAttribute("class", "mark");
  svg.setAttribute("aria-hidden", "true");
  ["M7 0h16a7 7 0 0 1 7 7v16a7 7 0 0 1-7 7H7a7 7 0 0 1-7-7V7a7 7 0 0 1 7-7z", "M6 16h4.5l2.5-7 4 13 2.6-6H24"].forEach((d) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.appendChild(path);
  });
  return svg;
}

function language(app, code, name) {
  return h(
    "button",
    {
      type: "button",
      id: "lang-" + code,
      lang: code,
      class: app.lang === code ? "on" : "",
      "aria-pressed": String(app.lang === code),
      onclick: () => app.setLanguage(code),
    },
    name,
  );
}

/** The head: whose page this is, and the two languages. */
export function head(app) {
  return h(
    "header",
    { class: "hd" },
    mark(),
    h("span", { class: "n" }, app.card ? app.card.clinic : app.t("title")),
    h(
      "div",
      { class: "lng", role: "group", "aria-label": app.t("language") },
      language(app, "en", "English"),
      language(app, "sw", "Kiswahili"),
    ),
  );
}

/** A screen of head, body and foot. */
export function frame(app, body, foot) {
  return h(
    "div",
    { class: "screen" },
    head(app),
    h("div", { class: "lost", id: "lost", role: "status", hidden: true }),
    h("main", { class: "body" }, body),
    foot && h("div", { class: "ft" }, foot),
  );
}

/** The screen's heading; it takes the focus when the screen opens. */
export function heading(words) {
  return h("h1", { tabindex: "-1" }, words);
}

/** A link that phones the clinic; null if its number is not known. */
export function phone(app, kind) {
  const number = app.card && app.card.clinic_phone;
  if (!number) return null;
  const href = "tel:" + number.replace(/[^+\d]/g, "");
  return h(
    "a",
    { class: "pb " + (kind || "plain"), id: "phone", href },
    icon("phone"),
    h("span", null, app.t("phone")),
  );
}

/** Words about something that needs attention. */
export function notice(kind, iconName, ...content) {
  return h("div", { class: "notice " + kind }, icon(iconName), h("div", null, content));
}

export { button };
