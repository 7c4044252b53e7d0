// Prints how soon a first visit shows something: the local server, a browser without a cache, several times.
import { launch } from "./browser.mjs";
import { serve } from "./docent.mjs";

const VISITS = 15;

async function firstPaint(browser, address) {
  const context = await browser.newContext();
  const page = await context.newPage();
  let bytes = 0;
  page.on("response", (response) => {
    if (!response.url().includes("/v1/")) bytes += Number(response.headers()["content-length"] ?? 0);
  });
  await page.goto(address, { waitUntil: "networkidle" });
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  await context.close();
  return { paint, bytes };
}

const server = await serve();
const browser = await launch();
const visits = [];
for (let number = 0; number < VISITS; number += 1) visits.push(await firstPaint(browser, server.address));
await browser.close();
await server.stop();
const paints = visits.map(({ paint }) => Math.round(paint)).sort((a, b) => a - b);
console.log(`first contentful paint: median ${paints[VISITS >> 1]} ms (${paints[0]} to ${paints.at(-1)}), ${VISITS} first visits`);
console.log(`first load: ${(visits[0].bytes / 1000).toFixed(1)} kB on the wire, fonts included`);
