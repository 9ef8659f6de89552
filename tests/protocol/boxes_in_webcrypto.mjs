// Opens the boxes of tests/vectors/link.json with WebCrypto, and seals one of its own.
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";

// Debian 12's node 18 has WebCrypto as a module only, not as a global.
const { subtle } = webcrypto;
const vector = JSON.parse(readFileSync(process.argv[2], "utf-8"));
const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
const hex = (data) => Buffer.from(data).toString("hex");
const text = new TextEncoder();
const jti = bytes(vector.jti);

async function keyFor(direction) {
  const secret = await subtle.importKey("raw", bytes(vector.secret), "HKDF", false, ["deriveKey"]);
  const info = text.encode(`telemed/link/v1/${direction}`);
  return subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: jti, info },
    secret,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  );
}

const algorithm = (direction, iv) => ({
  name: "AES-GCM",
  iv,
  additionalData: Buffer.concat([text.encode(`telemed/box/v1/${direction}/`), jti]),
});

async function open(direction, box) {
  if (box[0] !== 1) throw new Error("version");
  const key = await keyFor(direction);
  const plain = await subtle.decrypt(algorithm(direction, box.slice(1, 13)), key, box.slice(13));
  return new TextDecoder().decode(plain);
}

const opened = {};
for (const [direction, box] of Object.entries(vector.boxes)) {
  opened[direction] = await open(direction, bytes(box.box));
}

const refused = [];
const altered = bytes(vector.boxes["to-page"].box);
altered[20] ^= 1;
await open("to-page", altered).catch(() => refused.push("altered"));
await open("to-desk", bytes(vector.boxes["to-page"].box)).catch(() =>
  refused.push("other-direction"),
);

const nonce = webcrypto.getRandomValues(new Uint8Array(12));
const words = text.encode("Zawadi ñ 試");
const sealed = await subtle.encrypt(algorithm("to-desk", nonce), await keyFor("to-desk"), words);
const box = Buffer.concat([Uint8Array.of(1), nonce, Buffer.from(sealed)]);
console.log(JSON.stringify({ opened, refused, sealed: hex(box) }));
