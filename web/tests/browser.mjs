// Debian's Chromium, driven by Playwright. What a page complains about, and what it asks of other hosts, fails its test.
import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

export const executable = process.env.DOCENT_CHROMIUM || "/usr/bin/chromium";
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "docent");
export const screenshots = process.env.DOCENT_SCREENSHOTS || join(cache, "screenshots");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts the browser, with a user folder of its own. */
export function launch() {
  if (!existsSync(executable)) {
    throw new Error(`there is no Chromium at ${executable}: scripts/install_test_tools.sh installs Debian's`);
  }
  mkdirSync(screenshots, { recursive: true });
  return chromium.launch({ executablePath: executable, headless: true, args: FLAGS });
}

/** Opens the page in a window without memory, does something there, and looks at what it complained about. */
export async function visit(browser, address, act, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const complaints = [];
  const asked = new Set();
  page.on("pageerror", (error) => complaints.push(`${error}`));
  page.on("console", (message) => {
    // What the browser says of an answer that is not 2xx is not the page's complaint.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
  page.on("request", (request) => asked.add(new URL(request.url()).origin));
  try {
    await page.goto(address);
    await act(page, context);
  } finally {
    await context.close();
  }
  assert.deepEqual(complaints, [], "complaints of the page");
  assert.deepEqual([...asked], [new URL(address).origin], "hosts that were asked for something");
}

/** Keeps a picture for people to look at. */
export const picture = (page, name) => page.screenshot({ path: join(screenshots, `${name}.png`) });

const RULES = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] };

/** Fails if axe finds anything of level A or AA. */
export async function assertAccessible(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, rules), RULES);
  const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`));
  assert.deepEqual(found, [], `accessibility of ${where}`);
}

/** Types a question and sends it with the keyboard. */
export async function ask(page, question) {
  await page.getByRole("textbox", { name: /question/i }).fill(question);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: question }).waitFor();
}

/** Waits for a line that says how the question stands. */
export const stands = (page, words) => page.locator(".progress [role=status]", { hasText: words }).waitFor();
