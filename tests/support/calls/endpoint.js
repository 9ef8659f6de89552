// One end of a test call in a real browser: an ordinary peer connection, and a record of every picture
// taken and shown (by the counter drawn into it) and every sample said and heard.
// Driven from Python through window.endpoint; tells its events through telemedEmit.
'use strict';

const SAMPLE_RATE = 48000;
const FLUSH_SAMPLES = 4800;
const STATS_EVERY_MS = 1000;
const SAMPLE_EVERY_MS = 1000;
const SAMPLE_WIDTH = 640;
const RESTART_EVERY_MS = 3000;
const KEPT_STATS = ['inbound-rtp', 'outbound-rtp', 'remote-inbound-rtp', 'candidate-pair'];

const wall = () => performance.timeOrigin + performance.now();
const emit = event => telemedEmit(JSON.stringify({...event, wall: wall()}));
const record = {taken: [], shown: [], said: [], heard: [], clock: [], stats: [], messages: [], samples: [], problem: ''};
const sampled = [];  // the brightness of each of record.samples

// ---- the counter in the picture

const strip = new Uint8Array(1920 * 128 * 2);

function counterOf(luma, stride, width, height) {
  const block = width / 16, top = height * 48 / 720;
  const first = Math.floor(top * 0.3), last = Math.max(first + 1, Math.floor(top * 0.7));
  const level = [];
  for (let i = 0; i < 16; i++) {
    let sum = 0, count = 0;
    for (let y = first; y < last; y++)
      for (let x = Math.floor((i + 0.3) * block); x < Math.floor((i + 0.7) * block); x++) {
        sum += luma[y * stride + x];
        count++;
      }
    level.push(sum / count);
  }
  if (level[0] - level[1] < 40) return -1;
  const bits = level.map(value => value > (level[0] + level[1]) / 2 ? 1 : 0);
  const number = bits.slice(2, 12).reduce((sum, bit) => sum * 2 + bit, 0);
  const check = bits.slice(12).reduce((sum, bit) => sum * 2 + bit, 0);
  let n = number;
  for (let shifted = number >> 1; shifted; shifted >>= 1) n ^= shifted;
  return n < 600 && check === (n * 7 + 3) % 16 ? n : -1;
}

async function readCounter(frame) {
  const {x, y, width, height} = frame.visibleRect;
  const even = width & ~1, rows = Math.ceil(height * 48 / 720 / 2) * 2;
  const [luma] = await frame.copyTo(strip, {rect: {x, y, width: even, height: rows}});
  return counterOf(strip.subarray(luma.offset), luma.stride, even, height);
}

// Keeps a small copy of a picture's brightness, averaged over squares.
const whole = new Uint8Array(1920 * 1080 * 2);

async function keepSample(frame, counter, at) {
  const {width, height} = frame.visibleRect;
  const [{offset, stride}] = await frame.copyTo(whole);
  const step = Math.max(1, Math.floor(width / SAMPLE_WIDTH));
  const across = Math.floor(width / step), down = Math.floor(height / step);
  const small = new Uint8Array(across * down);
  for (let y = 0; y < down; y++)
    for (let x = 0; x < across; x++) {
      let sum = 0;
      for (let i = 0; i < step; i++)
        for (let j = 0; j < step; j++) sum += whole[offset + (y * step + i) * stride + x * step + j];
      small[y * across + x] = sum / (step * step);
    }
  record.samples.push([counter, at, across, down]);
  sampled.push(small);
}

// ---- the ends of the call

let local, audio, recorder, peer, channel;
let waiting = [];

async function watchCamera(track) {
  const reader = new MediaStreamTrackProcessor({track: track.clone()}).readable.getReader();
  for (;;) {
    const {done, value: frame} = await reader.read();
    if (done) return;
    const at = wall();
    record.taken.push([at, await readCounter(frame), frame.visibleRect.width, frame.visibleRect.height]);
    frame.close();
  }
}

