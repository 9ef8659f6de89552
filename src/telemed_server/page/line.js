// The visit's line to the clinic: sealing what goes out, handing on what comes in, and saying when it is lost.

import { peopleTold } from "./people.js";
import { Room } from "./room.js";
import { Talk } from "./talk.js";

const LOST_MS = 1500; // a shorter cut is not worth alarming anybody

export class Line {
  constructor(app) {
    this.app = app;
    this.out = Promise.resolve();
  }

  /** `kept` is what the session holds from before a reload. */
  open(link, kept) {
    const app = this.app;
    this.talk = new Talk(link, kept.heard);
    const on = {
      seat: (frame) => this.seated(frame),
      box: (box) => this.heard(box),
      online: (online) => this.onlineChanged(online),
      rtt: (ms) => {
        app.trips.add(ms);
        app.update();
      },
      refused: (code) => this.refused(code),
      keep: (values) => app.session.set(Object.assign({ heard: this.talk.heard }, values)),
      failed: () => app.ignore(),
    };
    this.room = new Room(on, kept);
    this.room.connect();
  }

  get online() {
    return this.room.online;
  }

  ping() {
    this.room.ping();
  }

  /** Seal a message; resolves to a promise that the server keeps it. */
  async send(body) {
    const sealed = this.out.then(() => this.talk.seal(body));
    this.out = sealed.catch(() => {});
    const box = await sealed;
    return { stored: this.room.send(box) };
  }

  onlineChanged(online) {
    const app = this.app;
    clearTimeout(this.lostTimer);
    if (online) {
      app.lineLost = false;
      app.calls.lineBack();
    } else {
      this.lostTimer = setTimeout(() => {
        app.lineLost = app.stage !== "ended";
        app.update();
      }, LOST_MS);
    }
    app.update();
  }

  refused(code) {
    const app = this.app;
    document.documentElement.dataset.refused = code;
    if (app.stage === "ended") return;
    if (code === "replaced") app.stop("elsewhere");
    else if (code === "seat_ended") app.finish();
    else if (code === "no_seat") app.stop("used");
    else if (code === "link_not_valid") app.stop("expired");
  }

  seated(frame) {
    this.app.seat = frame;
    this.app.calls.seated(frame);
    this.app.update();
  }

  async heard(box) {
    const app = this.app;
    const body = await this.talk.open(box);
    if (!body) return app.ignore();
    if (body.t === "identity") app.identified(body);
    else if (body.t === "message") app.messaged(body.text);
    else if (body.t === "people") peopleTold(app, body);
    else if (body.t === "ended") app.endedBy(body);
    else app.calls.take(body);
    return undefined;
  }

  /** The page is in front again: the line may have been cut meanwhile. */
  wake() {
    if (this.room && !this.room.closed) this.room.connectNow();
  }

  close() {
    if (this.room) this.room.close();
  }
}
