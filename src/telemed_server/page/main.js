// Starts the patient's page, and hears what the browser says about it.

import { App } from "./app.js";

const name = location.pathname.replace(/^\/j\//, "").replace(/\/$/, "");
const app = new App(name);
document.addEventListener("visibilitychange", () => app.shown());
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // came back from the history with its lines cut
});
window.addEventListener("hashchange", () => location.reload()); // the link was opened again in this tab
app.arrival.begin();
