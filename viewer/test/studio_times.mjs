// Makes an object in the studio in headless Chromium, and measures what a user waits for.
// Usage: node studio_times.mjs <chromium> <address> <image> <job.json> [screenshot prefix]
// The job: {name, rows: [[name, hidden, region], ...], settings, mesh: a setting of the mesh stage}.
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [executablePath, address, image, jobFile, prefix] = process.argv.slice(2);
const job = JSON.parse(readFileSync(jobFile, "utf8"));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const ARGS = [
  "--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
];
const REPEATS = 3;
const report = { loads: {}, violations: 0, looked: 0, overflow: 0 };
const folder = await mkdtemp(join(tmpdir(), "studio-"));
const context = await chromium.launchPersistentContext(folder, { executablePath, args: ARGS, headless: true, viewport: { width: 1280, height: 900 } });
const tab = await context.newPage();
tab.setDefaultTimeout(900_000);
const button = (name) => tab.getByRole("button", { name, exact: true });

async function look(name) {
  const world = await context.newCDPSession(tab);
  const { frameTree } = await world.send("Page.getFrameTree");
  const { executionContextId: contextId } = await world.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
  await world.send("Runtime.evaluate", { contextId, expression: axe });
  for (const colorScheme of ["dark", "light"]) {
    await tab.emulateMedia({ colorScheme });
    const expression = "axe.run(document, { iframes: false }).then((r) => r.violations.length)";
    const answer = await world.send("Runtime.evaluate", { contextId, expression, awaitPromise: true, returnByValue: true });
    report.violations += answer.result.value;
    report.looked += 1;
    if (prefix) await tab.screenshot({ path: `${prefix}-${name}-${colorScheme}.png` });
  }
  await tab.setViewportSize({ width: 400, height: 860 });
  await tab.waitForTimeout(300);
  report.overflow = Math.max(report.overflow, await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth));
  if (prefix) await tab.screenshot({ path: `${prefix}-${name}-400.png` });
  await tab.setViewportSize({ width: 1280, height: 900 });
}

// Until the page's load event, until the first picture is painted, and what came over the wire.
async function load(name, path) {
  const loads = [];
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    await tab.goto("about:blank");
    const session = await context.newCDPSession(tab);
    await session.send("Network.enable");
    await session.send("Network.setCacheDisabled", { cacheDisabled: true });
    await tab.goto(`${address}${path}`);
    await tab.locator("img").first().evaluate((each) => each.decode());
    loads.push(await tab.evaluate(() => {
      const [page] = performance.getEntriesByType("navigation");
      const files = performance.getEntriesByType("resource");
      const pictures = files.filter((each) => each.initiatorType === "img").map((each) => each.responseEnd);
      return { load_ms: page.loadEventEnd, first_picture_ms: Math.min(...pictures), bytes: [page, ...files].reduce((sum, each) => sum + each.transferSize, 0) };
    }));
    await session.detach();
  }
  const middle = (key) => Math.round(loads.map((each) => each[key]).sort((a, b) => a - b)[Math.floor(REPEATS / 2)]);
  report.loads[name] = { load_ms: middle("load_ms"), first_picture_ms: middle("first_picture_ms"), bytes: middle("bytes") };
}

const viewerReady = async () => {
  const frame = await (await tab.locator("#viewer").elementHandle()).contentFrame();
  await frame.waitForFunction(() => window.mmpart);
  await frame.evaluate(async () => (await window.mmpart.ready).state());
};

async function fillForm() {
  await tab.goto(`${address}/new`);
  await tab.locator("#image").setInputFiles(image);
  await button("Use this image").click();
  await tab.waitForURL("**/edit");
  await tab.locator("#object-form[data-ready]").waitFor();
  await button("Paste a list").click();
  await tab.locator("#paste-text").fill(job.rows.map(([name, hidden]) => `${name} = ${hidden}`).join("\n"));
  await button("Take these").click();
  for (const [index, [, , region]] of job.rows.entries()) {
    const row = tab.locator("#rows li").nth(index);
    if ((await row.locator("details[open]").count()) === 0) await row.locator("summary").click();
    await row.locator("[name=part_region]").fill(region);
    await row.locator("summary").click();
  }
  await tab.locator("[name=name]").fill(job.name);
  await tab.getByText("Settings, seed, camera, budget").click();
  await tab.locator("[name=settings]").fill(job.settings.join("\n"));
  await tab.evaluate(() => window.scrollTo(0, 0));
  await look("edit");
}

async function make() {
  await button("Write the plan").click();
  await button("Approve and make it").waitFor();
  await look("plan");
  const began = Date.now();
  await button("Approve and make it").click();
  await tab.locator("#live .strip img").first().waitFor();
  report.click_to_first_picture_s = (Date.now() - began) / 1000;
  await look("running");
  await tab.locator("#viewer").waitFor();
  await viewerReady();
  report.click_to_object_s = (Date.now() - began) / 1000;
  report.object = new URL(tab.url()).pathname;
  await tab.waitForTimeout(1000);
  await look("result");
}

// Another mesh setting: all that precedes the mesh stage comes from the cache.
async function remesh() {
  await tab.goto(`${address}${report.object}/edit`);
  await tab.locator("#object-form[data-ready]").waitFor();
  await tab.locator("[name=settings]").fill([...job.settings, job.mesh].join("\n"));
  await button("Write the plan").click();
  await button("Approve and make it").waitFor();
  report.forecast = await tab.locator(".estimate p").first().textContent();
  const began = Date.now();
  await button("Approve and make it").click();
  await tab.locator("#live").waitFor();
  await tab.locator("#viewer").waitFor();
  await viewerReady();
  report.click_to_remeshed_s = (Date.now() - began) / 1000;
}

async function redo() {
  const part = tab.locator(".part").first();
  await part.locator(".redo > summary").click();
  const began = Date.now();
  await part.getByRole("button", { name: "Make it once more" }).click();
  await tab.locator("#live").waitFor();
  await tab.locator("#viewer").waitFor();
  await viewerReady();
  report.click_to_redone_s = (Date.now() - began) / 1000;
  await tab.locator(".part").first().scrollIntoViewIfNeeded();
  await look("tries");
}

try {
  await fillForm();
  await make();
  await load("objects", "/");
  await load("object", report.object);
  await load("form", `${report.object}/edit`);
  await remesh();
  await redo();
} catch (error) {
  report.broken = String(error);
  report.text = await tab.locator("main").innerText();
} finally {
  await context.close();
  await rm(folder, { recursive: true, force: true });
}
process.stdout.write(JSON.stringify(report));
