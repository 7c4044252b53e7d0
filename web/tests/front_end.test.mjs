// A chat front end that knows nothing of Docent: Deep Chat, on a page of another origin, with a base URL, a key and a model.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { launch, picture } from "./browser.mjs";
import { serve } from "./docent.mjs";
import { model, pieces } from "./model.mjs";

const CARRY = "How many days of annual leave can I carry over into the next year?";
const CARRY_QUOTE = "You may carry over up to six days of annual leave into the next year.";
const LOST_QUOTE = "Carried-over days must be used by 31 March";
const bundle = createRequire(import.meta.url).resolve("deep-chat").replace(/[^/]+$/, "deepChat.bundle.js");

/** A page with the front end on it, set up as its manual says for an endpoint that speaks OpenAI's protocol. */
async function frontEnd({ address, key, stream }) {
  const connect = {
    url: `${address}/v1/chat/completions`,
    stream,
    additionalBodyProps: { model: "people", temperature: 0.2, max_tokens: 500, stream_options: { include_usage: true } },
  };
  const direct = { openAI: { key, completions: true } };
  const attribute = (value) => JSON.stringify(value).replaceAll("'", "&#39;");
  const page = `<!doctype html><html lang="en"><title>Chat</title><link rel="icon" href="data:,">
    <script type="module" src="/deep-chat.js"></script>
    <deep-chat connect='${attribute(connect)}' directConnection='${attribute(direct)}' errorMessages='{"displayServiceErrorMessages": true}'
      style="width: 60rem; height: 46rem; font-family: sans-serif"></deep-chat>`;
  const server = createServer((request, response) => {
    if (request.url === "/deep-chat.js") {
      response.writeHead(200, { "content-type": "text/javascript" });
      return createReadStream(bundle).pipe(response);
    }
    return response.writeHead(200, { "content-type": "text/html" }).end(page);
  });
  await new Promise((go) => server.listen(0, "127.0.0.1", go));
  return { address: `http://127.0.0.1:${server.address().port}`, stop: () => (server.closeAllConnections(), server.close()) };
}

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

/** Does something in the front end, which may ask its own host and the server. */
async function chat(server, { key = server.key, stream = false }, act) {
  const shown = await frontEnd({ address: server.address, key, stream });
  const context = await browser.newContext({ viewport: { width: 1000, height: 800 } });
  const hosts = [shown.address, server.address];
  await context.route((url) => !hosts.includes(url.origin), (route) => route.abort());
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto(shown.address);
    await act(page);
  } finally {
    await context.close();
    shown.stop();
  }
}

async function say(page, words) {
  await page.locator("#text-input").click();
  await page.keyboard.type(words);
  await page.keyboard.press("Enter");
}

const answer = (page, number) => page.locator(".ai-message").nth(number);
const says = (page, number, words) => answer(page, number).filter({ hasText: words }).waitFor();

describe("a chat front end, with the quoting answerer", () => {
  let server;
  before(async () => (server = await serve({ key: ["chat", "--scope", "read,ask", "--collection", "people"] })));
  after(() => server?.stop());

  it("shows the answer with its quotes, and a follow-up is understood", () =>
    chat(server, {}, async (page) => {
      await say(page, CARRY);
      await says(page, 0, CARRY_QUOTE);
      await says(page, 0, /\[1\] “.*six days.*” \(.*leave\.md\)/);
      await say(page, "And when must they be used?");
      await says(page, 1, /\[1\] “.*” \(.*leave\.md\)/);
      await picture(page, "front-end");

      const headers = { authorization: `Bearer ${server.key}` };
      const get = async (path) => (await fetch(server.address + path, { headers })).json();
      const [follows, first] = (await get("/v1/queries")).data;
      assert.deepEqual([first.query, follows.query], [CARRY, "And when must they be used?"]);
      assert.equal((await get(`/v1/queries/${follows.id}/trace`)).question, `${CARRY} And when must they be used?`);
    }));

  it("shows what the server says of a wrong key", () =>
    chat(server, { key: "dk_not-the-key" }, async (page) => {
      await say(page, CARRY);
      await page.locator(".error-message-text", { hasText: "this key is not known" }).waitFor();
      assert.equal(await page.locator(".ai-message").count(), 0);
    }));
});

describe("a chat front end, with a model", () => {
  let server, script;
  before(async () => {
    script = await model();
    server = await serve({ key: ["chat"], env: script.env });
  });
  after(() => (server?.stop(), script?.stop()));

  it("shows each statement as it is checked", () =>
    chat(server, { stream: true }, async (page) => {
      const [first, second, end] = pieces([
        ["Up to six days may be carried over.", CARRY_QUOTE],
        ["They have to be used by the end of March.", LOST_QUOTE],
      ]);
      script.says(first, second, end);
      await say(page, CARRY);
      script.go();
      await says(page, 0, "Up to six days may be carried over. [1]");
      assert.doesNotMatch(await answer(page, 0).innerText(), /end of March/);
      script.go();
      await says(page, 0, "They have to be used by the end of March. [2]");
      // What comes in one read with the end of a stream Deep Chat may lose, so nothing is said here of the quotes below.
      script.go();
    }));
});
