// One peer connection with the desk. The desk offers, this page answers; a higher revision of the same
// offer restarts ICE on the same connection. Nothing here needs the server once media flow.

import { Sending } from "./sending.js";

const STATS_MS = 3000;
const MAX_TEXT = 16 * 1024;
const MAX_EARLY_CANDIDATES = 200;

export class Call {
  /**
   * `send(body)` seals for the desk; `on.changed()` after anything worth drawing; `on.photo(message)`
   * for what the desk says of photos; `on.hint` is what the last call was told to send, and
   * `on.keepHint(hint)` remembers it.
   */
  constructor(id, servers, media, send, on) {
    this.id = id;
    this.media = media;
    this.send = send;
    this.on = on;
    this.revision = -1;
    this.state = "new";
    this.quality = null; // "good" or "weak"
    this.sending = new Sending(
      on.hint,
      () => {
        this.refresh().catch(() => {});
        on.changed();
      },
      on.keepHint,
    );
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

  /** Fresh credentials for relays, asked when the offer of another path is answered. */
  useServers(servers) {
    try {
      this.pc.setConfiguration({ iceServers: servers, bundlePolicy: "max-bundle" });
    } catch (error) {
      this.staleRelays = true; // an old browser: the path must do without them
    }
  }

  /** Put our tracks into the lines that the offer made: 0 sound, 1 camera, 2 the desk's screen. */
  async attach() {
    const lines = this.pc.getTransceivers();
    const audio = lines.filter((line) => line.receiver.track.kind === "audio")[0];
    const videos = lines.filter((line) => line.receiver.track.kind === "video");
    if (audio) audio.direction = "sendrecv";
    if (videos[0]) videos[0].direction = "sendrecv";
    videos.forEach(wantNoParity);
    if (videos[1]) videos[1].direction = "recvonly";
    this.audioSender = audio && audio.sender;
    this.videoSender = videos[0] && videos[0].sender;
    this.screenLine = videos[1];
    await this.refresh();
    this.steer();
  }

  /** Take over which tracks the phone has now. */
  async refresh() {
    if (this.closed) return;
    if (this.audioSender && this.audioSender.track !== this.media.microphone) {
      await this.audioSender.replaceTrack(this.media.microphone);
    }
    const camera = this.videoHeld || this.sending.blind ? null : this.media.camera;
    if (this.videoSender && this.videoSender.track !== camera) {
      await this.videoSender.replaceTrack(camera);
      this.steer();
    }
  }

  steer() {
    this.sending.attach(this.videoSender, this.media.facing);
  }

  /** The camera is open for a photo only: its picture is not sent. */
  hold(held) {
    this.videoHeld = held;
    return this.refresh().catch(() => {});
  }

  /** Whether pictures may be sent, by the ladder. */
  /** Whether it is the doctor who wants no more pictures, and not the link. */
  get videoChosen() {
    return this.sending.hint.chosen;
  }

  get videoAllowed() {
    return this.sending.video;
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
      this.sending.opened();
    };
    channel.onopen = greet;
    if (channel.readyState === "open") greet(); // some browsers hand it over open already
  }

  get open() {
    return Boolean(this.channel && this.channel.readyState === "open");
  }

  tell(message) {
    if (this.open) {
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
    if (message.t === "send") this.sending.told(message);
    if (message.t === "screen") {
      this.screenOn = message.on === true;
      this.on.changed();
    }
    if (typeof message.t === "string" && message.t.startsWith("photo-")) this.on.photo(message);
  }

  async look() {
    if (this.state !== "connected") return;
    const report = await this.pc.getStats();
    let loss = 0;
    let trip = 0;
    let link = null;
    let sent = 0;
    report.forEach((entry) => {
      if (entry.type === "candidate-pair" && entry.nominated && entry.availableOutgoingBitrate) {
        link = entry.availableOutgoingBitrate / 1000;
      } else if (entry.type === "outbound-rtp") sent += entry.bytesSent || 0;
      else if (entry.type === "remote-inbound-rtp" && entry.kind === "audio") {
        loss = Math.max(loss, entry.fractionLost || 0);
        trip = Math.max(trip, entry.roundTripTime || 0);
      }
    });
    // Firefox does not say what the link takes; what it has just sent is a lower bound.
    const rate = ((sent - (this.sent || 0)) * 8) / STATS_MS;
    this.sending.linkKbps = link === null ? rate : link;
    this.sent = sent;
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
    this.sending.close();
    this.pc.onicecandidate = null;
    this.pc.ontrack = null;
    this.pc.oniceconnectionstatechange = null;
    this.pc.onconnectionstatechange = null;
    if (this.channel) this.channel.onmessage = null;
    this.pc.close();
  }
}

const PARITY = ["video/red", "video/ulpfec", "video/flexfec-03"];

/**
 * Take pictures without parity. libwebrtc keeps pictures back for repeats only where there is none
 * (its jitter buffer leaves the round trip out as soon as parity was agreed on), and on a long, lossy
 * link what parity does not bring back then stands for a round trip. The desk sends twice instead. What
 * this phone sends is not touched: an answer says what it takes.
 */
function wantNoParity(line) {
  const known = window.RTCRtpReceiver && RTCRtpReceiver.getCapabilities
    ? RTCRtpReceiver.getCapabilities("video") : null;
  if (!known || !line.setCodecPreferences) return;
  try {
    line.setCodecPreferences(
      known.codecs.filter((codec) => !PARITY.includes(codec.mimeType.toLowerCase())));
  } catch (error) {
    line.parity = true; // a browser that knows the name and not the thing
  }
}
