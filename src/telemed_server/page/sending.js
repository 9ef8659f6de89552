// How much picture this phone sends: what the desk's ladder asks for, applied to the sender. The browser's
// own congestion control stays below it. An older browser that cannot be told sends no picture when asked
// for none, and otherwise what its own control finds right.

const HINT_MS = 10000; // what an earlier connection was told holds so long in a new one
const PHOTO_SHARE = 3; // while a photo is under way on a thin link, the picture keeps a third
const THIN_KBPS = 600;
const LEAST_KBPS = 30;

const whole = (value, low, high) =>
  typeof value === "number" && isFinite(value) ? Math.min(high, Math.max(low, value)) : null;

/** What a hint means: numbers within limits, or null where it says nothing. */
export function read(message) {
  return {
    video: message.video !== false,
    kbps: whole(message.max_kbps, 20, 8000),
    scale: whole(message.scale, 1, 16),
    fps: whole(message.fps, 1, 60),
    chosen: message.why === "choice", // a person wants it so: nothing is wrong with the link
  };
}

const FREE = { video: true, kbps: null, scale: null, fps: null, chosen: false };

export class Sending {
  /** `changed()` when the picture is paused or goes on; `keep(hint)` to remember it over a reload. */
  constructor(kept, changed, keep) {
    this.hint = kept ? Object.assign({}, FREE, kept) : FREE;
    this.fresh = !kept;
    this.changed = changed;
    this.keep = keep;
    this.photo = false;
    this.linkKbps = null; // what the browser believes that the link takes
    this.blind = false; // the browser cannot pause: the track is taken away instead
    this.work = Promise.resolve();
  }

  /** Whether pictures may be sent, by the ladder. */
  get video() {
    return this.hint.video;
  }

  /** The connection has its senders: begin to steer, with what was last asked for. */
  attach(sender, facing) {
    this.sender = sender;
    this.facing = facing;
    this.apply();
  }

  /** The channel is open: a hint follows, or else there is no limit any more. */
  opened() {
    clearTimeout(this.timer);
    if (this.fresh) return;
    this.timer = setTimeout(() => {
      if (!this.fresh) this.take(FREE);
    }, HINT_MS);
  }

  /** The desk's ladder says what to send. */
  told(message) {
    this.fresh = true;
    this.take(read(message));
  }

  take(hint) {
    this.hint = hint;
    this.keep(hint === FREE ? null : hint);
    this.changed();
    this.apply();
  }

  /** A photo begins or is over: on a thin link it goes before the picture, as the doctor asked for it. */
  setPhoto(photo) {
    if (photo === this.photo) return;
    this.photo = photo;
    this.apply();
  }

  get kbps() {
    const { kbps } = this.hint;
    const link = this.linkKbps;
    if (!this.photo || link === null || link > THIN_KBPS) return kbps;
    const part = Math.max(LEAST_KBPS, link / PHOTO_SHARE);
    return kbps === null ? part : Math.min(kbps, part);
  }

  apply() {
    this.work = this.work.then(() => this.set()).catch(() => {});
    return this.work;
  }

  async set() {
    const { sender, hint, kbps } = this;
    if (!sender || !sender.getParameters) return this.setBlind(!hint.video);
    const parameters = sender.getParameters();
    // Older Firefoxes know no encoding before one was set.
    if (!parameters.encodings || !parameters.encodings.length) parameters.encodings = [{}];
    const encoding = parameters.encodings[0];
    encoding.active = hint.video;
    const set = (name, value) => {
      if (value === null) delete encoding[name];
      else encoding[name] = value;
    };
    set("maxBitrate", kbps === null ? null : Math.round(kbps * 1000));
    set("scaleResolutionDownBy", hint.scale);
    set("maxFramerate", hint.fps);
    // A face is read by its movement, a wound by its detail: that camera gives up both alike.
    parameters.degradationPreference = this.facing === "user" ? "maintain-framerate" : "balanced";
    try {
      await sender.setParameters(parameters);
    } catch (error) {
      delete parameters.degradationPreference;
      try {
        await sender.setParameters(parameters);
      } catch (second) {
        return this.setBlind(!hint.video);
      }
    }
    return this.setBlind(false);
  }

  setBlind(blind) {
    if (blind === this.blind) return;
    this.blind = blind;
    this.changed();
  }

  close() {
    clearTimeout(this.timer);
    this.sender = null;
  }
}
