// What page and desk say inside the boxes: numbering, and a strict look at what comes in.
// The messages are those of telemed_protocol/talk.py.

import { randomHex } from "./crypto.js";

const MAX_HEARD = 32;

const isText = (limit) => (value) => typeof value === "string" && value.length <= limit;
const isCount = (value) => Number.isInteger(value) && value >= 0;
const isTextOrNull = (limit) => (value) =>
  value === undefined || value === null || isText(limit)(value);

const SHAPES = {
  identity: { ok: (value) => typeof value === "boolean", tries_left: isCount },
  offer: { call: isText(80), revision: isCount, sdp: isText(60000) },
  candidate: { call: isText(80), candidate: isText(1000), mid: isTextOrNull(40) },
  message: { text: isText(2000) },
  people: { people: (value) => Array.isArray(value) && value.length <= 16 },
  ended: {},
};

/** Return the body if it is a message that we know, or null. */
export function checked(body) {
  if (!body || typeof body !== "object") return null;
  const shape = Object.prototype.hasOwnProperty.call(SHAPES, body.t) ? SHAPES[body.t] : null;
  if (!shape || !Object.keys(shape).every((name) => shape[name](body[name]))) return null;
  return body;
}

/** Seals what goes to the desk and opens what comes from it, each message once. */
export class Talk {
  /** `heard`: highest number by desk run, so that a reloaded page still refuses a replay. */
  constructor(link, heard) {
    this.link = link;
    this.sid = randomHex(8);
    this.sent = 0;
    this.heard = heard || {};
  }

  seal(body) {
    this.sent += 1;
    return this.link.seal("to-desk", JSON.stringify({ sid: this.sid, n: this.sent, body }));
  }

  /** Return the body, or null for anything forged, repeated, malformed or unknown. */
  async open(box) {
    try {
      const message = JSON.parse(await this.link.open("to-page", box));
      const body = checked(message.body);
      if (!body || !isText(64)(message.sid) || !Number.isInteger(message.n)) return null;
      const known = Object.prototype.hasOwnProperty.call(this.heard, message.sid);
      if (message.n <= (known ? this.heard[message.sid] : 0)) return null;
      if (!known && Object.keys(this.heard).length >= MAX_HEARD) {
        delete this.heard[Object.keys(this.heard)[0]];
      }
      this.heard[message.sid] = message.n;
      return body;
    } catch (error) {
      return null;
    }
  }
}
