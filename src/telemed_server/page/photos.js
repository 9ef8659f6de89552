// A photo that the doctor asks for: asked, declined or taken, sent, and what is shown meanwhile.

import { sendPhoto, takePhoto } from "./photo.js";

const SENT_MS = 3000;

export class Photos {
  constructor(app) {
    this.app = app;
  }

  asked(id) {
    const app = this.app;
    if (app.photo && app.photo.state === "sending") return;
    app.photo = { id, state: "asked", part: 0 };
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
    const { photo, call, media } = app;
    if (!photo || !call) return;
    const borrowed = !media.camera; // sound only: open the camera for this one picture
    photo.state = "sending";
    app.update();
    try {
      call.videoHeld = borrowed;
      if (borrowed) await media.open(true);
      const still = await takePhoto(media.camera);
      await sendPhoto(call.channel, photo.id, still, (part) => {
        photo.part = Math.round(part * 100);
        app.update();
      });
      photo.state = "sent";
      setTimeout(() => {
        if (app.photo === photo) app.photo = null;
        app.update();
      }, SENT_MS);
    } catch (error) {
      photo.state = "failed";
    }
    if (borrowed) media.closeCamera();
    call.videoHeld = false;
    app.update();
  }
}
