// After the visit: what was agreed, how it went. Nothing of it is kept on the phone.

import { fill, h, icon } from "../dom.js";
import { frame, heading, phone } from "./frame.js";

export function ended(app) {
  const list = h("div", { "aria-live": "polite" });
  const rating = h("div", { "aria-live": "polite" });
  let shownAgreed = -1;
  let shownRated = null;

  function rate(value, key) {
    return h(
      "button",
      { type: "button", class: "pb plain grow", id: "rate-" + value, onclick: () => app.rate(value) },
      app.t(key),
    );
  }

  const number = app.card && app.card.clinic_phone;
  const el = frame(
    app,
    [
      h("div", { class: "done" }, icon("circle-check", "ok"), heading(app.t("ended"))),
      list,
      number &&
        h(
          "div",
          { class: "notice danger" },
          icon("phone"),
          h("div", null, app.t("atOnce"), h("div", { class: "b" }, number)),
        ),
      rating,
    ],
    [phone(app), h("p", { class: "c2 tiny mid" }, app.t("nothingStays"))],
  );
  return {
    el,
    update() {
      if (shownAgreed !== app.agreed.length) {
        shownAgreed = app.agreed.length;
        fill(
          list,
          shownAgreed > 0 &&
            h(
              "section",
              { class: "agreed" },
              h("h2", null, app.t("agreed")),
              h("ul", null, app.agreed.map((line) => h("li", { class: "rw" }, icon("circle-check", "acc"), h("span", null, line)))),
            ),
        );
      }
      if (shownRated !== app.rated) {
        shownRated = app.rated;
        if (!app.canRate) fill(rating);
        else if (app.rated) fill(rating, h("p", { class: "m", id: "thanks" }, app.t("thanks")));
        else {
          fill(
            rating,
            h("h2", { class: "m" }, app.t("rate")),
            h("div", { class: "three" }, rate("good", "good"), rate("fair", "fair"), rate("poor", "poor")),
          );
        }
      }
    },
  };
}
