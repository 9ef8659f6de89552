// What must outlive a reload, and nothing else. sessionStorage belongs to this tab and goes with it;
// `clear` empties it when the visit ends. See docs/patient-page.md for why not the address or a cookie.

/** A small record of this visit, kept under the link's public name. */
export class Session {
  constructor(jti) {
    this.name = "visit/" + jti;
    this.data = {};
    try {
      this.data = JSON.parse(sessionStorage.getItem(this.name)) || {};
    } catch (error) {
      this.data = {}; // storage is off: everything works but a reload
    }
  }

  set(values) {
    Object.assign(this.data, values);
    if (this.over) return;
    try {
      sessionStorage.setItem(this.name, JSON.stringify(this.data));
    } catch (error) {
      this.data.unsaved = true;
    }
  }

  clear() {
    this.over = true;
    try {
      sessionStorage.removeItem(this.name);
    } catch (error) {
      this.data.unsaved = true;
    }
  }
}
