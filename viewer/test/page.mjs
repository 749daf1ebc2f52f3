// Opens a page in headless Chromium and reports, as JSON, what a reader and the network see.
// Usage: node page.mjs <chromium> <page> [screenshot prefix]
import { chromium } from "playwright-core";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [executablePath, page, prefix] = process.argv.slice(2);
const ARGS = [
  "--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
];
const SHOTS = [[1280, 800, "light"], [1280, 800, "dark"], [400, 800, "light"], [400, 800, "dark"]];

const report = { console: [], requests: [] };
const profile = await mkdtemp(join(tmpdir(), "page-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath, args: ARGS, headless: true, viewport: { width: 1280, height: 800 },
});
try {
  const tab = await context.newPage();
  const url = pathToFileURL(page).href;
  tab.on("console", (message) => {
    // SwiftShader reads pixels back for screenshots, and Chromium remarks on it.
    if (!message.text().includes("GPU stall due to ReadPixels")) report.console.push(message.text());
  });
  tab.on("pageerror", (error) => report.console.push(String(error)));
  tab.on("request", (request) => {
    if (request.url() !== url && !/^(data|blob):/.test(request.url())) report.requests.push(request.url());
  });
  await tab.goto(url);
  const loaded = await tab.evaluate(async () => (await window.mmpart.ready) !== null);
  const state = () => tab.evaluate(async () => {
    const scene = await window.mmpart.ready;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return scene.state();
  });
  report.loaded = loaded;
  report.title = await tab.title();
  report.status = await tab.locator("#status").textContent();
  report.names = await tab.locator("#parts .name").allTextContents();
  report.notice = (await tab.locator("#notice").isVisible()) ? await tab.locator("#notice").textContent() : null;
  report.failures = await tab.locator(".messages.failure li").allTextContents();
  report.warnings = await tab.locator("#warnings li").allTextContents();
  report.injected = await tab.evaluate(() => ({
    flag: window.injected ?? null,
    elements: document.querySelectorAll("#parts b, #parts script, #parts img").length,
  }));
  if (prefix) await shoot(tab);
  if (loaded) await use(tab, state);
} finally {
  await context.close();
  await rm(profile, { recursive: true, force: true });
}
process.stdout.write(JSON.stringify(report));

async function use(tab, state) {
  report.start = await state();
  const boxes = tab.locator("#parts input[type=checkbox]:enabled");
  await boxes.first().uncheck();
  report.hidden = await state();
  await boxes.first().check();
  await tab.locator("#parts .only:enabled").last().click();
  report.isolated = await state();
  await tab.locator("#show-all").click();
  report.shown = await state();
  await tab.locator("#explode").fill("100");
  report.exploded = await state();
  if (prefix) await tab.screenshot({ path: `${prefix}-exploded.png` });
  await tab.locator("#tint").click();
  if (prefix) await tab.screenshot({ path: `${prefix}-tinted.png` });
  await tab.locator("#reset").click();
  report.reset = await state();
  await tab.locator("#view").focus();
  await tab.keyboard.press("ArrowLeft");
  report.turned = await state();
  await tab.locator("#view").click();
  report.picked = await tab.locator("#picked").textContent();
  await tab.setViewportSize({ width: 400, height: 800 });
  report.overflow = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

async function shoot(tab) {
  for (const [width, height, colorScheme] of SHOTS) {
    await tab.setViewportSize({ width, height });
    await tab.emulateMedia({ colorScheme });
    await tab.waitForTimeout(300);
    await tab.screenshot({ path: `${prefix}-${width}-${colorScheme}.png`, fullPage: width < 800 });
  }
  await tab.emulateMedia({ colorScheme: "light" });
  await tab.setViewportSize({ width: 1280, height: 800 });
  await tab.waitForTimeout(300);
}
