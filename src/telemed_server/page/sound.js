// Tones and the level of the microphone. Browsers make sound only after a touch: `unlock` belongs
// into the handler of one.

let context = null;

function audio() {
  if (!context) context = new (window.AudioContext || window.webkitAudioContext)();
  return context;
}

/** Allow sound from here on; call it while a touch is being handled. */
export function unlock() {
  const state = audio().state;
  if (state === "suspended" || state === "interrupted") audio().resume().catch(() => {});
}

function tone(hertz, start, length, loudness) {
  const source = audio().createOscillator();
  const gain = audio().createGain();
  const at = audio().currentTime + start;
  source.frequency.value = hertz;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(loudness, at + 0.04);
  gain.gain.setValueAtTime(loudness, at + length - 0.12);
  gain.gain.linearRampToValueAtTime(0, at + length);
  source.connect(gain);
  gain.connect(audio().destination);
  source.start(at);
  source.stop(at + length);
}

/** One clear sound for the loudspeaker check. */
export function testSound() {
  unlock();
  tone(523, 0, 0.35, 0.3);
  tone(659, 0.35, 0.35, 0.3);
  tone(784, 0.7, 0.6, 0.3);
}

/** Two soft tones, twice: the doctor calls. */
export function ring() {
  unlock();
  [0, 1.1].forEach((start) => {
    tone(660, start, 0.4, 0.25);
    tone(880, start + 0.4, 0.4, 0.25);
  });
  if (navigator.vibrate) navigator.vibrate([300, 200, 300]);
}

/** Measures how loud a stream is. */
export class Level {
  constructor(stream) {
    this.source = audio().createMediaStreamSource(stream);
    this.analyser = audio().createAnalyser();
    this.analyser.fftSize = 1024;
    this.samples = new Uint8Array(this.analyser.fftSize);
    this.source.connect(this.analyser);
  }

  /** Root mean square from -60 dB (0) to -10 dB (1) of full scale. */
  read() {
    this.analyser.getByteTimeDomainData(this.samples);
    let sum = 0;
    this.samples.forEach((value) => {
      sum += (value - 128) * (value - 128);
    });
    const decibels = 20 * Math.log10(Math.sqrt(sum / this.samples.length) / 128 + 1e-6);
    return Math.max(0, Math.min(1, (decibels + 60) / 50));
  }

  close() {
    this.source.disconnect();
  }
}
