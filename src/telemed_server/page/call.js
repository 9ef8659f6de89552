// One peer connection with the desk. The desk offers, this page answers; a higher revision of the same
// offer restarts ICE on the same connection. Nothing here needs the server once media flow.

const STATS_MS = 3000;
const MAX_TEXT = 16 * 1024;
const MAX_EARLY_CANDIDATES = 200;

const whole = (value, low, high) =>
  typeof value === "number" && isFinite(value) ? Math.min(high, Math.max(low, value)) : null;

export class Call {
  /**
   * `send(body)` seals for the desk; `on.changed()` after anything worth drawing;
   * `on.photo(id)` when the doctor asks for one.
   */
  constructor(id, servers, media, send, on) {
    this.id = id;
    this.media = media;
    this.send = send;
    this.on = on;
    this.revision = -1;
    this.state = "new";
    this.quality = null; // "good" or "weak"
    this.videoAllowed = true; // by the ladder's hint
    this.videoHeld = false; // the camera is open for a photo only
    this.remote = new MediaStream();
    this.screen = null;
    this.screenOn = false; // the desk says when it shares: a silent track does not tell
    this.early = []; // candidates of ours that came before the answer was sent
    this.answered = false;
    this.pc = new RTCPeerConnection({ iceServers: servers, bundlePolicy: "max-bundle" });
    this.pc.onicecandidate = (event) => this.local(event.candidate);
    this.pc.oniceconnectionstatechange = () => this.moved();
    if ("onconnectionstatechange" in this.pc) this.pc.onconnectionstatechange = () => this.moved();
    this.pc.ontrack = (event) => this.track(event);
    this.pc.ondatachannel = (event) => this.opened(event.channel);
    this.watch = setInterval(() => this.look(), STATS_MS);
    this.theirs = []; // candidates of the desk that came before its description
  }

  /** Answer an offer; throws if its SDP is refused. */
  async offer(message) {
    if (message.revision <= this.revision) return;
    this.answered = false;
    await this.pc.setRemoteDescription({ type: "offer", sdp: message.sdp });
    this.revision = message.revision;
    await this.attach();
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    if (this.closed) return;
    this.send({
      t: "answer",
      call: this.id,
      revision: message.revision,
      sdp: this.pc.localDescription.sdp,
    });
    this.answered = true;
    this.early.splice(0).forEach((body) => this.send(body));
    for (const candidate of this.theirs.splice(0)) await this.add(candidate);
  }

  /** Put our tracks into the lines that the offer made: 0 sound, 1 camera, 2 the desk's screen. */
  async attach() {
    const lines = this.pc.getTransceivers();
    const audio = lines.filter((line) => line.receiver.track.kind === "audio")[0];
    const videos = lines.filter((line) => line.receiver.track.kind === "video");
    if (audio) audio.direction = "sendrecv";
    if (videos[0]) videos[0].direction = "sendrecv";
    if (videos[1]) videos[1].direction = "recvonly";
    this.audioSender = audio && audio.sender;
    this.videoSender = videos[0] && videos[0].sender;
    this.screenLine = videos[1];
    await this.refresh();
  }

  /** Take over which tracks the phone has now. */
  async refresh() {
    if (this.closed) return;
    if (this.audioSender && this.audioSender.track !== this.media.microphone) {
      await this.audioSender.replaceTrack(this.media.microphone);
    }
    const camera = this.videoHeld ? null : this.media.camera;
    if (this.videoSender && this.videoSender.track !== camera) {
      await this.videoSender.replaceTrack(camera);
    }
  }

  local(candidate) {
    const body = { t: "candidate", call: this.id, candidate: candidate ? candidate.candidate : "" };
    if (candidate && candidate.sdpMid !== null) body.mid = candidate.sdpMid;
    if (candidate && candidate.sdpMLineIndex !== null) body.mline = candidate.sdpMLineIndex;
    if (this.answered) this.send(body);
    else this.early.push(body);
  }

  /** A candidate of the desk. */
  async candidate(message) {
    if (this.revision >= 0 && this.answered) await this.add(message);
    else if (this.theirs.length < MAX_EARLY_CANDIDATES) this.theirs.push(message);
  }

