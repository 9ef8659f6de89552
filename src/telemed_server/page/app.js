// The state of one visit that the screens draw, which screen is shown, and what the patient does on them.

import { Arrival } from "./arrival.js";
import { Awake } from "./awake.js";
import { Calls } from "./calls.js";
import { Devices } from "./devices.js";
import { fill, say } from "./dom.js";
import { Line } from "./line.js";
import { RoundTrip } from "./link.js";
import { Media } from "./media.js";
import { Photos } from "./photos.js";
import { Reports } from "./reports.js";
import { call } from "./screens/call.js";
import { check } from "./screens/check.js";
import { ended } from "./screens/ended.js";
import { join } from "./screens/join.js";
import { stop } from "./screens/stop.js";
import { waiting } from "./screens/waiting.js";
import { welcome } from "./screens/welcome.js";
import { Session } from "./session.js";
import { unlock } from "./sound.js";
import { clinician, words } from "./strings.js";

const SCREENS = { welcome, join, check, waiting, call, ended, stop };
const IDENTITY_MS = 6000; // then go on; the desk may answer later

export class App {
  constructor(jti) {
    this.session = new Session(jti);
    const kept = this.session.data;
    this.lang = kept.lang || (/^sw/i.test(navigator.language || "") ? "sw" : "en");
    this.form = { who: "self", name: "", year: "", care: false, photos: Boolean(kept.photos) };
    this.soundOnly = Boolean(kept.soundOnly);
    this.messages = kept.messages || [];
    this.worse = kept.worse || null;
    this.agreed = [];
    this.rated = false;
    this.checked = {};
    this.trips = new RoundTrip();
    this.media = new Media(() => this.mediaChanged(), kept.facing);
    this.devices = new Devices(this);
    this.ignored = 0;
    this.root = document.getElementById("page");
    this.arrival = new Arrival(this, jti);
    this.line = new Line(this);
    this.calls = new Calls(this);
    this.photos = new Photos(this);
    this.reports = new Reports(this);
    this.awake = new Awake();
  }

  // ---- words and screens

  t(key, values) {
    return words(this.lang, key, values);
  }

  clinician() {
    return clinician(this.lang, this.card.clinician);
  }

  get rtt() {
    return this.trips.median;
  }

  setLanguage(lang) {
    this.lang = lang;
    this.session.set({ lang });
    const focused = document.activeElement && document.activeElement.id;
    this.draw();
    const again = focused && document.getElementById(focused);
    if (again) again.focus();
  }

  go(stage) {
    if (stage === this.stage) return this.update();
    this.stage = stage;
    this.problem = null;
    this.busy = false;
    if (stage !== "ended" && stage !== "stop") this.session.set({ stage });
    this.draw();
    window.scrollTo(0, 0);
    const title = this.root.querySelector("h1");
    if (title) title.focus({ preventScroll: true });
    this.stayAwake();
    return undefined;
  }

  draw() {
    if (this.screen && this.screen.close) this.screen.close();
    document.documentElement.lang = this.lang;
    document.title = this.card ? this.t("title") + ", " + this.card.clinic : this.t("title");
    this.screen = SCREENS[this.stage](this);
    this.screen.update();
    fill(this.root, this.screen.el);
    this.update();
  }

  update() {
    if (!this.screen) return;
    this.screen.update();
    const lost = document.getElementById("lost");
    if (!lost) return;
    lost.hidden = !this.lineLost;
    const number = this.card && this.card.clinic_phone ? " " + this.card.clinic_phone : "";
    say(lost, this.lineLost ? this.t("lost") + number : "");
  }

  /** The visit cannot go on here; `why` is a key of strings.js. */
  stop(why) {
    this.stopReason = why;
    this.line.close();
    this.calls.leave();
    this.media.close();
    this.go("stop");
  }

  ignore() {
    this.ignored += 1;
    document.documentElement.dataset.ignored = String(this.ignored);
  }

  // ---- who it is

  sendIntake() {
    const form = this.form;
    this.busy = true;
    this.session.set({ photos: form.photos });
    this.line.send({
      t: "intake",
      who: form.who,
      name: form.who === "self" ? this.card.patient : form.name.trim(),
      year_of_birth: Number(form.year),
      consent_care: form.care,
      consent_photos: form.photos,
      language: this.lang,
      sound_only: this.soundOnly,
    });
    const nobody = this.seat && this.seat.desks_online === 0;
    clearTimeout(this.identityTimer);
    this.identityTimer = setTimeout(() => this.toCheck(), nobody ? 0 : IDENTITY_MS);
  }

