// A browser's end of a call, for both browsers: the camera is a canvas with a running counter, the
// microphone a tone. What arrives is read back: the counter out of the picture, the tone by its strongest
// frequency. Driven from Python through window.end; tells its news through telemedEmit.
'use strict';

const MODULUS = 600;
const tell = (t, body) => telemedEmit(JSON.stringify({t, ...body}));
const seen = {counters: [], size: [0, 0], messages: [], unreadable: 0};

// ---- the camera

function bits(n) {
  const gray = n ^ (n >> 1), check = (n * 7 + 3) % 16, all = [1, 0];
  for (let i = 9; i >= 0; i--) all.push((gray >> i) & 1);
  for (let i = 3; i >= 0; i--) all.push((check >> i) & 1);
  return all;
}

const cameras = [];

function camera(width, height) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  document.body.append(canvas);
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  let n = 0;
  const draw = () => {
    pen.fillStyle = `hsl(${n % 360} 40% 50%)`;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = '#888';
    pen.fillRect((n * 5) % width, height / 2, width / 8, height / 8);
    const block = width / 16, rows = Math.ceil(height * 48 / 720);
    bits(n % MODULUS).forEach((bit, i) => {
      pen.fillStyle = bit ? 'rgb(235,235,235)' : 'rgb(20,20,20)';
      pen.fillRect(Math.floor(i * block), 0, Math.ceil(block), rows);
    });
    n++;
  };
  draw();
  cameras.push(setInterval(draw, 66));
  return canvas.captureStream(15).getVideoTracks()[0];
}

// ---- the picture that comes

function readCounter(pen, width, height) {
  const rows = height * 48 / 720, top = Math.floor(rows * 0.3);
  const deep = Math.max(1, Math.floor(rows * 0.4)), block = width / 16;
  const strip = pen.getImageData(0, top, width, deep).data, level = [];
  for (let i = 0; i < 16; i++) {
    let sum = 0, count = 0;
    for (let y = 0; y < deep; y++)
      for (let x = Math.floor((i + 0.3) * block); x < Math.floor((i + 0.7) * block); x++) {
        sum += strip[(y * width + x) * 4 + 1];
        count++;
      }
    level.push(sum / count);
  }
  if (level[0] - level[1] < 40) return -1;
  const found = level.map(value => value > (level[0] + level[1]) / 2 ? 1 : 0);
  const check = found.slice(12).reduce((sum, bit) => sum * 2 + bit, 0);
  let n = found.slice(2, 12).reduce((sum, bit) => sum * 2 + bit, 0);
  for (let shifted = n >> 1; shifted; shifted >>= 1) n ^= shifted;
  return n < MODULUS && check === (n * 7 + 3) % 16 ? n : -1;
}

function watch(video) {
  const canvas = document.createElement('canvas');
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  setInterval(() => {
    if (!video.videoWidth) return;
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    pen.drawImage(video, 0, 0);
    const n = readCounter(pen, canvas.width, canvas.height);
    seen.size = [canvas.width, canvas.height];
    if (n < 0) seen.unreadable++;
    else if (n !== seen.counters[seen.counters.length - 1]) seen.counters.push(n);
  }, 30);
}

// ---- the call

const audio = new AudioContext({sampleRate: 48000});
const hearing = audio.createAnalyser();
hearing.fftSize = 16384;
let pc, channel, early = [], microphone, tone;

function listen(track) {
  const stream = new MediaStream([track]);
  const player = new Audio();
  player.srcObject = stream; // Chromium plays only what an element plays
  player.play().catch(() => {});
  audio.createMediaStreamSource(stream).connect(hearing);
}

function use(made) {
  channel = made;
  channel.onmessage = ({data}) => seen.messages.push(typeof data === 'string' ? data : data.byteLength);
  channel.onopen = () => tell('channel', {});
  if (channel.readyState === 'open') tell('channel', {});
}

function begin() {
  const out = audio.createMediaStreamDestination();
  tone = audio.createOscillator();
  const level = audio.createGain();
  level.gain.value = 0.3;
  tone.frequency.value = 700;
  tone.connect(level).connect(out);
  tone.start();
  microphone = out.stream.getAudioTracks()[0];
  pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  window.pc = pc;
  pc.onicecandidate = ({candidate}) => candidate && tell('candidate', {c: candidate.toJSON()});
  pc.onconnectionstatechange = () => tell('state', {v: pc.connectionState});
  pc.ondatachannel = event => use(event.channel);
  pc.ontrack = ({track}) => {
    if (track.kind === 'audio') return listen(track);
    const video = document.createElement('video');
    video.muted = true;
    video.srcObject = new MediaStream([track]);
    document.body.append(video);
    video.play().catch(() => {});
    watch(video);
  };
}

const sender = kind => pc.getTransceivers().find(t => t.receiver.track.kind === kind).sender;

window.end = {
  async offer() {
    begin();
    pc.addTrack(microphone);
    pc.addTrack(camera(640, 360));
    use(pc.createDataChannel('desk'));
    return this.reoffer();
  },
  async reoffer(restart) {
    if (restart) pc.restartIce();
    await pc.setLocalDescription(await pc.createOffer());
    return pc.localDescription.sdp;
  },
  async answer(sdp) {
    const first = !pc;
    if (first) begin();
    await pc.setRemoteDescription({type: 'offer', sdp});
    if (first) {
      const lines = pc.getTransceivers();
      const take = (kind, track) => {
        const line = lines.find(t => t.receiver.track.kind === kind);
        line.direction = 'sendrecv';
        return line.sender.replaceTrack(track);
      };
      await take('audio', microphone);
      await take('video', camera(640, 360));
    }
    await pc.setLocalDescription(await pc.createAnswer());
    for (const c of early.splice(0)) await pc.addIceCandidate(c);
    return pc.localDescription.sdp;
  },
  async accept(sdp) {
    await pc.setRemoteDescription({type: 'answer', sdp});
    for (const c of early.splice(0)) await pc.addIceCandidate(c);
  },
  async candidate(c) {
    if (pc && pc.remoteDescription) await pc.addIceCandidate(c);
    else early.push(c);
  },
  newCamera: (width, height) => sender('video').replaceTrack(camera(width, height)),
  noCamera: () => sender('video').replaceTrack(null),
  mute: muted => { sender('audio').track.enabled = !muted; sender('video').track.enabled = !muted; },
  say: text => channel.send(text),
  sayBytes: count => channel.send(new Uint8Array(count)),
  hz() {
    const heard = new Float32Array(hearing.frequencyBinCount);
    hearing.getFloatFrequencyData(heard);
    let best = 0;
    heard.forEach((value, i) => { if (value > heard[best]) best = i; });
    return heard[best] > -70 ? best * audio.sampleRate / hearing.fftSize : 0;
  },
  seen: () => seen,
  async stats(type, kind) {
    let found = null;
    (await pc.getStats()).forEach(item => {
      if (item.type === type && (!kind || item.kind === kind)) found = item;
    });
    return found;
  },
};
