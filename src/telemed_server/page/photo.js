// A still in the best quality the camera gives.

import { playing } from "./media.js";

const MAX_PHOTO_BYTES = 8 * 1024 * 1024;
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
