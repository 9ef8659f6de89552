// The patient's page: which screen is shown, and what the parts tell one another.

import { Call } from "./call.js";
import { JoinLink } from "./crypto.js";
import { fill, say } from "./dom.js";
import { RoundTrip, kind, measureDown } from "./link.js";
import { Media } from "./media.js";
import { sendPhoto, takePhoto } from "./photo.js";
import { Room } from "./room.js";
import { call } from "./screens/call.js";
import { check } from "./screens/check.js";
import { ended } from "./screens/ended.js";
import { join } from "./screens/join.js";
import { stop } from "./screens/stop.js";
import { waiting } from "./screens/waiting.js";
import { welcome } from "./screens/welcome.js";
import { Session } from "./session.js";
import { ring, unlock } from "./sound.js";
import { clinician, words } from "./strings.js";
import { Talk } from "./talk.js";

const SCREENS = { welcome, join, check, waiting, call, ended, stop };
const IDENTITY_MS = 6000; // then go on; the desk may answer later
const LINK_MS = 15000;
const QUICK_PING_MS = 1000;
const LOST_MS = 1500;
const OFFER_MS = 8000; // admitted, but no offer has come
const ENDING_MS = 2500; // the seat ended; what was agreed may be on its way
const SENT_MS = 3000;

class App {
  constructor(jti) {
    this.jti = jti;
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
    this.down = null;
    this.media = new Media(() => this.mediaChanged());
    this.ignored = 0;
    this.out = Promise.resolve();
    this.calls = Promise.resolve();
    this.held = []; // offers and candidates that came before the patient was ready
    this.root = document.getElementById("page");
    this.voice = document.getElementById("said");
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

  stop(why) {
    this.stopReason = why;
    if (this.room) this.room.close();
    if (this.call) this.call.close();
    this.call = null;
    this.media.close();
    this.go("stop");
  }

  ignore() {
    this.ignored += 1;
    document.documentElement.dataset.ignored = String(this.ignored);
  }

  // ---- start

  begin() {
    const [version, secret] = location.hash.slice(1).split(".");
    const kept = this.session.data;
    if (secret && secret !== kept.secret) this.session.set({ secret });
    // The secret must not stay in the address: histories and screenshots keep addresses.
    history.replaceState(history.state, "", location.pathname);
    if (!window.crypto || !crypto.subtle || !window.RTCPeerConnection || !window.WebSocket) {
      return this.stop("oldBrowser");
    }
    if (history.state && history.state.ended && !secret) return this.go("ended");
    if ((secret && version !== "1") || !this.session.data.secret) return this.stop("incomplete");
    try {
      this.link = new JoinLink(this.jti, this.session.data.secret);
    } catch (error) {
      return this.stop("incomplete");
    }
    if (!kept.card) return this.go("welcome");
    return this.resume(kept);
  }

  async resume(kept) {
    if (!(await this.openCard(kept.card))) return this.stop("incomplete");
    this.openRoom(kept);
    const stage = kept.stage === "welcome" ? "join" : kept.stage;
    this.go(stage);
    if (stage === "waiting" || stage === "call") this.openMedia();
    if (stage === "call") {
      this.hadCall = true;
      this.needOffer();
    }
    if (stage === "check" || stage === "waiting") this.startLink();
    return undefined;
  }

  /** The patient touched Continue: only now the link is opened at the server. */
  async join() {
    unlock();
    this.busy = true;
    this.problem = null;
    this.update();
    let answer;
    let body = {};
    try {
      answer = await fetch("/v1/join/" + this.jti, { method: "POST", credentials: "same-origin" });
      body = await answer.json().catch(() => ({}));
    } catch (error) {
      this.problem = "notReached";
    }
    this.busy = false;
    if (answer && !answer.ok) {
      const fatal = { link_not_valid: "expired", link_in_use: "used", link_too_early: "early" };
      if (fatal[body.code]) return this.stop(fatal[body.code]);
      this.problem = answer.status === 429 ? "busy" : "notReached";
    }
    if (this.problem) return this.update();
    if (!(await this.openCard(body.card))) return this.stop("incomplete");
    this.session.set({ card: body.card });
    this.openRoom({});
    return this.go("join");
  }

  async openCard(box) {
    try {
      const card = JSON.parse(await this.link.open("card", box));
      if (![card.clinic, card.clinician, card.patient].every((x) => typeof x === "string")) {
        return false;
      }
      this.card = card;
      return true;
    } catch (error) {
      return false;
    }
  }

  // ---- the line to the clinic

  openRoom(kept) {
    this.talk = new Talk(this.link, kept.heard);
    const on = {
      seat: (frame) => this.seated(frame),
      box: (box) => this.heard(box),
      online: (online) => this.onlineChanged(online),
      rtt: (ms) => {
        this.trips.add(ms);
        this.update();
      },
      refused: (code) => this.refused(code),
      keep: (values) => this.session.set(Object.assign({ heard: this.talk.heard }, values)),
      failed: () => this.ignore(),
    };
    this.room = new Room(on, kept);
    this.room.connect();
  }

  /** Seal a message; resolves to a promise that the server keeps it. */
  async send(body) {
    const sealed = this.out.then(() => this.talk.seal(body));
    this.out = sealed.catch(() => {});
    const box = await sealed;
    return { stored: this.room.send(box) };
  }

  onlineChanged(online) {
    clearTimeout(this.lostTimer);
    if (online) this.lineLost = false;
    else {
      this.lostTimer = setTimeout(() => {
        this.lineLost = this.stage !== "ended";
        this.update();
      }, LOST_MS);
    }
    this.update();
  }

  refused(code) {
    document.documentElement.dataset.refused = code;
    if (this.stage === "ended") return;
    if (code === "replaced") this.stop("elsewhere");
    else if (code === "seat_ended") this.finish();
    else if (code === "no_seat") this.stop("used");
    else if (code === "link_not_valid") this.stop("expired");
  }

  seated(frame) {
    this.seat = frame;
    clearTimeout(this.seatTimer);
    if (frame.state === "ended") {
      this.seatTimer = setTimeout(() => this.finish(), ENDING_MS);
    } else if (frame.state === "admitted" && !this.call && !this.held.length) {
      this.seatTimer = setTimeout(() => this.needOffer(), OFFER_MS);
    }
    this.update();
  }

  async heard(box) {
    const body = await this.talk.open(box);
    if (!body) return this.ignore();
    if (body.t === "identity") this.identified(body);
    else if (body.t === "message") {
      this.messages.push(body.text);
      this.session.set({ messages: this.messages });
      this.update();
    } else if (body.t === "ended") {
      const lines = Array.isArray(body.agreed) ? body.agreed : [];
      this.agreed = lines.filter((line) => typeof line === "string");
      this.finish();
    } else {
      this.held.push(body);
      this.takeHeld();
    }
    return undefined;
  }

  // ---- who it is

  sendIntake() {
    const form = this.form;
    this.busy = true;
    this.session.set({ photos: form.photos });
    this.send({
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
    this.startLink();
  }

  // ---- waiting

  startLink() {
    if (this.linkTimer) return;
    let quick = 0;
    const ping = setInterval(() => {
      this.room.ping();
      quick += 1;
      if (quick >= 4) clearInterval(ping);
    }, QUICK_PING_MS);
    const report = () => {
      if (this.rtt === null || (this.stage !== "check" && this.stage !== "waiting")) return;
      const body = { t: "link", rtt_ms: Math.round(this.rtt * 10) / 10, kind: kind() };
      if (this.down !== null) body.down_kbps = this.down;
      if (this.room.online) this.send(body);
    };
    measureDown().then((kbps) => {
      this.down = kbps;
      report();
    });
    this.linkTimer = setInterval(report, LINK_MS);
  }

  enterRoom() {
    unlock();
    this.mediaAsked = true;
    this.go("waiting");
    this.sendState();
    this.takeHeld();
  }

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
    this.takeHeld();
  }

  mediaChanged() {
    if (this.call) this.call.refresh().catch(() => this.ignore());
    this.sendState();
    this.update();
    if (this.stage === "check") this.takeHeld();
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
    this.send(body);
  }

  async feelWorse() {
    this.worse = "sending";
    this.update();
    const sent = await this.send({ t: "worse", words: "" });
    this.session.set({ worse: "sending" });
    await sent.stored;
    this.worse = "told";
    this.session.set({ worse: "told" });
    this.update();
  }

  // ---- the call

  /** Offers wait until the patient has agreed and the microphone has been asked for. */
  takeHeld() {
    const ready =
      ((this.stage === "waiting" || this.stage === "call") && this.mediaAsked) ||
      (this.stage === "check" && this.media.microphone && (this.media.camera || this.soundOnly));
    const offers = this.held.filter((body) => body.t === "offer").length;
    this.offerHeld = !ready && offers > 0;
    if (!ready) return this.update();
    this.held.splice(0).forEach((body) => {
      this.calls = this.calls
        .then(() => (body.t === "offer" ? this.offered(body) : this.candidate(body)))
        .catch(() => this.ignore());
    });
    return undefined;
  }

  async offered(body) {
    if (this.stage === "ended" || this.stage === "stop") return;
    clearTimeout(this.seatTimer);
    clearTimeout(this.failTimer);
    if (!this.call || this.call.id !== body.call) {
      const servers = this.iceServers(body.ice_servers);
      const next = new Call(body.call, servers, this.media, (message) => this.send(message), {
        changed: () => this.callChanged(next),
        photo: (id) => this.photoAsked(id),
      });
      if (this.call) this.call.close();
      this.call = next;
      this.photo = null;
      if (!this.hadCall) ring();
      this.hadCall = true;
      say(this.voice, this.t("calling"));
    }
    this.mediaAsked = true;
    this.go("call");
    const call = this.call;
    try {
      await call.offer(body);
    } catch (error) {
      if (call === this.call) {
        call.state = "failed";
        this.failTimer = setTimeout(() => this.needOffer(), OFFER_MS);
      }
      throw error;
    }
    this.sendState();
    this.update();
  }

  iceServers(given) {
    const list = Array.isArray(given) && given.length ? given : (this.seat && this.seat.ice_servers) || [];
    return list
      .filter((server) => server && Array.isArray(server.urls) && server.urls.length)
      .map((server) => ({
        urls: server.urls,
        username: server.username || "",
        credential: server.credential || "",
      }));
  }

  async candidate(body) {
    if (this.call && this.call.id === body.call) await this.call.candidate(body);
  }

  callChanged(which) {
    if (which !== this.call) return;
    clearTimeout(this.failTimer);
    if (which.state === "failed") this.needOffer();
    this.update();
  }

  /** Ask for a fresh offer, and again until one comes. */
  needOffer() {
    clearTimeout(this.failTimer);
    if (this.stage === "ended" || this.stage === "stop") return;
    if (this.call && this.call.state !== "failed") return;
    if (this.room.online) this.send({ t: "need-offer" });
    this.failTimer = setTimeout(() => this.needOffer(), this.room.online ? OFFER_MS : 500);
  }

  async turnCamera() {
    if (this.busy || !this.media.camera) return;
    this.busy = true;
    await this.media.turn().catch(() => this.ignore());
    this.busy = false;
    this.update();
  }

  async toggleSoundOnly() {
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

  endCall() {
    this.asksEnd = false;
    this.send({ t: "bye" });
    this.finish();
  }

  // ---- photos

  photoAsked(id) {
    if (this.photo && this.photo.state === "sending") return;
    this.photo = { id, state: "asked", part: 0 };
    this.update();
  }

  declinePhoto() {
    this.call.tell({ t: "photo-declined", id: this.photo.id });
    this.photo = null;
    this.update();
  }

  async sendPhoto() {
    const photo = this.photo;
    const call = this.call;
    if (!photo || !call) return;
    const borrowed = !this.media.camera; // sound only: open the camera for this one picture
    photo.state = "sending";
    this.update();
    try {
      call.videoHeld = borrowed;
      if (borrowed) await this.media.open(true);
      const still = await takePhoto(this.media.camera);
      await sendPhoto(call.channel, photo.id, still, (part) => {
        photo.part = Math.round(part * 100);
        this.update();
      });
      photo.state = "sent";
      setTimeout(() => {
        if (this.photo === photo) this.photo = null;
        this.update();
      }, SENT_MS);
    } catch (error) {
      photo.state = "failed";
    }
    if (borrowed) this.media.closeCamera();
    call.videoHeld = false;
    this.update();
  }

  // ---- the end

  finish() {
    clearTimeout(this.seatTimer);
    clearTimeout(this.failTimer);
    clearInterval(this.linkTimer);
    if (this.stage === "ended" || this.stage === "stop") return this.update();
    if (this.call) this.call.close();
    this.call = null;
    this.photo = null;
    this.canRate = this.hadCall;
    this.lineLost = false;
    this.media.close();
    this.session.clear();
    history.replaceState({ ended: true }, "", location.pathname);
    return this.go("ended");
  }

  rate(value) {
    this.send({ t: "rating", value });
    this.rated = true;
    this.update();
  }

  // ---- the phone around the page

  async stayAwake() {
    const wanted = (this.stage === "waiting" || this.stage === "call") && !document.hidden;
    if (!navigator.wakeLock) return;
    if (!wanted && this.awake) {
      this.awake.release().catch(() => {});
      this.awake = null;
    }
    if (!wanted || (this.awake && !this.awake.released)) return;
    try {
      this.awake = await navigator.wakeLock.request("screen");
    } catch (error) {
      this.awake = null; // battery saver; the page works without
    }
  }

  shown() {
    this.stayAwake();
    this.sendState();
    if (!document.hidden && this.room && !this.room.closed) this.room.connectNow();
  }
}

const name = location.pathname.replace(/^\/j\//, "").replace(/\/$/, "");
const app = new App(name);
document.addEventListener("visibilitychange", () => app.shown());
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // came back from the history with its lines cut
});
window.addEventListener("hashchange", () => location.reload()); // the link was opened again in this tab
app.begin();