  identified(body) {
    clearTimeout(this.identityTimer);
    this.identity = body;
    if (body.ok) {
      if (this.stage === "join" && this.busy) this.toCheck();
      return;
    }
    if (this.stage === "call" || this.stage === "ended") return;
    this.go("join");
    this.busy = false;
    this.problem = "wrongYear";
    this.shownProblem = null;
    this.update();
  }

  toCheck() {
    if (this.stage !== "join") return;
    this.form.year = ""; // sent; the phone need not know it any longer
    this.go("check");
    this.reports.start();
  }

  // ---- waiting

  enterRoom() {
    unlock();
    this.mediaAsked = true;
    this.go("waiting");
    this.sendState();
    this.calls.takeHeld();
  }

  messaged(text) {
    this.messages.push(text);
    this.session.set({ messages: this.messages });
    this.update();
  }

  async feelWorse() {
    this.worse = "sending";
    this.update();
    const sent = await this.line.send({ t: "worse", words: "" });
    this.session.set({ worse: "sending" });
    await sent.stored;
    this.worse = "told";
    this.session.set({ worse: "told" });
    this.update();
  }

  // ---- camera and microphone

  setSoundOnly(soundOnly) {
    this.soundOnly = soundOnly;
    this.session.set({ soundOnly });
  }

  async openMedia() {
    unlock();
    try {
      await this.media.open(!this.soundOnly);
    } catch (error) {
      await this.media.open(false).catch(() => {});
    }
    this.mediaAsked = true;
    this.update();
    this.calls.takeHeld();
  }

  mediaChanged() {
    this.devices.changed();
    if (this.call) this.call.refresh().catch(() => this.ignore());
    this.sendState();
    this.update();
    if (this.stage === "check") this.calls.takeHeld();
  }

  sendState() {
    if (this.stage !== "waiting" && this.stage !== "call") return;
    const body = {
      t: "state",
      camera: Boolean(this.media.camera),
      microphone: Boolean(this.media.microphone) && !this.media.muted,
      visible: !document.hidden,
    };
    const text = JSON.stringify(body);
    if (text === this.lastState) return;
    this.lastState = text;
    this.line.send(body);
  }

  async turnCamera() {
    if (this.busy || !this.media.camera) return;
    this.busy = true;
    await this.media.turn().catch(() => this.ignore());
    this.session.set({ facing: this.media.facing });
    this.busy = false;
    this.update();
  }

  async toggleSoundOnly() {
    this.media.lost.camera = false;
    if (this.media.camera) {
      this.setSoundOnly(true);
      this.media.closeCamera();
      return;
    }
    this.busy = true;
    this.update();
    this.setSoundOnly(false);
    await this.media.open(true).catch(() => this.setSoundOnly(true));
    this.busy = false;
    this.update();
  }

  // ---- the end

  endCall() {
    this.asksEnd = false;
    this.line.send({ t: "bye" });
    this.finish();
  }

  /** The desk ended the visit and says what was agreed. */
  endedBy(body) {
    const lines = Array.isArray(body.agreed) ? body.agreed : [];
    this.agreed = lines.filter((line) => typeof line === "string");
    this.finish();
  }

  finish() {
    this.calls.rest();
    this.reports.stop();
    if (this.stage === "ended" || this.stage === "stop") return this.update();
    this.photos.forget();
    this.calls.leave();
    this.photo = null;
    this.canRate = this.calls.had;
    this.lineLost = false;
    this.media.close();
    this.session.clear();
    history.replaceState({ ended: true }, "", location.pathname);
    return this.go("ended");
  }

  rate(value) {
    this.line.send({ t: "rating", value });
    this.rated = true;
    this.update();
  }

  // ---- the phone around the page

  stayAwake() {
    const wanted = (this.stage === "waiting" || this.stage === "call") && !document.hidden;
    return this.awake.want(wanted);
  }

  shown() {
    this.stayAwake();
    this.sendState();
    if (document.hidden) return;
    this.line.wake();
    this.devices.back();
    if (this.screen && this.screen.shown) this.screen.shown();
  }
}
