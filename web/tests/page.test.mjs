// The page against the real server: what people do with it, what they see, and what it must never do.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { ask, assertAccessible, launch, picture, stands, visit } from "./browser.mjs";
import { line, serve } from "./docent.mjs";
import { model, pieces } from "./model.mjs";

const CARRY = "How many days of annual leave can I carry over into the next year?";
const CARRY_QUOTE = "You may carry over up to six days of annual leave into the next year.";
const HOTEL = "What is the hotel limit per night in Switzerland?";
const DOG = "May I bring my dog to the office?";
const LOST_QUOTE = "Carried-over days must be used by 31 March";

const NARROW = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const DARK = { colorScheme: "dark" };

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

const mark = (page, number) => page.getByRole("button", { name: new RegExp(`^Quote ${number},`) });
const reader = (page) => page.getByRole("complementary");

describe("with the quoting answerer", () => {
  let server;
  before(async () => (server = await serve()));
  after(() => server?.stop());
  const open = (act, options) => visit(browser, server.address, act, options);

  it("answers, and opens a quote on its page", () =>
    open(async (page) => {
      await page.getByRole("heading", { name: "Ask your documents" }).waitFor();
      await assertAccessible(page, "the first view");
      await picture(page, "ask");
      await ask(page, CARRY);
      await stands(page, "Answered, every statement with a quote");
      assert.match(await page.locator(".answer").innerText(), /six days/);
      await assertAccessible(page, "an answer");
      await picture(page, "answer");

      await mark(page, 1).hover();
      const card = page.getByRole("tooltip");
      assert.match(await card.innerText(), /six days of annual leave/);
      await picture(page, "answer-quote-card");
      await mark(page, 1).click();
      await reader(page).locator("mark").waitFor();
      const words = await page.locator(".evidence .quote-words").first().innerText();
      assert.equal(await reader(page).locator("mark").innerText(), words, "what is marked is the quote");
      assert.ok(await reader(page).locator("mark").isVisible());
      await assertAccessible(page, "a quote on its page");
      await picture(page, "reader");
      await page.keyboard.press("Escape");
      assert.equal(await reader(page).count(), 0);
      assert.match(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), /^Quote 1/);
    }));

  it("shows pages of a PDF by number, and turns them", () =>
    open(async (page) => {
      await ask(page, HOTEL);
      await stands(page, "Answered");
      await page.locator(".quote", { hasText: "265" }).first().click();
      await reader(page).locator("mark", { hasText: "265" }).waitFor();
      assert.match(await reader(page).locator(".reader-place").innerText(), /travel-and-expenses\.pdf · page 3/);
      await picture(page, "reader-pdf");
      await page.getByRole("button", { name: "Next page" }).click();
      await page.locator(".turner", { hasText: "Page 4 of 5" }).waitFor();
      await page.getByRole("button", { name: "Page before" }).click();
      await reader(page).locator("mark", { hasText: "265" }).waitFor();
    }));

  it("says that the documents do not answer, with the nearest passages", () =>
    open(async (page) => {
      await ask(page, DOG);
      await stands(page, "Not in the documents");
      assert.equal(await page.locator(".mark").count(), 0);
      const nearest = page.locator(".passage");
      assert.equal(await nearest.count(), 3);
      await assertAccessible(page, "an answer that was not found");
      await picture(page, "not-found");
      await nearest.first().click();
      await reader(page).locator("mark.of-passage").waitFor();
    }));

  it("keeps the history, newest first, until a question is deleted", () =>
    open(async (page) => {
      await ask(page, CARRY);
      await stands(page, "Answered");
      await page.keyboard.press("Control+k");
      await ask(page, DOG);
      await stands(page, "Not in the documents");
      const listed = page.getByRole("navigation", { name: "Your questions" }).locator(".entry-text");
      assert.deepEqual(await listed.allInnerTexts(), [DOG, CARRY]);

      await page.reload();
      await stands(page, "Not in the documents");
      await page.getByRole("link", { name: CARRY }).click();
      await stands(page, "Answered");
      assert.deepEqual(await listed.allInnerTexts(), [DOG, CARRY]);

      await page.getByRole("button", { name: `Delete the question: ${CARRY}` }).click();
      await assertAccessible(page, "the question before deleting");
      await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
      await page.getByRole("heading", { name: "Ask your documents" }).waitFor();
      assert.deepEqual(await listed.allInnerTexts(), [DOG]);
      await page.reload();
      await listed.first().waitFor();
      assert.deepEqual(await listed.allInnerTexts(), [DOG]);
    }));

  it("has a history for each browser", () =>
    open(async (page) => {
      await page.getByText("Your questions will be listed here").waitFor();
    }));

  it("tells why the answer is what it is", () =>
    open(async (page) => {
      await ask(page, CARRY);
      await stands(page, "Answered");
      await page.getByText("Why this answer").click();
      await page.getByRole("row", { name: /leave\.md/ }).first().waitFor();
      assert.match(await page.locator(".checks").innerText(), /verified/);
      await assertAccessible(page, "why an answer is what it is");
      await page.locator(".trace").scrollIntoViewIfNeeded();
      await picture(page, "why");
    }));

  it("remembers what somebody thought of an answer", () =>
    open(async (page) => {
      await ask(page, CARRY);
      await stands(page, "Answered");
      await page.getByRole("button", { name: "This answer does not help" }).click();
      await page.getByRole("textbox", { name: "Why?" }).fill("I meant sick leave");
      await page.keyboard.press("Enter");
      await page.getByText("kept with the question").waitFor();
      await page.reload();
      await page.getByRole("button", { name: "This answer does not help", pressed: true }).waitFor();
    }));

  it("can be used with the keyboard alone", () =>
    open(async (page) => {
      await page.getByRole("textbox", { name: "Your question" }).waitFor();
      await page.keyboard.type(CARRY);
      await page.keyboard.press("Enter");
      await stands(page, "Answered");
      const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent);
      assert.equal(await focused(), CARRY, "the new heading is read out");
      await page.keyboard.press("Tab");
      assert.match(await focused(), /^Quote 1/);
      await page.getByRole("tooltip").waitFor();
      await page.keyboard.press("Enter");
      await reader(page).locator("mark").waitFor();
      assert.equal(await focused(), "Leave policy", "the keyboard is in the reader");
      await page.keyboard.press("Escape");
      assert.match(await focused(), /^Quote 1/);
    }));

  it("lists documents with a report of each, in each collection", () =>
    open(async (page) => {
      await page.getByRole("link", { name: "Documents", exact: true }).click();
      const document = page.locator(".document", { hasText: "travel-and-expenses.pdf" });
      await page.locator(".document-title").first().waitFor();
      await document.locator("summary").click();
      assert.match(await document.locator(".report").innerText(), /\d+ characters in \d+ passages/);
      await assertAccessible(page, "the documents");
      await picture(page, "documents");
      await page.getByRole("combobox", { name: "Collection" }).selectOption("product");
      await page.locator(".document-title", { hasText: "API" }).first().waitFor();
      assert.equal(await document.count(), 0);
      await page.getByRole("link", { name: "New question" }).click();
      await ask(page, "What does error E-417 mean?");
      await stands(page, "Answered");
      assert.match(await page.locator(".evidence").innerText(), /90 seconds/);
    }));

  for (const [name, options] of [["narrow", NARROW], ["narrow-dark", { ...NARROW, ...DARK }], ["dark", DARK]]) {
    it(`is readable and accessible: ${name}`, () =>
      open(async (page) => {
        const isNarrow = name.startsWith("narrow");
        await assertAccessible(page, `${name}: asking`);
        await picture(page, `${name}-ask`);
        await ask(page, HOTEL);
        await stands(page, "Answered");
        await assertAccessible(page, `${name}: an answer`);
        await picture(page, `${name}-answer`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${overflow} pixels too wide`);
        if (isNarrow) {
          await page.getByRole("button", { name: "Questions" }).click();
          await page.getByRole("link", { name: HOTEL }).waitFor();
          await assertAccessible(page, `${name}: the menu`);
          await picture(page, `${name}-menu`);
          await page.keyboard.press("Escape");
        }
        await mark(page, 1).click();
        await reader(page).locator("mark").waitFor();
        await assertAccessible(page, `${name}: a quote on its page`);
        await picture(page, `${name}-reader`);
        const { width } = await reader(page).boundingBox();
        assert.equal(width === options.viewport?.width, isNarrow, "a narrow screen shows the source alone");
        const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        const isDark = Number(/\d+/.exec(paper)[0]) < 60;
        assert.equal(isDark, name.endsWith("dark"), paper);
      }, options));
  }

  it("says something before its script has come, and while nothing comes from the server", () =>
    open(async (page, context) => {
      let arrive;
      const arrived = new Promise((go) => (arrive = go));
      await context.route(/\.js$/, async (route) => (await arrived, route.continue()));
      const loaded = page.reload();
      await page.getByText("Opening Docent").waitFor();
      await context.route("**/v1/**", (route) => route.abort());
      arrive();
      await loaded;
      await page.getByText("The server does not answer").waitFor();
      await page.getByRole("textbox", { name: "Your question" }).fill(CARRY);
      await page.keyboard.press("Enter");
      await page.getByText("cannot be reached").waitFor();
      assert.equal(await page.getByRole("textbox", { name: "Your question" }).inputValue(), CARRY, "nothing is lost");
      await context.unroute("**/v1/**");
      await page.keyboard.press("Enter");
      await stands(page, "Answered");
    }));
});

describe("deleting a document", () => {
  it("leaves nothing to ask for, and marks what was answered", async () => {
    const server = await serve();
    await visit(browser, server.address, async (page) => {
      await ask(page, CARRY);
      await stands(page, "Answered");
      await page.getByRole("link", { name: "Documents", exact: true }).click();
      await page.getByRole("button", { name: "Delete Leave policy" }).click();
      await picture(page, "delete-document");
      await page.getByRole("dialog").getByRole("button", { name: "Keep" }).click();
      await page.locator(".document-title", { hasText: "Leave policy" }).waitFor();
      await page.getByRole("button", { name: "Delete Leave policy" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
      await page.locator(".document-title", { hasText: "Leave policy" }).waitFor({ state: "detached" });

      await page.getByRole("link", { name: CARRY }).click();
      await page.locator(".evidence .check.lost", { hasText: "source deleted" }).first().waitFor();
      await assertAccessible(page, "an answer whose source is deleted");
      await picture(page, "source-deleted");
      await mark(page, 1).click();
      await reader(page).getByText("not in the collection any more").waitFor();
      await page.getByRole("button", { name: "Close the document" }).click();
      await page.getByRole("button", { name: "Ask again" }).click();
      await page.locator(".entry-text", { hasText: CARRY }).nth(1).waitFor();
      await page.locator(".progress.not_found, .progress.answered").waitFor();
      assert.doesNotMatch(await page.locator("article").innerText(), /six days of annual leave into/);
      assert.equal(await page.locator(".quote-place, .passage-title").filter({ hasText: "Leave policy" }).count(), 0);
    });
    await server.stop();
  });
});

describe("deleting a document with its answers", () => {
  it("erases them and keeps the question", async () => {
    const server = await serve();
    await visit(browser, server.address, async (page) => {
      await ask(page, CARRY);
      await stands(page, "Answered");
      await page.getByRole("link", { name: "Documents", exact: true }).click();
      await page.getByRole("button", { name: "Delete Leave policy" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("checkbox", { name: "Erase these answers instead" }).check();
      await assertAccessible(page, "the choice to erase");
      await dialog.getByRole("button", { name: "Delete" }).click();
      await page.locator(".document-title", { hasText: "Leave policy" }).waitFor({ state: "detached" });
      await page.getByRole("link", { name: CARRY }).click();
      await stands(page, "Erased with a document it was made from");
      const article = await page.locator("article").innerText();
      assert.match(article, /was erased with a document/);
      assert.doesNotMatch(article, /six days of annual leave into/);
      assert.equal(await page.locator(".evidence").count(), 0);
    });
    await server.stop();
  });
});

describe("uploading", () => {
  let server;
  before(async () => (server = await serve({ env: { DOCENT_FILE_MIB: "1" } })));
  after(() => server?.stop());
  const open = (act, options) => visit(browser, `${server.address}/#/documents`, act, options);
  const parking = (spaces) => `# Parking\n\nThe garage in Delft has ${spaces} parking spaces for bicycles.\n`;
  const file = (name, text) => ({ name, mimeType: "text/markdown", buffer: Buffer.from(text, "latin1") });
  const choose = async (page, files) => {
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByRole("button", { name: "Add files" }).press("Enter")]);
    await chooser.setFiles(files);
  };
  const sent = (page, name) => page.locator(".file", { hasText: name });
  const GARAGE = "How many parking spaces for bicycles does the garage in Delft have?";

  it("takes a file in, answers from it, hands it back, and forgets it", () =>
    open(async (page) => {
      await choose(page, [file("parking.md", parking(240))]);
      await sent(page, "parking.md").getByText("Added").waitFor();
      const entry = page.locator(".document", { hasText: "Parking" });
      await entry.waitFor();
      await assertAccessible(page, "an upload");
      await picture(page, "upload");
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Save the original of Parking" }).click(),
      ]);
      assert.equal(download.suggestedFilename(), "parking.md");
      assert.equal(readFileSync(await download.path(), "utf8"), parking(240));

      await page.getByRole("link", { name: "New question" }).click();
      await ask(page, GARAGE);
      await stands(page, "Answered");
      assert.match(await page.locator(".evidence").innerText(), /240 parking spaces/);
      await ask(page, "And in Utrecht?");
      await page.locator(".before", { hasText: GARAGE }).waitFor();

      await page.getByRole("link", { name: "Documents", exact: true }).click();
      await page.getByRole("button", { name: "Delete Parking" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
      await entry.waitFor({ state: "detached" });
      await page.locator(".entry-text", { hasText: GARAGE }).click();
      await page.getByRole("button", { name: "Ask again" }).click();
      await page.locator(".entry-text", { hasText: GARAGE }).nth(1).waitFor();
      await page.locator(".progress.not_found, .progress.answered").waitFor();
      assert.doesNotMatch(await page.locator("article").innerText(), /240 parking spaces/);
    }));

  it("says why a file is refused", () =>
    open(async (page) => {
      await choose(page, [
        file("letter.pages", "PK"),
        file("broken.pdf", "%PDF-1.7 and nothing behind it"),
        file("picture.md", "\x89PNG\r\n\x1a\n"),
        file("large.txt", "x".repeat(1_100_000)),
      ]);
      await sent(page, "letter.pages").getByText("Apple Pages files are not read").waitFor();
      await sent(page, "picture.md").getByText("rename it or replace it").waitFor();
      await sent(page, "large.txt").getByText("larger than the 1 MiB").waitFor();
      await sent(page, "broken.pdf").locator(".icon").waitFor();
      const entry = page.locator(".document", { hasText: "broken.pdf" });
      await entry.locator(".document-refusal").waitFor();
      await page.getByText("4 files done").waitFor();
      await assertAccessible(page, "refused files");
      await picture(page, "upload-refused");
      await page.getByRole("button", { name: "Clear" }).click();
      assert.equal(await page.locator(".file").count(), 0);
      await page.getByRole("button", { name: "Delete broken.pdf" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
      await entry.waitFor({ state: "detached" });
    }));

  it("takes what is dropped, on a narrow screen and in the dark", () =>
    open(
      async (page) => {
        const data = await page.evaluateHandle(() => {
          const data = new DataTransfer();
          data.items.add(new File(["# Quiet room\n\nThe quiet room is on the fourth floor.\n"], "quiet room.md"));
          return data;
        });
        await page.locator(".drop").waitFor();
        await page.dispatchEvent(".drop", "dragover", { dataTransfer: data });
        await page.locator(".drop.is-over").waitFor();
        await page.dispatchEvent(".drop", "drop", { dataTransfer: data });
        await sent(page, "quiet room.md").getByText("Added").waitFor();
        await assertAccessible(page, "narrow-dark: an upload");
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${overflow} pixels too wide`);
        await picture(page, "narrow-dark-upload");
      },
      { ...NARROW, ...DARK },
    ));
});

describe("with a language model", () => {
  let script, server, cable;
  before(async () => {
    script = await model();
    server = await serve({ env: script.env });
    cable = await line(server.address);
  });
  after(async () => {
    await server?.stop();
    cable?.stop();
    script?.stop();
  });
  const open = (act) => visit(browser, cable.address, act);
  const both = pieces([
    ["You can carry over six days.", CARRY_QUOTE],
    ["They are lost after March.", LOST_QUOTE],
  ]);

  it("shows each statement as soon as its quotes are checked", () =>
    open(async (page) => {
      script.says(...both);
      await ask(page, CARRY);
      await stands(page, "Reading 8 passages");
      await picture(page, "reading");
      script.go();
      await mark(page, 1).waitFor();
      await stands(page, "1 statement so far");
      assert.equal(await page.locator(".statement").count(), 1);
      await assertAccessible(page, "an answer that is being written");
      await picture(page, "writing");
      script.go();
      await mark(page, 2).waitFor();
      script.go();
      await stands(page, "Answered");
      assert.equal(await page.locator(".statement").count(), 2);
    }));

  it("goes on where it was when the connection breaks", () =>
    open(async (page) => {
      script.says(...both);
      await ask(page, CARRY);
      script.go();
      await mark(page, 1).waitFor();
      cable.cut();
      script.go();
      await mark(page, 2).waitFor();
      assert.equal(await page.locator(".statement").count(), 2, "nothing is missing and nothing is there twice");
      script.go();
      await stands(page, "Answered");
    }));

  it("stops when told, and asks again when told", () =>
    open(async (page) => {
      script.says(...both);
      await ask(page, CARRY);
      await stands(page, "Reading");
      await page.getByRole("button", { name: "Stop" }).click();
      await stands(page, "Stopped before there was an answer");
      await page.locator(".entry-state", { hasText: "Cancelled" }).waitFor();
      script.says(...both);
      both.forEach(script.go);
      await page.getByRole("button", { name: "Ask again" }).click();
      await stands(page, "Answered");
    }));

  it("says when a part had no evidence, and shows which", () =>
    open(async (page) => {
      const said = pieces([
        ["You can carry over six days.", CARRY_QUOTE],
        ["The rest is paid out in May.", "Days that are left are paid out in May of the next year."],
      ]);
      script.says(...said);
      said.forEach(script.go);
      await ask(page, CARRY);
      await stands(page, "Answered in part");
      assert.doesNotMatch(await page.locator(".answer").innerText(), /paid out/);
      await page.getByText("Why this answer", { exact: true }).click();
      await page.locator(".checks .dropped", { hasText: "The rest is paid out in May." }).waitFor();
      await assertAccessible(page, "a partial answer");
      await picture(page, "partial");
    }));

  it("shows why a question failed", () =>
    open(async (page) => {
      script.refuses(401);
      await ask(page, CARRY);
      await stands(page, "This question could not be answered");
      await assertAccessible(page, "a question that failed");
      await picture(page, "failed");
    }));
});

describe("with a key", () => {
  const KEY = "0123456789abcdef";
  it("asks for it, and keeps it in this tab alone", async () => {
    const server = await serve({ env: { DOCENT_API_KEY: KEY } });
    await visit(browser, server.address, async (page, context) => {
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("textbox", { name: "Key" }).fill("not the key");
      await picture(page, "key");
      await page.keyboard.press("Enter");
      await dialog.getByText("does not know that key").waitFor();
      await assertAccessible(page, "the prompt for a key");
      await dialog.getByRole("textbox", { name: "Key" }).fill(KEY);
      await page.keyboard.press("Enter");
      await ask(page, CARRY);
      await stands(page, "Answered");
      assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes(KEY));
      assert.deepEqual(await context.cookies(), []);
      await page.reload();
      await stands(page, "Answered");
    });
    await visit(browser, server.address, (page) => page.getByRole("dialog").waitFor());
    await server.stop();
  });
});

describe("without documents", () => {
  it("says how to read some in", async () => {
    const server = await serve({ documents: false });
    await visit(browser, server.address, async (page) => {
      await page.getByText("docent ingest FOLDER").waitFor();
      await assertAccessible(page, "a page without documents");
      await picture(page, "empty");
    });
    await server.stop();
  });
});
