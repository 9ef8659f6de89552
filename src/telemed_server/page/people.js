// Who else is in the call beside the doctor, as the doctor's desk tells it.

import { say } from "./dom.js";

const MOST = 6;
const MOST_CHARACTERS = 80;
const ROLES = ["patient", "carer", "interpreter", "colleague"];

/** Take the desk's list; people with a screen reader are told as well. */
export function peopleTold(app, body) {
  const list = Array.isArray(body.people) ? body.people : [];
  app.people = list
    .filter((one) => one && typeof one.name === "string" && ROLES.includes(one.role))
    .slice(0, MOST)
    .map((one) => ({ name: one.name.slice(0, MOST_CHARACTERS), role: one.role }));
  const names = others(app);
  say(document.getElementById("said"), names ? app.t("alsoHere", { names }) : "");
  app.update();
}

/** Return their names with their roles, empty if there is nobody else. */
export function others(app) {
  return (app.people || []).map((one) => one.name + " (" + app.t(one.role) + ")").join(", ");
}
