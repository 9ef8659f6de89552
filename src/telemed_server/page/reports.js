// Tells the desk about the phone's link while the patient checks and waits.

import { kind, measureDown } from "./link.js";

const LINK_MS = 15000;
const QUICK_PING_MS = 1000;
const QUICK_PINGS = 4;

export class Reports {
  constructor(app) {
    this.app = app;
    this.down = null;
  }

  /** Measure quickly at first, then report every 15 s; harmless when started. */
  start() {
    if (this.timer) return;
    let quick = 0;
    const ping = setInterval(() => {
      this.app.line.ping();
      quick += 1;
      if (quick >= QUICK_PINGS) clearInterval(ping);
    }, QUICK_PING_MS);
    measureDown().then((kbps) => {
      this.down = kbps;
      this.report();
    });
    this.timer = setInterval(() => this.report(), LINK_MS);
  }

  report() {
    const { rtt, stage, line } = this.app;
    if (rtt === null || (stage !== "check" && stage !== "waiting")) return;
    const body = { t: "link", rtt_ms: Math.round(rtt * 10) / 10, kind: kind() };
    if (this.down !== null) body.down_kbps = this.down;
    if (line.online) line.send(body);
  }

  stop() {
    clearInterval(this.timer);
  }
}