  async add(message) {
    if (!message.candidate) return;
    const line = message.candidate;
    try {
      await this.pc.addIceCandidate({
        candidate: line.startsWith("candidate:") ? line : "candidate:" + line,
        sdpMid: message.mid === undefined || message.mid === null ? "0" : message.mid,
        sdpMLineIndex: Number.isInteger(message.mline) ? message.mline : 0,
      });
    } catch (error) {
      // a candidate of an address family or form that this browser does not know
    }
  }

  track(event) {
    if (event.transceiver === this.screenLine || event.transceiver.mid === "2") {
      this.screen = event.track;
    } else {
      this.remote.addTrack(event.track);
    }
    event.track.onmute = () => this.on.changed();
    event.track.onunmute = () => this.on.changed();
    this.on.changed();
  }

  /** Whether pictures of the doctor, or of the doctor's screen, are coming. */
  get seesVideo() {
    return this.remote.getVideoTracks().some((track) => track.readyState === "live" && !track.muted);
  }

  get seesScreen() {
    const screen = this.screen;
    return Boolean(this.screenOn && screen && screen.readyState === "live" && !screen.muted);
  }

  moved() {
    if (this.closed) return;
    const ice = this.pc.iceConnectionState;
    const before = this.state;
    if (ice === "connected" || ice === "completed") this.state = "connected";
    else if (ice === "disconnected") this.state = "lost";
    else if (ice === "failed") this.state = "failed";
    if (this.pc.connectionState === "failed") this.state = "failed";
    if (before !== this.state) this.on.changed();
  }

  opened(channel) {
    if (channel.label !== "desk") return;
    this.channel = channel;
    channel.binaryType = "arraybuffer";
    channel.onmessage = (event) => this.told(event.data);
    const greet = () => {
      if (!this.greeted) this.tell({ t: "hello", v: 1 });
      this.greeted = true;
    };
    channel.onopen = greet;
    if (channel.readyState === "open") greet(); // some browsers hand it over open already
  }

  tell(message) {
    if (this.channel && this.channel.readyState === "open") {
      this.channel.send(JSON.stringify(message));
    }
  }

  told(data) {
    if (typeof data !== "string" || data.length > MAX_TEXT) return;
    let message;
    try {
      message = JSON.parse(data);
    } catch (error) {
      return;
    }
    if (!message || typeof message !== "object") return;
    if (message.t === "send") this.hint(message);
    if (message.t === "screen") {
      this.screenOn = message.on === true;
      this.on.changed();
    }
    const id = message.id;
    if (message.t === "photo-request" && (typeof id === "string" || Number.isInteger(id))) {
      this.on.photo(id);
    }
  }

  /** Follow the ladder: how much video to send, and whether at all. */
  async hint(message) {
    this.videoAllowed = message.video !== false;
    this.on.changed();
    if (!this.videoSender || !this.videoSender.getParameters) return;
    const parameters = this.videoSender.getParameters();
    if (!parameters.encodings || !parameters.encodings.length) return;
    const encoding = parameters.encodings[0];
    encoding.active = this.videoAllowed;
    const kbps = whole(message.max_kbps, 20, 8000);
    const scale = whole(message.scale, 1, 16);
    const fps = whole(message.fps, 1, 60);
    if (kbps !== null) encoding.maxBitrate = Math.round(kbps * 1000);
    if (scale !== null) encoding.scaleResolutionDownBy = scale;
    if (fps !== null) encoding.maxFramerate = fps;
    try {
      await this.videoSender.setParameters(parameters);
    } catch (error) {
      this.unheeded = true; // an old browser: its own congestion control remains
    }
  }

  async look() {
    if (this.state !== "connected") return;
    const report = await this.pc.getStats();
    let loss = 0;
    let trip = 0;
    report.forEach((entry) => {
      if (entry.type !== "remote-inbound-rtp" || entry.kind !== "audio") return;
      loss = Math.max(loss, entry.fractionLost || 0);
      trip = Math.max(trip, entry.roundTripTime || 0);
    });
    // The limits of the ladder's rung "Low video", beyond which voice goes first.
    const quality = loss > 0.08 || trip > 0.6 ? "weak" : "good";
    if (quality !== this.quality) {
      this.quality = quality;
      this.on.changed();
    }
  }

  close() {
    this.closed = true;
    clearInterval(this.watch);
    this.pc.onicecandidate = null;
    this.pc.ontrack = null;
    this.pc.oniceconnectionstatechange = null;
    this.pc.onconnectionstatechange = null;
    if (this.channel) this.channel.onmessage = null;
    this.pc.close();
  }
}
