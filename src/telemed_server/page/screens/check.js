// Camera, microphone, loudspeaker and network, one line each. Nothing is asked before it is explained.

import { bars, fill, h, icon, say } from "../dom.js";
import { brightness, reason } from "../media.js";
import { Level, testSound, unlock } from "../sound.js";
import { button, frame, heading, notice, phone } from "./frame.js";

const LOOK_MS = 120;
const CELLS = 12;
const DARK = 45; // mean luma below which a face is hard to see
const HEARD = 0.35; // level of a voice at arm's length
const HEARD_LOOKS = 3;

/** The rung that the round trip allows, with its word: [bars, key]. */
export function linkRung(rtt) {
  if (rtt === null) return [0, "netWait"];
  if (rtt <= 400) return [4, "netVideo"];
  if (rtt <= 1200) return [2, "netSound"];
  return [1, "netWeak"];
}

function row(iconName) {
  const glyph = h("span", { class: "glyph" }, icon(iconName, "acc"));
  const title = h("div", { class: "m" });
  const note = h("div", { class: "c2 note" });
  const end = h("div", { class: "end" });
  const el = h("div", { class: "rw" }, glyph, h("div", { class: "grow" }, title, note), end);
  let state = null;
  return {
    el,
    end,
    show(done, titleWords, noteWords) {
      say(title, titleWords);
      say(note, noteWords);
      if (done !== state) {
        fill(glyph, icon(done ? "circle-check" : iconName, done ? "ok" : "acc"));
      }
      state = done;
    },
  };
}

function howTo(app) {
  return h(
    "ol",
    { class: "how" },
    [
      ["lock", "how1"],
      ["settings", "how2"],
      ["camera", "how3"],
    ].map(([name, key], at) =>
      h("li", null, h("b", null, String(at + 1)), icon(name), h("span", null, app.t(key))),
    ),
  );
}

export function check(app) {
  const check = app.checked; // what was found so far; survives a change of language
  const preview = h("video", { class: "preview", "aria-hidden": "true" });
  preview.muted = true;
  preview.playsInline = true;
  preview.autoplay = true;
  const see = row("camera");
  const hear = row("mic");
  const sound = row("volume-2");
  const net = row("settings");
  const meter = h("span", { class: "meter", "aria-hidden": "true" });
  for (let i = 0; i < CELLS; i += 1) meter.appendChild(h("i"));
  hear.end.appendChild(meter);
  const yes = h("button", { type: "button", class: "sb", id: "heard-yes", onclick: () => heard(true) }, app.t("yes"));
  const no = h("button", { type: "button", class: "sb", id: "heard-no", onclick: () => heard(false) }, app.t("no"));
  sound.end.appendChild(h("div", { class: "two" }, yes, no));
  const rows = h("div", { class: "rows" }, see.el, hear.el, sound.el, net.el);
  const why = h("p", { id: "why" });
  const problem = h("div", { id: "problem", role: "alert" });
  const allow = button("", () => open(!app.soundOnly), "");
  allow.id = "allow";
  const room = button(app.t("room"), () => app.enterRoom(), "");
  room.id = "room";
  const only = button("", () => switchSound(), "plain");
  only.id = "sound-only";
  const call = phone(app);
  let level = null;
  let timer = null;
  let shownProblem = null;
  let shownRung = null;

  async function open(withCamera) {
    unlock();
    app.problem = null;
    app.busy = true;
    app.update();
    try {
      await app.media.open(withCamera);
      app.update();
      if (check.heard === undefined) testSound();
    } catch (error) {
      const why = reason(error);
      if (withCamera) app.problem = { blocked: "blockedCamera", busy: "busyCamera", none: "noCamera" }[why];
      else app.problem = "blockedMic";
      check.how = why === "blocked";
    }
    app.busy = false;
    app.update();
  }

  async function switchSound() {
    app.setSoundOnly(!app.soundOnly || app.problem === "blockedMic");
    if (app.soundOnly) app.media.closeCamera();
    await open(!app.soundOnly);
  }

  function heard(answer) {
    check.heard = answer;
    if (!answer) testSound();
    app.update();
  }

  function look() {
    const cameraNow = app.media.camera;
    if (cameraNow) {
      const luma = brightness(preview);
      if (luma !== null && luma > 4) check.luma = luma;
    }
    if (level) {
      const now = level.read();
      if (now > HEARD) check.loud = (check.loud || 0) + 1;
      const lit = Math.round(now * CELLS);
      Array.from(meter.children).forEach((cell, at) => {
        cell.className = at < lit ? "f" : "";
      });
    }
    lines();
  }

  function lines() {
    const seen = check.luma !== undefined;
    const dark = seen && check.luma < DARK;
    see.show(seen, app.t(seen ? "see" : "seeWait"), seen ? app.t(dark ? "dark" : "light") : "");
    const loud = (check.loud || 0) >= HEARD_LOOKS;
    hear.show(loud, app.t(loud ? "hear" : "hearWait"), app.t("speak"));
    const note = check.heard === false ? app.t("louder") : "";
    sound.show(check.heard === true, app.t(check.heard ? "soundYes" : "sound"), note);
    yes.hidden = check.heard === true;
    no.textContent = app.t(check.heard === undefined ? "no" : "playAgain");
    const [rung, key] = linkRung(app.rtt);
    net.show(rung >= 2, app.t("net"), app.t(key));
    if (rung !== shownRung) fill(net.end, bars(rung));
    shownRung = rung;
  }

  const el = frame(
    app,
    [heading(app.t("check")), why, preview, rows, problem],
    [allow, room, only, call],
  );
  return {
    el,
    update() {
      const media = app.media;
      const open = Boolean(media.microphone && (media.camera || app.soundOnly));
      const words = app.offerHeld ? "ready" : app.busy ? "asking" : "checkWhy";
      say(why, app.soundOnly ? app.t("soundOnlyNow") : app.t(words));
      why.hidden = open && !app.soundOnly;
      preview.hidden = !media.camera;
      if (media.camera && preview.srcObject !== media.stream) preview.srcObject = media.stream;
      see.el.hidden = app.soundOnly;
      rows.hidden = !open;
      allow.hidden = open;
      allow.disabled = app.busy;
      allow.firstChild.textContent = app.t(
        app.problem ? "again" : app.soundOnly ? "allowMic" : "allow",
      );
      room.hidden = !open;
      only.firstChild.textContent = app.t(app.soundOnly ? "useVideo" : "soundOnlyUse");
      only.disabled = app.busy;
      if (call) call.hidden = !app.problem;
      if (shownProblem !== app.problem) {
        fill(
          problem,
          app.problem && notice("warn", "circle-alert", app.t(app.problem)),
          app.problem && check.how && [h("h2", null, app.t("how")), howTo(app)],
        );
        shownProblem = app.problem;
      }
      if (open && !level) level = new Level(new MediaStream([media.microphone]));
      if (open && !timer) timer = setInterval(look, LOOK_MS);
      lines();
    },
    close() {
      clearInterval(timer);
      if (level) level.close();
      preview.srcObject = null;
    },
  };
}
