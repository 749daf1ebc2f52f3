// Opens a page in headless Chromium and reports, as JSON, what a reader and the network see.
// Usage: node page.mjs <chromium> <page> [screenshot prefix]
import { pathToFileURL } from "node:url";
import { consoleOf, openTab, overflow, shoot, viewState, violations } from "./browser.mjs";

const [executablePath, page, prefix] = process.argv.slice(2);
const { tab, close } = await openTab(executablePath, 120_000);
const report = { console: consoleOf(tab), requests: [] };
try {
  const url = pathToFileURL(page).href;
  tab.on("request", (request) => {
    if (request.url() !== url && !/^(data|blob):/.test(request.url())) report.requests.push(request.url());
  });
  await tab.goto(url);
  const loaded = await tab.evaluate(async () => (await window.mmpart.ready) !== null);
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
  report.facts = await tab.locator("#facts dt, #facts dd").allTextContents();
  report.violations = await violations(tab);
  report.overflow = await overflow(tab);
  if (prefix) await shoot(tab, prefix);
  if (loaded) await use(() => viewState(tab));
} finally {
  await close();
}
process.stdout.write(JSON.stringify(report));

async function use(state) {
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
  await tab.locator("#overlay").fill("60");
  report.overlaid = { ...(await state()), shown: await tab.locator("#overlay-image").isVisible() };
  if (prefix) await shoot(tab, `${prefix}-overlaid`);
}
