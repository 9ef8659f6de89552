// This phone's camera and microphone. Tracks are handed to the call; the call never asks for them.

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** Why the camera or microphone could not be had: "blocked", "busy", "none". */
export function reason(error) {
  const name = error && error.name;
  if (name === "NotFoundError" || name === "OverconstrainedError") return "none";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  return "blocked";
}

export class Media {
  /** `changed` is called when a track comes, goes or ends by itself; `facing` is the camera to begin with. */
  constructor(changed, facing) {
    this.changed = changed;
    this.camera = null;
    this.microphone = null;
    this.facing = facing === "environment" ? facing : "user";
    this.lost = { camera: false, microphone: false }; // went away by itself, and is missed
    this.muted = false;
    this.stream = new MediaStream(); // what the own small picture shows
  }

  /** Ask for both, or for the microphone only. Throws what getUserMedia throws. */
  async open(withCamera) {
    if (!navigator.mediaDevices) throw new Error("no media devices");
    const wanted = { audio: this.microphone ? false : MICROPHONE };
    wanted.video = withCamera && !this.camera ? this.cameraWish() : false;
    if (!wanted.audio && !wanted.video) return;
    const stream = await navigator.mediaDevices.getUserMedia(wanted);
    stream.getAudioTracks().forEach((track) => this.takeMicrophone(track));
    stream.getVideoTracks().forEach((track) => this.takeCamera(track));
    this.changed();
  }

  /** The camera alone; the microphone may be missing. */
  async openCamera() {
    const stream = await navigator.mediaDevices.getUserMedia({ video: this.cameraWish() });
    stream.getVideoTracks().forEach((track) => this.takeCamera(track));
    this.changed();
  }

  cameraWish() {
    return Object.assign({ facingMode: { ideal: this.facing } }, CAMERA);
  }

  takeMicrophone(track) {
    this.microphone = track;
    this.lost.microphone = false;
    if ("contentHint" in track) track.contentHint = "speech";
    track.enabled = !this.muted;
    track.onended = () => {
      this.microphone = null;
      this.lost.microphone = true;
      this.changed();
    };
  }

  takeCamera(track) {
    this.camera = track;
    this.lost.camera = false;
    if ("contentHint" in track) track.contentHint = "motion";
    this.stream.addTrack(track);
    track.onended = () => {
      this.lost.camera = true;
      this.closeCamera();
    };
  }

  closeCamera() {
    if (!this.camera) return;
    this.camera.onended = null;
    this.camera.stop();
    this.stream.removeTrack(this.camera);
    this.camera = null;
    this.changed();
  }

  setMuted(muted) {
    this.muted = muted;
    if (this.microphone) this.microphone.enabled = !muted;
    this.changed();
  }

  /** Switch between the camera that looks at the patient and the one that looks away. */
  async turn() {
    const before = this.facing;
    this.facing = before === "user" ? "environment" : "user";
    this.closeCamera(); // phones open one camera at a time
    try {
      await this.open(true);
    } catch (error) {
      this.facing = before;
      await this.open(true);
    }
  }

  /** Tracks that a sleeping phone ended without a word. */
  look() {
    if (this.microphone && this.microphone.readyState === "ended") this.microphone.onended();
    if (this.camera && this.camera.readyState === "ended") this.camera.onended();
    return this.lost.camera || this.lost.microphone;
  }

  close() {
    if (this.microphone) {
      this.microphone.onended = null;
      this.microphone.stop();
    }
    this.microphone = null;
    this.closeCamera();
  }
}

/** A hidden picture element that plays a camera track, once its first frame is there. */
export async function playing(track) {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.srcObject = new MediaStream([track]);
  await video.play();
  return video;
}

/** Mean brightness of what a video element shows, 0 to 255; null before the first frame. */
export function brightness(video) {
  if (!video.videoWidth) return null;
  const canvas = document.createElement("canvas");
  canvas.width = 32;
  canvas.height = 24;
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0, 32, 24);
  const pixels = pen.getImageData(0, 0, 32, 24).data;
  let sum = 0;
  for (let i = 0; i < pixels.length; i += 4) {
    sum += 0.299 * pixels[i] + 0.587 * pixels[i + 1] + 0.114 * pixels[i + 2];
  }
  return sum / (pixels.length / 4);
}
