// Keeps the screen on while the patient waits or talks, where the browser can.

export class Awake {
  async want(wanted) {
    if (!navigator.wakeLock) return;
    if (!wanted && this.lock) {
      this.lock.release().catch(() => {});
      this.lock = null;
    }
    if (!wanted || (this.lock && !this.lock.released)) return;
    try {
      this.lock = await navigator.wakeLock.request("screen");
    } catch (error) {
      this.lock = null; // battery saver; the page works without
    }
  }
}
