// One photo on its way: sent as far as the desk's credit goes, so that the voice never waits behind it, and
// gone on with over the next channel where the last one broke. It lives in memory only: a reload loses it.

import { toHex } from "./crypto.js";

const HEADER_BYTES = 8;
const LARGEST_PART = 16 * 1024;
const FULL_BYTES = 4096; // more waiting in the browser would only make the parts' times untrue

const isCount = (value) => Number.isInteger(value) && value >= 0;

export class PhotoSending {
  /** `photo` is `{blob, width, height}`; `progress(share)` is called as the desk takes it. */
  constructor(id, photo, progress) {
    this.id = id;
    this.photo = photo;
    this.progress = progress;
    this.at = 0;
    this.credit = 0;
  }

  /** Read and hash it; then it can begin. */
  async ready() {
    this.data = await new Response(this.photo.blob).arrayBuffer();
    const sum = await crypto.subtle.digest("SHA-256", this.data);
    this.sha256 = toHex(new Uint8Array(sum));
    this.photo.blob = null;
  }

  /** Announce it on a channel; the desk has the first `from` bytes. False if that cannot be. */
  begin(channel, from) {
    if (!this.data || !isCount(from) || from > this.data.byteLength) return false;
    this.channel = channel;
    this.at = from;
    this.credit = from;
    channel.bufferedAmountLowThreshold = FULL_BYTES / 4;
    channel.onbufferedamountlow = () => this.pump();
    const { width, height } = this.photo;
    const size = this.data.byteLength;
    const { id, sha256 } = this;
    channel.send(JSON.stringify({ t: "photo-begin", id, size, sha256, width, height }));
    return true;
  }

  /** The desk allows so many bytes from the start, in parts of this size. */
  allowed(message) {
    if (!isCount(message.upto) || !isCount(message.part) || !message.part || !this.data) return;
    this.credit = Math.min(message.upto, this.data.byteLength);
    this.part = Math.min(message.part, LARGEST_PART);
    this.pump();
  }

  pump() {
    const channel = this.channel;
    while (this.at < this.credit && channel && channel.readyState === "open") {
      if (channel.bufferedAmount > FULL_BYTES) break; // goes on when it is low
      const end = Math.min(this.credit, this.at + this.part);
      const frame = new Uint8Array(HEADER_BYTES + end - this.at);
      const head = new DataView(frame.buffer);
      head.setUint32(0, this.at);
      head.setUint32(4, Math.floor(performance.now()) % 4294967296);
      frame.set(new Uint8Array(this.data, this.at, end - this.at), HEADER_BYTES);
      try {
        channel.send(frame);
      } catch (error) {
        break; // closed just now; the next channel says from where
      }
      this.at = end;
    }
    if (this.data) this.progress(this.at / this.data.byteLength);
  }

  forget() {
    if (this.channel) this.channel.onbufferedamountlow = null;
    this.data = null;
    this.channel = null;
  }
}
