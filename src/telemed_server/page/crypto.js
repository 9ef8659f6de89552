// The link's secret and the boxes sealed with it; the same bytes as telemed_protocol/joinlink.py.
// HKDF-SHA256 and AES-256-GCM from WebCrypto, which browsers offer on https and localhost only.

const BOX_VERSION = 1;
const NONCE_BYTES = 12;
const MAX_BOX_BYTES = 64 * 1024;
const text = new TextEncoder();

/** Encode without padding (RFC 4648, section 5). */
export function toBase64url(bytes) {
  let raw = "";
  for (let i = 0; i < bytes.length; i += 1) raw += String.fromCharCode(bytes[i]);
  return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** Decode; throws on any other alphabet. */
export function fromBase64url(encoded) {
  if (!/^[A-Za-z0-9_-]*$/.test(encoded)) throw new Error("base64url");
  const raw = atob(encoded.replace(/-/g, "+").replace(/_/g, "/"));
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Random hex of `size` bytes. */
export function randomHex(size) {
  return toHex(crypto.getRandomValues(new Uint8Array(size)));
}

/** One invitation: a public name (`jti`) and the secret that the server never sees. */
export class JoinLink {
  /** Both as base64url of 16 bytes; throws if they are not. */
  constructor(jti, secret) {
    this.jti = fromBase64url(jti);
    this.secret = fromBase64url(secret);
    if (this.jti.length !== 16 || this.secret.length !== 16) throw new Error("join link");
    this.keys = {};
  }

  key(direction) {
    if (!this.keys[direction]) {
      const info = text.encode("telemed/link/v1/" + direction);
      this.keys[direction] = crypto.subtle
        .importKey("raw", this.secret, "HKDF", false, ["deriveKey"])
        .then((base) =>
          crypto.subtle.deriveKey(
            { name: "HKDF", hash: "SHA-256", salt: this.jti, info },
            base,
            { name: "AES-GCM", length: 256 },
            false,
            ["encrypt", "decrypt"],
          ),
        );
    }
    return this.keys[direction];
  }

  parameters(direction, nonce) {
    const head = text.encode("telemed/box/v1/" + direction + "/");
    const additionalData = new Uint8Array(head.length + this.jti.length);
    additionalData.set(head);
    additionalData.set(this.jti, head.length);
    return { name: "AES-GCM", iv: nonce, additionalData };
  }

  /** Seal a text; returns the box as base64url: version, nonce, ciphertext with tag. */
  async seal(direction, plain) {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const sealed = new Uint8Array(
      await crypto.subtle.encrypt(
        this.parameters(direction, nonce),
        await this.key(direction),
        text.encode(plain),
      ),
    );
    const box = new Uint8Array(1 + NONCE_BYTES + sealed.length);
    box[0] = BOX_VERSION;
    box.set(nonce, 1);
    box.set(sealed, 1 + NONCE_BYTES);
    return toBase64url(box);
  }

  /** Open a box (base64url) to its text; throws if it was altered or sealed with another secret. */
  async open(direction, encoded) {
    if (typeof encoded !== "string" || encoded.length > MAX_BOX_BYTES * 1.4) throw new Error("box");
    const box = fromBase64url(encoded);
    if (box.length < 1 + NONCE_BYTES + 16 || box[0] !== BOX_VERSION) throw new Error("box");
    const nonce = box.slice(1, 1 + NONCE_BYTES);
    const plain = await crypto.subtle.decrypt(
      this.parameters(direction, nonce),
      await this.key(direction),
      box.slice(1 + NONCE_BYTES),
    );
    return new TextDecoder().decode(plain);
  }
}
