// The real program on a data folder of its own, with the handbook in it.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, connect } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const project = resolve(import.meta.dirname, "../..");
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "docent");
const target = process.env.CARGO_TARGET_DIR || join(cache, "target");
export const program = process.env.DOCENT_PROGRAM || join(target, "release", "docent");

/** A data folder in the temporary folder, gone at the end of the process. */
function folder() {
  const path = mkdtempSync(join(tmpdir(), "docent-page-"));
  process.on("exit", () => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Nothing of the machine's own settings reaches the program. */
const environment = (more = {}) => ({ PATH: process.env.PATH, HOME: tmpdir(), ...more });

let handbook;

/** A data folder with the handbook, read in once and copied. */
function furnished() {
  if (!handbook) {
    handbook = folder();
    for (const collection of ["people", "product"]) {
      const from = join(project, "examples/handbook", collection);
      const read = spawnSync(program, ["ingest", "--data", handbook, "--collection", collection, from], { env: environment(), encoding: "utf8" });
      if (read.status !== 0) throw new Error(`ingest failed: ${read.error ?? read.stderr}`);
    }
  }
  const copy = folder();
  cpSync(handbook, copy, { recursive: true });
  return copy;
}

/** A new key of a data folder: what `docent keys create` is given, and the secret that it tells. */
function made(data, wanted) {
  const told = spawnSync(program, ["keys", "create", "--json", "--data", data, ...wanted], { env: environment(), encoding: "utf8" });
  if (told.status !== 0) throw new Error(`no key was made: ${told.error ?? told.stderr}`);
  return JSON.parse(told.stdout).key;
}

/** Starts `docent serve` on a free port, with a `key` if one is wanted; `stop()` ends it. */
export async function serve({ env = {}, documents = true, key = null } = {}) {
  const data = documents ? furnished() : folder();
  const secret = key && made(data, key);
  const process_ = spawn(program, ["serve", "--data", data, "--listen", "127.0.0.1:0"], {
    env: environment({ DOCENT_COLLECTION: "people", ...env }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  process_.stderr.on("data", (text) => (log += text));
  const ended = new Promise((go) => process_.once("exit", go));
  const address = await new Promise((found, failed) => {
    createInterface({ input: process_.stdout }).once("line", (line) => found(line.replace("listening on ", "")));
    ended.then(() => failed(new Error(`docent serve ended: ${log}`)));
  });
  return {
    address,
    key: secret,
    async stop() {
      process_.kill("SIGKILL");
      await ended;
    },
  };
}

/** A line to a server that can be cut; what comes later is let through again. */
export async function line(to) {
  const { port } = new URL(to);
  const open = new Set();
  const server = createServer((near) => {
    const far = connect(Number(port), "127.0.0.1");
    for (const [socket, other] of [[near, far], [far, near]]) {
      open.add(socket);
      socket.pipe(other);
      socket.on("error", () => other.destroy());
      socket.on("close", () => (open.delete(socket), other.destroy()));
    }
  });
  await new Promise((go) => server.listen(0, "127.0.0.1", go));
  const cut = () => open.forEach((socket) => socket.destroy());
  return { address: `http://127.0.0.1:${server.address().port}`, cut, stop: () => (cut(), server.close()) };
}
