// Before the first touch: nothing about the person, nothing sent. The touch opens the link.

import { fill, h, point } from "../dom.js";
import { button, frame, heading, notice } from "./frame.js";

export function welcome(app) {
  const problem = h("div", { role: "alert" });
  const go = button(app.t("go"), () => app.arrival.join(), "", "arrow-right", true);
  go.id = "continue";
  const el = frame(
    app,
    [
      h("div", null, heading(app.t("title")), h("p", { class: "c2" }, app.t("invited"))),
      h(
        "ul",
        { class: "know" },
        point("smartphone", app.t("step1")),
        point("camera", app.t("step2")),
        point("bell", app.t("step3")),
      ),
      problem,
    ],
    [go],
  );
  return {
    el,
    update() {
      go.disabled = app.busy;
      go.firstChild.textContent = app.t(app.busy ? "opening" : "go");
      if (app.problem) fill(problem, notice("warn", "circle-alert", app.t(app.problem)));
      else fill(problem);
    },
  };
}
