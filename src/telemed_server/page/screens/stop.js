// The link cannot be used, or this browser cannot: why, and what to do.

import { h } from "../dom.js";
import { button, frame, heading, notice, phone } from "./frame.js";

export function stop(app) {
  const again = app.stopReason === "elsewhere" || app.stopReason === "broken";
  return {
    el: frame(
      app,
      [
        heading(app.t("stop")),
        h("div", { id: "problem" }, notice("warn", "circle-alert", app.t(app.stopReason))),
      ],
      [again && button(app.t("again"), () => location.reload(), ""), phone(app)],
    ),
    update() {},
  };
}
