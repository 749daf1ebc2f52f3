// Looks at pages of a Prefect server in headless Chromium, and reports what stands on them.
// Usage: node prefect.mjs <chromium> <address> <looks.json> [screenshot prefix]
// Each look: {name, path, wait (text that appears), tab (to press first), height}.
import { readFileSync } from "node:fs";
import { openTab } from "./browser.mjs";

const [executablePath, address, looksFile, prefix] = process.argv.slice(2);
const looks = JSON.parse(readFileSync(looksFile, "utf8"));
const { tab, close } = await openTab(executablePath, 120_000);
const report = {};
try {
  for (const look of looks) {
    await tab.setViewportSize({ width: 1280, height: look.height ?? 800 });
    await tab.goto(`${address}${look.path}`);
    if (look.tab) await tab.getByRole("tab", { name: look.tab }).or(tab.getByText(look.tab, { exact: true })).first().click();
    await tab.getByText(look.wait).first().waitFor();
    await tab.waitForTimeout(look.rest ?? 1500);
    report[look.name] = {
      text: await tab.locator("body").innerText(),
      pictures: await tab.locator("img").evaluateAll((found) => found.map((each) => [each.src.slice(0, 40), each.naturalWidth])),
      links: await tab.locator("a[href*='://']").evaluateAll((found) => found.map((each) => each.href.slice(0, 200))),
    };
    if (prefix) await tab.screenshot({ path: `${prefix}-${look.name}.png` });
  }
} catch (error) {
  report.broken = String(error);
  if (prefix) await tab.screenshot({ path: `${prefix}-broken.png` });
} finally {
  await close();
}
process.stdout.write(JSON.stringify(report));
