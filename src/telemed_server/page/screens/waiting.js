// The waiting room: place in line, who is there, messages, "I feel worse", and the telephone.

import { button, fill, h, icon, point, say } from "../dom.js";
import { frame, heading, notice, phone } from "./frame.js";

export function waiting(app) {
  const seen = h("p", { class: "c2", id: "seen" });
  const number = h("span", { class: "place", "aria-hidden": "true" });
  const line = h("div", { class: "b", id: "place" });
  const card = h("div", { class: "queue" }, number, line);
  const preview = h("video", { class: "small", "aria-hidden": "true" });
  preview.muted = true;
  preview.playsInline = true;
  preview.autoplay = true;
  const media = h("div", { id: "media" });
  const messages = h("div", { id: "messages", "aria-live": "polite" });
  const worse = h("div", { class: "worse", "aria-live": "assertive" });
  let shown = "";

  function askAgain() {
    app.worse = "asking";
    app.update();
    el.querySelector("#worse-yes").focus();
  }

  function drawWorse() {
    if (shown === app.worse) return;
    shown = app.worse;
    const none = () => {
      app.worse = null;
      app.update();
      el.querySelector("#worse").focus();
    };
    if (app.worse === null) {
      const press = button(app.t("worse"), askAgain, "urgent", "hand");
      press.id = "worse";
      fill(worse, press);
    } else if (app.worse === "asking") {
      const yes = button(app.t("worseYes"), () => app.feelWorse(), "danger", "hand");
      yes.id = "worse-yes";
      const no = button(app.t("no"), none, "plain");
      no.id = "worse-no";
      fill(worse, h("div", { class: "ask" }, h("p", { class: "m" }, app.t("worseAsk")), yes, no));
    } else {
      const told = app.worse === "told";
      fill(
        worse,
        notice(
          "danger",
          told ? "circle-check" : "hand",
          h("div", { class: "m", id: "worse-state" }, app.t(told ? "worseTold" : "worseSending")),
          h("div", null, app.t("danger")),
        ),
      );
    }
  }

  const el = frame(
    app,
    [
      h("div", null, heading(app.t("waiting")), seen),
      card,
      h(
        "div",
        { class: "beside" },
        preview,
        h("ul", null, point("bell", app.t("keepOpen")), point("smartphone", app.t("charge"))),
      ),
      media,
      messages,
    ],
    [worse, phone(app)],
  );
  let shownMessages = -1;
  return {
    el,
    update() {
      const called = app.seat && app.seat.state === "admitted";
      card.hidden = !app.seat;
      if (app.seat) {
        const before = Math.max(0, app.seat.place - 1);
        fill(number, called ? icon("bell") : before === 0 ? icon("check") : String(before));
        say(
          line,
          called
            ? app.t("ready")
            : app.t(before === 0 ? "next" : before === 1 ? "before1" : "before", { n: before }),
        );
        say(
          seen,
          app.seat.desks_online > 0
            ? app.t("seen", { name: app.clinician() })
            : app.t("nobody"),
        );
      }
      const stream = app.media.camera ? app.media.stream : null;
      if (preview.srcObject !== stream) preview.srcObject = stream;
      preview.hidden = !stream;
      if (app.media.microphone || !app.mediaAsked) fill(media);
      else if (!media.firstChild) {
        fill(
          media,
          notice("warn", "circle-alert", app.t(app.soundOnly ? "blockedMic" : "asking")),
          button(app.t(app.soundOnly ? "allowMic" : "allow"), () => app.openMedia(), "plain"),
        );
      }
      if (shownMessages !== app.messages.length) {
        shownMessages = app.messages.length;
        fill(
          messages,
          app.messages.map((text) =>
            h("div", { class: "msg" }, h("div", { class: "c2 tiny" }, app.t("message")), h("div", { class: "m" }, text)),
          ),
        );
      }
      drawWorse();
    },
    close() {
      preview.srcObject = null;
    },
  };
}
