// Makes an object in the studio in headless Chromium, and measures what a user waits for.
// Usage: node studio_times.mjs <chromium> <address> <image> <job.json> [screenshot prefix]
// The job: {name, rows: [[name, hidden, region], ...], settings, mesh: a setting of the mesh stage}.
import { readFileSync } from "node:fs";
import { openTab, overflow, shoot, studioSteps, violations } from "./browser.mjs";

const [executablePath, address, image, jobFile, prefix] = process.argv.slice(2);
const job = JSON.parse(readFileSync(jobFile, "utf8"));
const REPEATS = 3;
const report = { loads: {}, violations: 0, looked: 0, overflow: 0 };
const { tab, close } = await openTab(executablePath, 900_000);
const { button, ready, ...steps } = studioSteps(tab, address);

async function look(name) {
  report.violations += (await violations(tab)).length;
  report.looked += 1;
  report.overflow = Math.max(report.overflow, await overflow(tab));
  if (prefix) await shoot(tab, `${prefix}-${name}`);
}

// Until the page's load event, until the first picture is painted, and what came over the wire.
async function load(name, path) {
  const loads = [];
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    await tab.goto("about:blank");
    const session = await tab.context().newCDPSession(tab);
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

async function fillForm() {
  await steps.giveImage(image);
  await steps.pasteList(job.rows.map(([name, hidden]) => `${name} = ${hidden}`));
  for (const [index, [, , region]] of job.rows.entries()) {
    const row = tab.locator("#rows li").nth(index);
    if ((await row.locator("details[open]").count()) === 0) await row.locator("summary").click();
    await row.locator("[name=part_region]").fill(region);
    await row.locator("summary").click();
  }
  await tab.locator("[name=name]").fill(job.name);
  await steps.setSettings(job.settings);
  await tab.evaluate(() => window.scrollTo(0, 0));
  await look("edit");
}

async function make() {
  await steps.writePlan();
  await look("plan");
  const began = Date.now();
  await button("Approve and make it").click();
  await tab.locator("#live .strip img").first().waitFor();
  report.click_to_first_picture_s = (Date.now() - began) / 1000;
  await look("running");
  await tab.locator("#viewer").waitFor();
  await steps.viewer();
  report.click_to_object_s = (Date.now() - began) / 1000;
  report.object = new URL(tab.url()).pathname;
  await tab.waitForTimeout(1000);
  await look("result");
}

// Another mesh setting: all that precedes the mesh stage comes from the cache.
async function remesh() {
  await tab.goto(`${address}${report.object}/edit`);
  await ready();
  await steps.setSettings([...job.settings, job.mesh]);
  await steps.writePlan();
  report.forecast = await tab.locator(".estimate p").first().textContent();
  const began = Date.now();
  await button("Approve and make it").click();
  await steps.afterRun();
  await steps.viewer();
  report.click_to_remeshed_s = (Date.now() - began) / 1000;
}

async function redo() {
  const part = tab.locator(".part").first();
  await part.locator(".redo > summary").click();
  const began = Date.now();
  await part.getByRole("button", { name: "Make it once more" }).click();
  await steps.afterRun();
  await steps.viewer();
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
  await close();
}
process.stdout.write(JSON.stringify(report));
