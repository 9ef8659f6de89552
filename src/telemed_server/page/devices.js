// Camera or microphone gone in the middle of a visit: tried again by itself when it can come back, and
// otherwise the patient is told what to do. The call goes on with what is there.

import { reason } from "./media.js";

const AGAIN_MS = 1000; // a headset is pulled out: the phone's own microphone takes a moment

export class Devices {
  constructor(app) {
    this.app = app;
    this.why = null; // why it could not be had again: "blocked", "busy", "none"
    this.dismissed = false;
    if (navigator.mediaDevices && navigator.mediaDevices.addEventListener) {
      navigator.mediaDevices.addEventListener("devicechange", () => this.back());
    }
  }

  /** What is missed and has to be said: "microphone", "camera", or null. */
  get missing() {
    const { media, stage, mediaAsked, soundOnly } = this.app;
    if (stage !== "call" || !mediaAsked || this.dismissed || this.trying) return null;
    if (!media.microphone) return "microphone";
    return media.lost.camera && !soundOnly ? "camera" : null;
  }

  changed() {
    const { lost, microphone } = this.app.media;
    if (!lost.camera && !lost.microphone) {
      if (microphone) this.dismissed = false;
      return;
    }
    clearTimeout(this.timer);
    this.trying = true;
    this.timer = setTimeout(() => this.again(), AGAIN_MS);
  }

  /** The page is in front again, or a device was plugged in. */
  back() {
    const { app } = this;
    if (app.stage !== "call" && app.stage !== "waiting") return;
    if (app.mediaAsked && app.media.look()) this.changed();
  }

  /** Open what is missing; also the patient's "try again". */
  async again() {
    const { app } = this;
    clearTimeout(this.timer);
    if (app.stage === "ended" || app.stage === "stop") return;
    this.trying = true;
    this.dismissed = false;
    const camera = !app.soundOnly;
    try {
      await app.media.open(camera);
      this.why = null;
    } catch (error) {
      this.why = reason(error);
      // one of the two may be there
      if (camera) await app.media.open(false).catch(() => {});
      if (camera && !app.media.camera) await app.media.openCamera().catch(() => {});
    }
    this.trying = false;
    app.update();
  }

  /** Go on without it. */
  dismiss() {
    this.dismissed = true;
    this.app.update();
  }
}