function watchScreen(video) {
  let sampleDue = 0;
  const shown = async (now, about) => {
    video.requestVideoFrameCallback(shown);
    const frame = new VideoFrame(video);
    const at = performance.timeOrigin + about.expectedDisplayTime;
    const {width, height} = frame.visibleRect;
    const counter = await readCounter(frame);
    record.shown.push([at, counter, width, height]);
    if (record.shown.length === 1) emit({ev: 'firstframe'});
    if (counter >= 0 && now >= sampleDue) {
      sampleDue = now + SAMPLE_EVERY_MS;
      await keepSample(frame, counter, at).catch(error => { record.problem = String(error); });
    }
    frame.close();
  };
  video.requestVideoFrameCallback(shown);
}

// Input 0 is what is said, input 1 what is heard; both leave in pieces of 100 ms with one clock. The time is
// read on the sound thread: on a busy machine a message may reach the page much later.
const RECORDER = `
class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.sound = [new Int16Array(${FLUSH_SAMPLES}), new Int16Array(${FLUSH_SAMPLES})];
    this.filled = 0;
    this.first = 0;
  }
  process(inputs) {
    if (this.filled === 0) this.first = currentFrame;
    for (let c = 0; c < 2; c++) {
      const block = inputs[c] && inputs[c][0];
      for (let i = 0; i < 128; i++)
        this.sound[c][this.filled + i] = block ? Math.max(-32768, Math.min(32767, block[i] * 32767)) : 0;
    }
    this.filled += 128;
    if (this.filled > ${FLUSH_SAMPLES} - 128) {
      const [said, heard] = this.sound.map(all => all.slice(0, this.filled));
      this.port.postMessage([this.first, this.filled, Date.now(), said, heard]);
      this.filled = 0;
    }
    return true;
  }
}
registerProcessor('recorder', Recorder)`;

async function prepare({width, height, fps, parity = true}) {
  takesParity = parity;
  local = await navigator.mediaDevices.getUserMedia({
    video: {width, height, frameRate: fps},
    audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1},
  });
  watchCamera(local.getVideoTracks()[0]).catch(error => { record.problem = String(error); });
  audio = new AudioContext({sampleRate: SAMPLE_RATE, latencyHint: 'interactive'});
  const code = new Blob([RECORDER], {type: 'text/javascript'});
  await audio.audioWorklet.addModule(URL.createObjectURL(code));
  recorder = new AudioWorkletNode(audio, 'recorder', {numberOfInputs: 2, numberOfOutputs: 1});
  recorder.port.onmessage = ({data: [first, count, at, said, heard]}) => {
    record.said.push(said);
    record.heard.push(heard);
    record.clock.push([first, count, at]);
  };
  audio.createMediaStreamSource(new MediaStream(local.getAudioTracks())).connect(recorder, 0, 0);
  recorder.connect(audio.destination);
  await audio.resume();
}

function useChannel(made) {
  channel = made;
  const hello = () => {
    emit({ev: 'channel', label: made.label});
    made.send(JSON.stringify({t: 'hello', v: 1}));
  };
  made.onmessage = ({data}) => record.messages.push(typeof data === 'string' ? data : data.byteLength);
  if (made.readyState === 'open') hello();
  else made.onopen = hello;
}

// As a web page that calls would do it: a path that is gone is looked for anew, by who is told to.
let restarted = -Infinity;

async function restart() {
  const now = performance.now();
  if (peer.signalingState !== 'stable' || now - restarted < RESTART_EVERY_MS) return;
  restarted = now;
  await peer.setLocalDescription(await peer.createOffer({iceRestart: true}));
  emit({ev: 'reoffer', sdp: peer.localDescription.sdp});
}

