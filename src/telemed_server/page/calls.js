// Which call the visit is in: offers wait until the patient is ready, a new one replaces the old, and
// when none comes or the connection fails a fresh one is asked for.

import { Call } from "./call.js";
import { say } from "./dom.js";
import { ring } from "./sound.js";

const OFFER_MS = 8000; // admitted, but no offer has come
const PATH_MS = 4000; // the path is silent, and none has come that is not
const ENDING_MS = 2500; // the seat ended; what was agreed may be on its way

export class Calls {
  constructor(app) {
    this.app = app;
    this.work = Promise.resolve();
    this.held = []; // offers and candidates that came before the patient was ready
    this.had = false; // whether there was any call in this visit
    this.voice = document.getElementById("said");
    const network = navigator.connection;
    if (network && network.addEventListener) network.addEventListener("change", () => this.moved());
    window.addEventListener("online", () => this.moved());
  }

  /** The page was reloaded in the middle of a call. */
  resume() {
    this.had = true;
    this.needOffer();
  }

  seated(frame) {
    const app = this.app;
    clearTimeout(this.seatTimer);
    if (frame.state === "ended") {
      this.seatTimer = setTimeout(() => app.finish(), ENDING_MS);
    } else if (frame.state === "admitted" && !app.call && !this.held.length) {
      this.seatTimer = setTimeout(() => this.needOffer(), OFFER_MS);
    }
  }

  /** An offer or a candidate from the desk. */
  take(body) {
    this.held.push(body);
    this.takeHeld();
  }

  /** Offers wait until the patient has agreed and the microphone has been asked for. */
  takeHeld() {
    const app = this.app;
    const { stage, media } = app;
    const ready =
      ((stage === "waiting" || stage === "call") && app.mediaAsked) ||
      (stage === "check" && media.microphone && (media.camera || app.soundOnly));
    const offers = this.held.filter((body) => body.t === "offer").length;
    app.offerHeld = !ready && offers > 0;
    if (!ready) return app.update();
    this.held.splice(0).forEach((body) => {
      this.work = this.work
        .then(() => (body.t === "offer" ? this.offered(body) : this.candidate(body)))
        .catch(() => app.ignore());
    });
    return undefined;
  }

  async offered(body) {
    const app = this.app;
    if (app.stage === "ended" || app.stage === "stop") return;
    clearTimeout(this.seatTimer);
    clearTimeout(this.failTimer);
    if (!app.call || app.call.id !== body.call) this.replace(body);
    app.mediaAsked = true;
    app.go("call");
    const call = app.call;
    if (call.revision >= 0) call.useServers(this.iceServers(body.ice_servers));
    try {
      await call.offer(body);
    } catch (error) {
      if (call === app.call) {
        call.state = "failed";
        this.failTimer = setTimeout(() => this.needOffer(), OFFER_MS);
      }
      throw error;
    }
    app.sendState();
    app.update();
  }

  replace(body) {
    const app = this.app;
    const servers = this.iceServers(body.ice_servers);
    const next = new Call(body.call, servers, app.media, (message) => app.line.send(message), {
      changed: () => this.changed(next),
      photo: (message) => app.photos.told(message),
      hint: app.session.data.hint,
      keepHint: (hint) => app.session.set({ hint }),
    });
    if (app.call) app.call.close();
    app.call = next;
    // A photo on its way goes on in the new call; one that was only asked for is asked for again.
    if (app.photo && !app.photos.sending) app.photo = null;
    if (!this.had) ring();
    this.had = true;
    say(this.voice, app.t("calling"));
  }

  iceServers(given) {
    const seat = this.app.seat;
    const list = Array.isArray(given) && given.length ? given : (seat && seat.ice_servers) || [];
    return list
      .filter((server) => server && Array.isArray(server.urls) && server.urls.length)
      .map((server) => ({
        urls: server.urls,
        username: server.username || "",
        credential: server.credential || "",
      }));
  }

  async candidate(body) {
    const call = this.app.call;
    if (call && call.id === body.call) await call.candidate(body);
  }

  changed(which) {
    if (which !== this.app.call) return;
    clearTimeout(this.failTimer);
    if (which.state === "failed") this.failTimer = setTimeout(() => this.needOffer(), OFFER_MS);
    if (which.state === "failed" || which.state === "lost") this.needPath();
    this.app.update();
  }

  /** The line to the clinic is back: what was asked for meanwhile was not heard. */
  lineBack() {
    const call = this.app.call;
    if (call && (call.state === "lost" || call.state === "failed")) this.needPath();
  }

  /** Ask for another path in this call, and again until something is heard. */
  needPath() {
    const { app } = this;
    const call = app.call;
    clearTimeout(this.pathTimer);
    if (!call || call.closed || app.stage === "ended" || app.stage === "stop") return;
    if (app.line.online) app.line.send({ t: "need-path", call: call.id });
    app.line.wake(); // is the line dead too?
    this.pathTimer = setTimeout(() => {
      if (call === app.call && call.state !== "connected") this.needPath();
    }, PATH_MS);
  }

  /** This phone changed its network: do not wait until silence tells. */
  moved() {
    if (this.app.call && this.app.call.state !== "new") this.needPath();
  }

  /** Ask for a fresh offer, and again until one comes. */
  needOffer() {
    const app = this.app;
    clearTimeout(this.failTimer);
    if (app.stage === "ended" || app.stage === "stop") return;
    if (app.call && app.call.state !== "failed") return;
    if (app.line.online) app.line.send({ t: "need-offer" });
    this.failTimer = setTimeout(() => this.needOffer(), app.line.online ? OFFER_MS : 500);
  }

  /** The visit is over: nothing is waited for any longer. */
  rest() {
    clearTimeout(this.seatTimer);
    clearTimeout(this.failTimer);
    clearTimeout(this.pathTimer);
  }

  /** Leave the call, if there is one. */
  leave() {
    if (this.app.call) this.app.call.close();
    this.app.call = null;
  }
}
