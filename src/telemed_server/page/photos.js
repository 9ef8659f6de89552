// A photo that the doctor asks for: asked, declined or taken, sent, and what is shown meanwhile.

import { takePhoto } from "./photo.js";
import { PhotoSending } from "./photo-sending.js";

const SHOWN_MS = 3000;

const isId = (id) => typeof id === "string" && id.length > 0 && id.length <= 64;

export class Photos {
  constructor(app) {
    this.app = app;
    this.sending = null; // the one photo that this phone holds
  }

  /** What the desk says of photos, on the call's channel. */
  told(message) {
    const id = message.id;
    if (!isId(id)) return;
    const mine = this.sending && this.sending.id === id;
    if (message.t === "photo-request") this.asked(id, 0);
    else if (message.t === "photo-resume") this.asked(id, message.from);
    else if (message.t === "photo-credit" && mine) this.sending.allowed(message);
    else if (message.t === "photo-done" && mine) this.done(message.ok === true);
    else if (message.t === "photo-done") this.withdrawn(id);
  }

  /** A photo that is held goes on its way without asking again; the patient gave it already. */
  asked(id, from) {
    const app = this.app;
    const held = this.sending && this.sending.id === id ? this.sending : null;
    if (held && !held.data) return; // it is about to begin by itself
    if (held && held.begin(app.call.channel, from)) {
      app.photo = { id, state: "sending", part: 0 };
      app.call.sending.setPhoto(true);
      held.pump();
    } else if (held || !app.photo || app.photo.id !== id || app.photo.state === "sent") {
      this.forget();
      app.photo = { id, state: "asked", part: 0 };
    }
    app.update();
  }

  decline() {
    const app = this.app;
    app.call.tell({ t: "photo-declined", id: app.photo.id });
    app.photo = null;
    app.update();
  }

  async send() {
    const app = this.app;
    const { photo, media } = app;
    if (!photo || !app.call) return;
    const borrowed = !media.camera; // sound only: open the camera for this one picture
    photo.state = "sending";
    app.update();
    try {
      if (borrowed) app.call.hold(true);
      if (borrowed) await media.open(true);
      const still = await takePhoto(media.camera);
      this.forget();
      this.sending = new PhotoSending(photo.id, still, (part) => this.progress(part));
      await this.sending.ready();
      app.call.sending.setPhoto(true);
      // Without an open channel it waits: the desk asks for it again on the next one.
      if (app.call.open) this.sending.begin(app.call.channel, 0);
    } catch (error) {
      photo.state = "failed";
      this.forget();
    }
    if (borrowed) media.closeCamera();
    if (borrowed && app.call) app.call.hold(false);
    app.update();
  }

  progress(part) {
    const photo = this.app.photo;
    if (!photo || photo.state !== "sending") return;
    const percent = Math.floor(part * 100);
    if (percent === photo.part) return;
    photo.part = percent;
    this.app.update();
  }

  /** The desk has all of it and can read it, or gives up. */
  done(ok) {
    const { photo } = this.app;
    this.forget();
    if (!photo) return;
    photo.state = ok ? "sent" : "failed";
    photo.over = true;
    this.clearLater(photo);
    this.app.update();
  }

  /** The doctor no longer waits for a photo that was not yet taken. */
  withdrawn(id) {
    const app = this.app;
    if (!app.photo || app.photo.id !== id || app.photo.state === "sent") return;
    app.photo = null;
    app.update();
  }

  clearLater(photo) {
    setTimeout(() => {
      if (this.app.photo === photo) this.app.photo = null;
      this.app.update();
    }, SHOWN_MS);
  }

  /** Nothing of a photo stays. */
  forget() {
    if (this.sending) this.sending.forget();
    this.sending = null;
    if (this.app.call) this.app.call.sending.setPhoto(false);
  }
}
