// A still in the best quality the camera gives, and its way to the doctor over the call's channel.

import { toHex } from "./crypto.js";
import { playing } from "./media.js";

const MAX_PHOTO_BYTES = 8 * 1024 * 1024;
const PART_BYTES = 16 * 1024;
const HIGH_WATER_BYTES = 64 * 1024; // little enough that voice never waits behind a photo
const CAPTURE_MS = 6000;

function within(promise, ms) {
  return Promise.race([
    promise,
    new Promise((done, fail) => {
      setTimeout(() => fail(new Error("too slow")), ms);
    }),
  ]);
}

async function sizeOf(blob) {
  const url = URL.createObjectURL(blob);
  try {
    return await new Promise((done, fail) => {
      const image = new Image();
      image.onload = () => done({ image, width: image.naturalWidth, height: image.naturalHeight });
      image.onerror = () => fail(new Error("picture"));
      image.src = url;
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

function drawn(source, width, height, quality) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").drawImage(source, 0, 0, width, height);
  return new Promise((done, fail) => {
    canvas.toBlob(
      (blob) => (blob ? done({ blob, width, height }) : fail(new Error("picture"))),
      "image/jpeg",
      quality,
    );
  });
}

async function byImageCapture(track) {
  if (!window.ImageCapture) throw new Error("no ImageCapture");
  const blob = await within(new window.ImageCapture(track).takePhoto(), CAPTURE_MS);
  const size = await sizeOf(blob);
  if (blob.type === "image/jpeg" && blob.size <= MAX_PHOTO_BYTES) {
    return { blob, width: size.width, height: size.height };
  }
  const scale = Math.min(1, 4096 / Math.max(size.width, size.height));
  return drawn(size.image, Math.round(size.width * scale), Math.round(size.height * scale), 0.9);
}

async function byCanvas(track) {
  const before = track.getSettings ? track.getSettings() : {};
  try {
    await within(
      track.applyConstraints({ width: { ideal: 1920 }, height: { ideal: 1440 } }),
      CAPTURE_MS,
    );
  } catch (error) {
    // the camera stays as it is; a smaller photo is better than none
  }
  const video = await within(playing(track), CAPTURE_MS);
  try {
    return await drawn(video, video.videoWidth, video.videoHeight, 0.92);
  } finally {
    video.srcObject = null;
    if (before.width) {
      track
        .applyConstraints({ width: { ideal: before.width }, height: { ideal: before.height } })
        .catch(() => {});
    }
  }
}

/** Take a still from a live camera track: `{blob, width, height}`, JPEG, at most 8 MiB. */
export async function takePhoto(track) {
  try {
    return await byImageCapture(track);
  } catch (error) {
    return byCanvas(track);
  }
}

function drained(channel) {
  return new Promise((done, fail) => {
    channel.onbufferedamountlow = done;
    channel.onclose = () => fail(new Error("channel closed"));
    if (channel.bufferedAmount <= channel.bufferedAmountLowThreshold) done();
  });
}

/** Send a photo in parts, with back-pressure; `progress` gets 0 to 1. Throws if the channel closes. */
export async function sendPhoto(channel, id, photo, progress) {
  const data = await new Response(photo.blob).arrayBuffer();
  const sha256 = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", data)));
  const { width, height } = photo;
  channel.bufferedAmountLowThreshold = PART_BYTES;
  channel.send(
    JSON.stringify({ t: "photo-begin", id, size: data.byteLength, sha256, width, height }),
  );
  for (let at = 0; at < data.byteLength; at += PART_BYTES) {
    if (channel.bufferedAmount > HIGH_WATER_BYTES) await drained(channel);
    if (channel.readyState !== "open") throw new Error("channel closed");
    channel.send(data.slice(at, at + PART_BYTES));
    progress(at / data.byteLength);
  }
  channel.send(JSON.stringify({ t: "photo-end", id }));
  while (channel.bufferedAmount > PART_BYTES) await drained(channel);
  progress(1);
}
