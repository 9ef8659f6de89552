// From the link in the address, or from what a reload left, to the room. Only a touch opens the link.

import { JoinLink } from "./crypto.js";
import { unlock } from "./sound.js";

const FATAL = { link_not_valid: "expired", link_in_use: "used", link_too_early: "early" };

export class Arrival {
  constructor(app, jti) {
    this.app = app;
    this.jti = jti;
  }

  begin() {
    const app = this.app;
    const [version, secret] = location.hash.slice(1).split(".");
    const kept = app.session.data;
    if (secret && secret !== kept.secret) app.session.set({ secret });
    // The secret must not stay in the address: histories and screenshots keep addresses.
    history.replaceState(history.state, "", location.pathname);
    if (!window.crypto || !crypto.subtle || !window.RTCPeerConnection || !window.WebSocket) {
      return app.stop("oldBrowser");
    }
    if (history.state && history.state.ended && !secret) return app.go("ended");
    if ((secret && version !== "1") || !app.session.data.secret) return app.stop("incomplete");
    try {
      this.link = new JoinLink(this.jti, app.session.data.secret);
    } catch (error) {
      return app.stop("incomplete");
    }
    if (!kept.card) return app.go("welcome");
    return this.resume(kept);
  }

  async resume(kept) {
    const app = this.app;
    if (!(await this.openCard(kept.card))) return app.stop("incomplete");
    app.line.open(this.link, kept);
    const stage = kept.stage === "welcome" ? "join" : kept.stage;
    app.go(stage);
    if (stage === "waiting" || stage === "call") app.openMedia();
    if (stage === "call") app.calls.resume();
    if (stage === "check" || stage === "waiting") app.reports.start();
    return undefined;
  }

  /** The patient touched Continue: only now the link is opened at the server. */
  async join() {
    const app = this.app;
    unlock();
    app.busy = true;
    app.problem = null;
    app.update();
    let answer;
    let body = {};
    try {
      answer = await fetch("/v1/join/" + this.jti, { method: "POST", credentials: "same-origin" });
      body = await answer.json().catch(() => ({}));
    } catch (error) {
      app.problem = "notReached";
    }
    app.busy = false;
    if (answer && !answer.ok) {
      if (FATAL[body.code]) return app.stop(FATAL[body.code]);
      app.problem = answer.status === 429 ? "busy" : "notReached";
    }
    if (app.problem) return app.update();
    if (!(await this.openCard(body.card))) return app.stop("incomplete");
    app.session.set({ card: body.card });
    app.line.open(this.link, {});
    return app.go("join");
  }

  async openCard(box) {
    try {
      const card = JSON.parse(await this.link.open("card", box));
      if (![card.clinic, card.clinician, card.patient].every((x) => typeof x === "string")) {
        return false;
      }
      this.app.card = card;
      return true;
    } catch (error) {
      return false;
    }
  }
}
