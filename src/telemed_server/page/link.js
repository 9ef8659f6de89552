// What this phone can tell about its link to the clinic's server.

const KEPT = 5;
const SAMPLES = ["strings.js", "page.css", "call.js"]; // together about 30 kB
const MOST_KBPS = 10000; // so small a sample says nothing about more

/** The median of the last round trips, in ms; null before the first. */
export class RoundTrip {
  constructor() {
    this.last = [];
  }

  add(ms) {
    this.last.push(ms);
    if (this.last.length > KEPT) this.last.shift();
  }

  get median() {
    if (!this.last.length) return null;
    return this.last.slice().sort((a, b) => a - b)[Math.floor(this.last.length / 2)];
  }
}

/** How fast this page's own files come, in kbit/s: "at least this much". Null if they do not. */
export async function measureDown() {
  let first = null;
  let bytes = 0;
  try {
    await Promise.all(
      SAMPLES.map(async (name) => {
        const answer = await fetch("/page/" + name, { cache: "no-store" });
        if (first === null) first = performance.now();
        bytes += (await answer.arrayBuffer()).byteLength;
      }),
    );
  } catch (error) {
    return null;
  }
  const ms = Math.max(1, performance.now() - first);
  return Math.min(MOST_KBPS, Math.round((bytes * 8) / ms));
}

/** Such as "wifi" or "4g", where the browser says so. */
export function kind() {
  const connection = navigator.connection;
  return (connection && (connection.type || connection.effectiveType)) || "";
}