function begin({iceServers = [], restarts = false} = {}) {
  emit({ev: 'click'});
  peer = new RTCPeerConnection({iceServers, bundlePolicy: 'max-bundle'});
  for (const state of ['connectionState', 'iceConnectionState', 'iceGatheringState'])
    peer.addEventListener(state.toLowerCase() + 'change', () => emit({ev: state, v: peer[state]}));
  if (restarts) peer.addEventListener('connectionstatechange', () => {
    if (['disconnected', 'failed'].includes(peer.connectionState)) restart();
  });
  peer.onicecandidate = ({candidate}) => emit({ev: 'candidate', c: candidate ? candidate.toJSON() : null});
  peer.ondatachannel = ({channel: made}) => useChannel(made);
  peer.ontrack = ({track}) => {
    if (track.kind === 'video') {
      const video = document.getElementById('remote');
      if (video.srcObject) return;  // the second video line is a shared screen
      video.srcObject = new MediaStream([track]);
      watchScreen(video);
    } else {
      const stream = new MediaStream([track]);
      document.getElementById('voice').srcObject = stream;  // Chromium plays only what an element plays
      audio.createMediaStreamSource(stream).connect(recorder, 0, 1);
    }
  };
  for (const track of local.getTracks()) peer.addTrack(track, local);
  setInterval(keepStats, STATS_EVERY_MS);
}

async function keepStats() {
  const line = {wall: wall()};
  (await peer.getStats()).forEach(item => {
    if (!KEPT_STATS.includes(item.type) || (item.type === 'candidate-pair' && !item.nominated)) return;
    line[item.kind ? `${item.type}:${item.kind}` : item.type] = item;
  });
  record.stats.push(line);
}

async function useRemote(description) {
  await peer.setRemoteDescription(description);
  for (const candidate of waiting.splice(0)) await peer.addIceCandidate(candidate);
}

// As the patient's page does: call.js says why.
let takesParity = true;

function wantNoParity() {
  const codecs = RTCRtpReceiver.getCapabilities('video').codecs.filter(
    ({mimeType}) => !['video/ulpfec', 'video/red'].includes(mimeType.toLowerCase()));
  for (const line of peer.getTransceivers())
    if (line.receiver.track.kind === 'video') line.setCodecPreferences(codecs);
}
const commands = {
  async offer({cfg}) {
    begin(cfg);
    useChannel(peer.createDataChannel('desk', {ordered: true}));
    await peer.setLocalDescription();
    emit({ev: 'offer', sdp: peer.localDescription.sdp});
  },
  async onoffer({sdp, cfg}) {
    if (!peer) begin(cfg);
    await useRemote({type: 'offer', sdp});
    if (!takesParity) wantNoParity();
    await peer.setLocalDescription();
    emit({ev: 'answer', sdp: peer.localDescription.sdp});
  },
  async onanswer({sdp}) {
    await useRemote({type: 'answer', sdp});
  },
  async candidate({c}) {
    if (peer && peer.remoteDescription) await peer.addIceCandidate(c);
    else waiting.push(c);
  },
};

// ---- handing the record over

function base64(blocks) {
  let text = '';
  for (const block of blocks) {
    const bytes = new Uint8Array(block.buffer);
    for (let i = 0; i < bytes.length; i += 0x8000)
      text += String.fromCharCode.apply(null, bytes.subarray(i, i + 0x8000));
  }
  return btoa(text);
}

window.endpoint = {
  prepare,
  obey: command => commands[command.cmd](command),
  progress: () => {
    const counters = record.shown.map(picture => picture[1]).filter(counter => counter >= 0);
    return {pictures: new Set(counters).size, channel: channel ? channel.readyState : 'none'};
  },
  tell: message => channel.send(JSON.stringify(message)),
  numbers: () => {
    const {taken, shown, clock, stats, messages, samples, problem} = record;
    return JSON.stringify({taken, shown, clock, stats, messages, samples, problem});
  },
  said: () => base64(record.said),
  heard: () => base64(record.heard),
  samples: () => base64(sampled),
};
