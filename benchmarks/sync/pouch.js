// Replicates notes from a PouchDB to an express-pouchdb (CouchDB's protocol) through a counting relay.
// node pouch.js NOTES.json; NODE_PATH names where the packages are. Prints one line of JSON.
"use strict";
const fs = require("node:fs");
const net = require("node:net");
const PouchDB = require("pouchdb");
PouchDB.plugin(require("pouchdb-adapter-memory"));
const express = require("express");
const expressPouch = require("express-pouchdb");

const notes = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const count = { up: 0, down: 0, connections: 0 };

function listen(server) {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

async function main() {
  const app = express();
  const Far = PouchDB.defaults({ adapter: "memory", prefix: "far-" });
  app.use("/", expressPouch(Far, { inMemoryConfig: true, logPath: "/dev/null" }));
  const port = await listen(require("node:http").createServer(app));
  const relay = net.createServer((near) => {
    count.connections += 1;
    const far = net.connect(port, "127.0.0.1");
    near.on("data", (data) => { count.up += data.length; });
    far.on("data", (data) => { count.down += data.length; });
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
  });
  const url = `http://127.0.0.1:${await listen(relay)}/notes`;
  const local = new PouchDB("near", { adapter: "memory" });
  await local.bulkDocs(notes);
  const remote = new PouchDB(url);
  await remote.info();
  const before = { ...count };
  const done = await local.replicate.to(remote, { batch_size: 100 });
  const there = (await remote.info()).doc_count;
  const version = (name) => require(`${name}/package.json`).version;
  process.stdout.write(JSON.stringify({
    up: count.up - before.up,
    down: count.down - before.down,
    written: done.docs_written,
    there,
    pouchdb: version("pouchdb"),
    server: version("express-pouchdb"),
  }) + "\n");
  process.exit(0);
}

main().catch((error) => { process.stderr.write(`${error.stack}\n`); process.exit(1); });
