// The waiting room's line: one WebSocket that comes back by itself. Frames are those of
// telemed_protocol/room.py; boxes go through it unread.

import { randomHex } from "./crypto.js";

const PROTOCOL = 1;
const PING_MS = 5000;
const SILENT_MS = 15000;
const DOUBT_MS = 3000;
const MAX_WAIT_MS = 8000;
// After these the server will not have us back; after any other refusal we try again.
const FINAL = ["replaced", "no_seat", "link_not_valid", "seat_ended"];

/**
 * Calls `on.seat(frame)`, `on.box(box)` (awaited, in order), `on.online(bool)`, `on.rtt(ms)`,
 * `on.refused(code)`, and `on.keep({after, pending})` whenever that must survive a reload.
 */
export class Room {
  constructor(on, kept) {
    this.on = on;
    this.after = (kept && kept.after) || 0;
    this.pending = (kept && kept.pending) || []; // [{mid, box}], oldest first
    this.stored = {}; // mid -> what to call once the server keeps it
    this.failures = 0;
    this.online = false;
    this.work = Promise.resolve();
    this.timer = null;
    this.wake = () => this.connectNow();
    window.addEventListener("online", this.wake);
  }

  /** Open the line; harmless when it is open. */
  connect() {
    if (this.closed || this.socket) return;
    clearTimeout(this.timer);
    const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/v1/room");
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onopen = () => {
      this.raw({ t: "hello", v: PROTOCOL, after: this.after });
      this.pending.forEach((item) => this.raw({ t: "to-desk", box: item.box, mid: item.mid }));
      this.ping();
    };
    socket.onmessage = (event) => this.frame(socket, event.data);
    socket.onclose = () => this.lost(socket);
    this.beat = setInterval(() => {
      if (performance.now() - this.heardAt > SILENT_MS) this.lost(socket);
      else this.ping();
    }, PING_MS);
  }

  /** Try at once: the phone is back on a network, or the page is in front again. */
  connectNow() {
    if (this.closed) return;
    const socket = this.socket;
    if (!socket) return void this.connect();
    // A phone that slept holds a socket that looks open and is dead: it has a moment to answer.
    const asked = performance.now();
    this.ping();
    clearTimeout(this.doubt);
    this.doubt = setTimeout(() => {
      if (socket !== this.socket || this.heardAt >= asked) return;
      this.lost(socket);
      this.connect();
    }, DOUBT_MS);
    return undefined;
  }

  lost(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    clearInterval(this.beat);
    socket.onmessage = null;
    socket.close();
    this.setOnline(false);
    if (this.closed) return;
    this.failures += 1;
    const wait = Math.min(MAX_WAIT_MS, 400 * Math.pow(2, Math.min(this.failures, 6)));
    this.timer = setTimeout(() => this.connect(), wait * (0.6 + 0.4 * Math.random()));
  }

  setOnline(online) {
    if (online === this.online) return;
    this.online = online;
    this.on.online(online);
  }

  raw(frame) {
    if (this.socket && this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(frame));
    }
  }

  /** Measure the way to the server and back; also renews our place. */
  ping() {
    this.raw({ t: "ping", at: performance.now() });
  }

  frame(socket, data) {
    if (socket !== this.socket) return;
    let frame;
    try {
      frame = JSON.parse(data);
    } catch (error) {
      return;
    }
    this.heardAt = performance.now();
    this.failures = 0;
    this.setOnline(true);
    if (frame.t === "pong" && typeof frame.at === "number") this.on.rtt(this.heardAt - frame.at);
    else if (frame.t === "seat") this.on.seat(frame);
    else if (frame.t === "stored") this.forget(frame.mid);
    else if (frame.t === "refused") this.refused(String(frame.code));
    else if (frame.t === "from-desk" && Number.isInteger(frame.n)) {
      this.work = this.work.then(() => this.take(frame)).catch(() => this.on.failed());
    }
  }

  async take(frame) {
    if (frame.n <= this.after) return; // sent again after a cut
    await this.on.box(frame.box);
    this.after = frame.n;
    this.keep();
  }

  forget(mid) {
    this.pending = this.pending.filter((item) => item.mid !== mid);
    this.keep();
    if (this.stored[mid]) this.stored[mid]();
    delete this.stored[mid];
  }

  refused(code) {
    this.on.refused(code);
    if (FINAL.includes(code)) this.close();
  }

  keep() {
    this.on.keep({ after: this.after, pending: this.pending });
  }

  /** Send a box; it is repeated after a cut until the server says that it keeps it. */
  send(box) {
    const mid = randomHex(8);
    this.pending.push({ mid, box });
    this.keep();
    this.raw({ t: "to-desk", box, mid });
    return new Promise((done) => {
      this.stored[mid] = done;
    });
  }

  /** Stop for good. */
  close() {
    this.closed = true;
    clearTimeout(this.timer);
    clearInterval(this.beat);
    clearTimeout(this.doubt);
    window.removeEventListener("online", this.wake);
    if (this.socket) this.socket.close();
    this.socket = null;
  }
}
