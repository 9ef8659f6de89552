// The call: the doctor large, the own picture small, four buttons with words, and cards over the picture.

import { bars, button, fill, h, icon, say } from "../dom.js";
import { others } from "../people.js";
import { unlock } from "../sound.js";

const COUNT_MS = 1000;

function control(id, onclick) {
  const glyph = h("i", { "aria-hidden": "true" });
  const label = h("span");
  const el = h("button", { type: "button", class: "rb2", id, onclick }, glyph, label);
  let shown = null;
  return {
    el,
    show(iconName, words, pressed) {
      if (shown !== iconName) fill(glyph, icon(iconName));
      shown = iconName;
      glyph.className = id === "end" ? "e" : pressed ? "p" : "";
      say(label, words);
    },
  };
}

function film(id) {
  const video = h("video", { id });
  video.playsInline = true;
  video.autoplay = true;
  return video;
}

export function call(app) {
  const remote = film("remote");
  const screen = film("screen");
  const own = film("own");
  own.muted = true;
  screen.muted = true;
  remote.setAttribute("aria-label", app.t("doctor"));
  own.setAttribute("aria-label", app.t("you"));
  const ownBox = h("div", { class: "own" }, own, h("span", { id: "count", "aria-live": "assertive" }));
  const count = ownBox.lastChild;
  const name = h("h1", { class: "tag", tabindex: "-1" }, app.clinician());
  const link = h("div", { class: "tag link", id: "link", role: "status" });
  const quiet = h("div", { class: "quiet", role: "status" });
  const cards = h("div", { class: "cards", "aria-live": "polite" });
  const mute = control("mute", () => app.media.setMuted(!app.media.muted));
  const turn = control("turn", () => app.turnCamera());
  const only = control("sound", () => app.toggleSoundOnly());
  const end = control("end", () => {
    app.asksEnd = true;
    app.update();
    el.querySelector("#go-on").focus();
  });
  let shownCard = "";
  let shownLink = "";

  async function play() {
    app.muffled = false;
    try {
      await remote.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return; // a new stream came in between
      app.muffled = true;
      app.update();
    }
  }

  async function countDown() {
    app.photo.state = "count";
    for (let left = 3; left > 0; left -= 1) {
      app.photo.left = left;
      app.update();
      await new Promise((done) => {
        setTimeout(done, COUNT_MS);
      });
    }
    await app.photos.send();
  }

  function photoCard() {
    const photo = app.photo;
    if (photo.state === "sending") {
      return [h("p", { class: "m", id: "photo-part" }, app.t("photoSending", { part: photo.part }))];
    }
    if (photo.over && photo.state === "failed") return [h("p", { class: "m" }, app.t("photoNotSent"))];
    if (photo.state === "sent") return [h("p", { class: "m" }, app.t("photoSent"))];
    if (photo.state === "count") return [h("p", { class: "m" }, app.t("hold"))];
    const take = button(app.t("takePhoto"), countDown, "", "camera");
    take.id = "take-photo";
    const no = button(app.t("notNow"), () => app.photos.decline(), "plain");
    no.id = "not-now";
    return [
      h("p", { class: "m" }, app.t(photo.state === "failed" ? "photoFailed" : "askPhoto")),
      !app.form.photos && h("p", { class: "c2 small" }, app.t("photoNoYet")),
      h("div", { class: "two" }, take, no),
    ];
  }

  function endCard() {
    const stop = button(app.t("end"), () => app.endCall(), "danger", "phone-off");
    stop.id = "end-yes";
    const on = button(
      app.t("goOn"),
      () => {
        app.asksEnd = false;
        app.update();
        end.el.focus();
      },
      "plain",
    );
    on.id = "go-on";
    return [h("p", { class: "m" }, app.t("endAsk")), h("div", { class: "two" }, stop, on)];
  }

  function hearCard() {
    const hear = button(
      app.t("tapToHear"),
      () => {
        unlock();
        play();
        app.update();
      },
      "",
      "volume-2",
    );
    hear.id = "hear";
    return [hear];
  }

  function deviceCard() {
    const { devices } = app;
    const again = button(app.t("tryAgain"), () => devices.again());
    again.id = "device-again";
    const without = button(app.t("goOnWithout"), () => devices.dismiss(), "plain");
    without.id = "device-without";
    return [
      h("p", { class: "m" }, app.t(devices.missing === "microphone" ? "micGone" : "cameraGone")),
      h("p", { class: "c2 small" }, app.t("allowAgain")),
      h("div", { class: "two" }, again, without),
    ];
  }

  function drawCard() {
    let make = null;
    let key = "";
    if (app.asksEnd) [key, make] = ["end", endCard];
    else if (app.devices.missing) [key, make] = ["device" + app.devices.missing, deviceCard];
    else if (app.muffled) [key, make] = ["hear", hearCard];
    else if (app.photo) [key, make] = ["photo" + app.photo.state + (app.photo.part || 0), photoCard];
    if (key === shownCard) return;
    shownCard = key;
    fill(cards, make && h("div", { class: "card" }, make()));
  }

  function drawLink() {
    const pc = app.call;
    const lost = pc && (pc.state === "lost" || pc.state === "failed");
    const key = !pc || pc.state === "new" ? "joining" : lost ? "lost" : pc.quality === "weak" ? "linkWeak" : "linkGood";
    if (key === shownLink) return;
    shownLink = key;
    const level = { linkGood: 4, linkWeak: 2 }[key] || 0;
    fill(link, level ? bars(level) : null, app.t(key));
  }

  const stage = h(
    "main",
    { class: "stage" },
    remote,
    screen,
    h("div", { class: "top" }, h("div", { class: "tags" }, name, link), ownBox),
    h("div", { class: "bottom" }, quiet, cards),
  );
  const el = h(
    "div",
    { class: "screen call" },
    stage,
    h("div", { class: "controls" }, mute.el, turn.el, only.el, end.el),
  );
  return {
    el,
    update() {
      const pc = app.call;
      const media = app.media;
      if (pc && remote.srcObject !== pc.remote) {
        remote.srcObject = pc.remote;
        play();
      }
      const shares = Boolean(pc && pc.seesScreen);
      if (shares && !screen.srcObject) {
        screen.srcObject = new MediaStream([pc.screen]);
        screen.play().catch(() => {});
      } else if (!shares && screen.srcObject) screen.srcObject = null;
      screen.hidden = !shares;
      stage.className = shares ? "stage shares" : "stage"; // the doctor small beside it
      const connected = Boolean(pc && pc.state === "connected");
      const sees = Boolean(pc && pc.seesVideo);
      const lost = pc && (pc.state === "lost" || pc.state === "failed");
      const held = pc && !pc.videoAllowed && media.camera;
      say(quiet, lost ? app.t("lost") : held ? app.t(pc.videoChosen ? "videoChosen" : "videoOff") : sees ? "" : app.t(connected ? "doctor" : "joining"));
      quiet.className = "quiet" + (sees && !lost ? " low" : "");
      quiet.hidden = !quiet.textContent;
      if (own.srcObject !== media.stream) own.srcObject = media.stream;
      const counting = Boolean(app.photo && app.photo.state === "count" && media.camera);
      ownBox.hidden = !media.camera;
      ownBox.className = "own" + (counting ? " large" : "") + (media.facing === "user" ? " mirror" : "");
      say(count, counting ? String(app.photo.left) : "");
      mute.show(media.muted ? "mic-off" : "mic", app.t(media.muted ? "unmute" : "mute"), media.muted);
      turn.show("rotate-cw", app.t("turn"), false);
      turn.el.disabled = !media.camera;
      only.show(media.camera ? "video-off" : "video", app.t(media.camera ? "soundOnly" : "videoOn"), false);
      only.el.disabled = app.busy;
      end.show("phone-off", app.t("end"), false);
      say(name, [app.clinician(), others(app)].filter(Boolean).join(", "));
      drawLink();
      drawCard();
    },
    /** The page is in front again: some phones stop what plays while it is not. */
    shown() {
      if (remote.srcObject && remote.paused) play();
    },
    close() {
      remote.srcObject = null;
      screen.srcObject = null;
      own.srcObject = null;
    },
  };
}
