// What the scripts beside it share: headless Chromium, what axe-core finds, and steps in the studio.
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const ARGS = [
  "--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
];
const SCHEMES = ["light", "dark"];
const SHOTS = [[1280, "light"], [1280, "dark"], [400, "light"], [400, "dark"]];
const HEIGHT = { 1280: 900, 400: 860 };

// A tab of a browser without a past; `close` ends both and leaves no file.
export async function openTab(executablePath, timeoutMs) {
  const folder = await mkdtemp(join(tmpdir(), "browser-"));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath, args: ARGS, headless: true, viewport: { width: 1280, height: HEIGHT[1280] }, colorScheme: "light",
  });
  const tab = await context.newPage();
  tab.setDefaultTimeout(timeoutMs);
  const close = async () => {
    await context.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { tab, close };
}

// What a page writes to the console, but for what Chromium itself remarks on: SwiftShader reads
// pixels back for screenshots, and a refused form is answered with a 4xx.
export function consoleOf(tab) {
  const told = [];
  tab.on("console", (message) => {
    if (!/GPU stall due to ReadPixels|status of 4\d\d/.test(message.text())) told.push(message.text());
  });
  tab.on("pageerror", (error) => told.push(String(error)));
  return told;
}

// axe runs in a world of its own, as an extension would: a page's policy lets no other script in.
export async function violations(tab) {
  const world = await tab.context().newCDPSession(tab);
  const { frameTree } = await world.send("Page.getFrameTree");
  const { executionContextId: contextId } = await world.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
  const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await world.send("Runtime.evaluate", { contextId, expression: axe });
  const expression = "axe.run(document, { iframes: false }).then((r) => JSON.stringify(r.violations.map((v) => [v.id, v.nodes.map((n) => n.html.slice(0, 120))])))";
  const found = [];
  for (const colorScheme of SCHEMES) {
    await tab.emulateMedia({ colorScheme });
    const answer = await world.send("Runtime.evaluate", { contextId, expression, awaitPromise: true, returnByValue: true });
    found.push(...JSON.parse(answer.result.value));
  }
  await world.detach();
  await tab.emulateMedia({ colorScheme: "light" });
  return found;
}

// How many pixels a page is wider than a screen of 400.
export async function overflow(tab) {
  await tab.setViewportSize({ width: 400, height: HEIGHT[400] });
  const beyond = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  await tab.setViewportSize({ width: 1280, height: HEIGHT[1280] });
  return beyond;
}

// A page as it is, wide and narrow, light and dark: <prefix>-<width>-<scheme>.png.
export async function shoot(tab, prefix) {
  for (const [width, colorScheme] of SHOTS) {
    await tab.setViewportSize({ width, height: HEIGHT[width] });
    await tab.emulateMedia({ colorScheme });
    await tab.waitForTimeout(400);
    await tab.screenshot({ path: `${prefix}-${width}-${colorScheme}.png`, fullPage: true });
  }
  await tab.emulateMedia({ colorScheme: "light" });
  await tab.setViewportSize({ width: 1280, height: HEIGHT[1280] });
}

// The state of the 3D view of a page or frame, once what was asked of it is drawn.
export async function viewState(page) {
  await page.waitForFunction(() => window.mmpart);
  return page.evaluate(async () => {
    const scene = await window.mmpart.ready;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return scene.state();
  });
}

// The studio's own steps, as both its journey and its times take them.
export function studioSteps(tab, address) {
  const button = (name) => tab.getByRole("button", { name, exact: true });
  // Before the page's script has run, nothing hears a click.
  const ready = () => tab.locator("#object-form[data-ready]").waitFor();
  return {
    button,
    ready,
    async giveImage(image) {
      await tab.goto(`${address}/new`);
      await tab.locator("#image").setInputFiles(image);
      await button("Use this image").click();
      await tab.waitForURL("**/edit");
      await ready();
    },
    async setSettings(settings) {
      const field = tab.locator("[name=settings]");
      if (!(await field.isVisible())) await tab.getByText("Settings, seed, camera, budget").click();
      await field.fill(settings.join("\n"));
    },
    async pasteList(lines, key = "Enter") {
      await button("Paste a list").press(key);
      await tab.locator("#paste-text").fill(lines.join("\n"));
      await button("Take these").press(key);
    },
    async writePlan() {
      await button("Write the plan").click();
      await button("Approve and make it").waitFor();
    },
    // The 3D view in the object's page, once there is one.
    async viewer() {
      const frame = await (await tab.locator("#viewer").elementHandle()).contentFrame();
      await frame.waitForFunction(() => window.mmpart);
      return viewState(frame);
    },
    async afterRun() {
      await tab.locator("#live").waitFor();
      await tab.locator("#viewer").waitFor();
    },
  };
}
