// Who is joining, the year of birth for the desk to check, and consent. Both boxes start empty.

import { fill, h, icon, point } from "../dom.js";
import { when } from "../strings.js";
import { button, frame, heading, notice, phone } from "./frame.js";

function choice(form, value, words, onchange) {
  const input = h("input", { type: "radio", name: "who", id: "who-" + value, value, onchange });
  input.checked = form.who === value;
  const kind = "op" + (form.who === value ? " on" : "");
  return h("label", { class: kind }, input, h("span", { class: "rb" }), h("span", null, words));
}

function consent(id, words, strong, form, name) {
  const input = h("input", {
    type: "checkbox",
    id,
    onchange: () => {
      form[name] = input.checked;
    },
  });
  input.checked = form[name];
  return h(
    "label",
    { class: "ck" + (strong ? " m" : "") },
    input,
    h("span", { class: "cb" }, icon("check")),
    h("span", null, words),
  );
}

/** First thing that is missing in the form, as a key of strings.js; null if complete. */
export function missing(form, guest) {
  if (form.who === "helper" && !form.name.trim()) return "needName";
  if (guest) return null;
  if (!/^(19|20)\d\d$/.test(form.year)) return "needYear";
  if (!form.care) return "needAgree";
  return null;
}

export function join(app) {
  const form = app.form;
  const first = app.card.patient.split(" ")[0];
  // A carer, interpreter or clinician with a link of their own: nothing of the patient is asked.
  const guest = app.card.role || "";
  if (guest) Object.assign(form, { who: "helper", year: "", care: true, photos: false });
  const problem = h("div", { id: "problem", role: "alert" });
  const name = h("input", {
    id: "name",
    class: "inp wide",
    type: "text",
    autocomplete: "off",
    maxlength: "80",
    value: form.name,
    oninput: () => {
      form.name = name.value;
    },
  });
  const nameRow = h(
    "div",
    null,
    h("label", { class: "m small", for: "name" }, app.t("yourName")),
    h("p", { class: "c2 small" }, app.t(guest ? "guestName" : "yourNameWhy")),
    name,
  );
  const yearLabel = h("label", { class: "m", for: "year" });
  const year = h("input", {
    id: "year",
    class: "inp year",
    type: "text",
    inputmode: "numeric",
    pattern: "[0-9]*",
    autocomplete: "off",
    maxlength: "4",
    value: form.year,
    "aria-describedby": "year-why problem",
    oninput: () => {
      form.year = year.value.trim();
    },
  });
  const go = button(app.t("go"), submit, "", "arrow-right", true);
  go.id = "continue";

  function submit() {
    const lack = missing(form, guest);
    app.problem = lack;
    if (!lack) app.sendIntake();
    app.update();
    if (lack === "needYear") year.focus();
    if (lack === "needName") name.focus();
  }

  function choose(event) {
    form.who = event.target.value;
    Array.from(el.querySelectorAll(".op")).forEach((label) => {
      label.className = label.firstChild.checked ? "op on" : "op";
    });
    app.update();
  }

  const startsAt = when(app.lang, app.card.starts_at || "", new Date());
  const call = phone(app);
  const el = frame(
    app,
    [
      h(
        "div",
        null,
        heading(app.t("title")),
        h("p", { class: "c2" }, app.t("with", { name: app.clinician() })),
        startsAt && h("p", { class: "c2" }, startsAt),
        guest && h("p", { class: "m" }, app.t("guestOf", { name: first, role: app.t(guest) })),
      ),
      !guest && h(
        "fieldset",
        null,
        h("legend", { class: "m small" }, app.t("who")),
        choice(form, "self", app.t("me", { name: app.card.patient }), choose),
        choice(form, "helper", app.t("help", { name: first }), choose),
      ),
      nameRow,
      !guest && h(
        "div",
        { class: "yearRow" },
        year,
        h("div", null, yearLabel, h("p", { class: "c2 tiny", id: "year-why" }, app.t("yobWhy"))),
      ),
      h(
        "ul",
        { class: "know" },
        point("shield-check", app.t("know1")),
        point("hand", app.t("know2")),
        point("download", app.t("know3")),
      ),
      !guest && consent("care", app.t("agree"), true, form, "care"),
      !guest && consent("photos", app.t("agreePhotos"), false, form, "photos"),
      problem,
    ],
    [go, call],
  );
  return {
    el,
    update() {
      nameRow.hidden = form.who !== "helper";
      yearLabel.textContent =
        form.who === "helper" ? app.t("yobOf", { name: first }) : app.t("yob");
      const out = app.identity && !app.identity.ok && app.identity.tries_left === 0;
      const key = out ? "noTries" : app.problem;
      fill(problem, key && notice(out ? "danger" : "warn", "circle-alert", app.t(key)));
      if (key && key !== app.shownProblem) {
        problem.scrollIntoView({ block: "nearest" });
        if (key === "wrongYear") year.focus();
      }
      app.shownProblem = key;
      go.disabled = app.busy;
      go.hidden = Boolean(out);
      go.firstChild.textContent = app.t(app.busy ? "checking" : "go");
      if (call) call.hidden = !(app.identity && !app.identity.ok);
    },
  };
}
