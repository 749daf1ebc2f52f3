// Drives the studio in headless Chromium through an object's life, and reports what a user sees.
// Usage: node studio.mjs <chromium> <address> <image> <journey.json> [screenshot prefix]
import { readFileSync } from "node:fs";
import { consoleOf, openTab, overflow, shoot, studioSteps, viewState, violations } from "./browser.mjs";

const [executablePath, address, image, journeyFile, prefix] = process.argv.slice(2);
const journey = JSON.parse(readFileSync(journeyFile, "utf8"));
const { tab, close } = await openTab(executablePath, 240_000);
const { button, ready, ...steps } = studioSteps(tab, address);
const report = { console: consoleOf(tab), foreign: [], violations: {}, overflow: {} };
tab.on("request", (request) => {
  const url = request.url();
  if (!url.startsWith(address) && !/^(data|blob|about):/.test(url)) report.foreign.push(url);
});

async function look(name) {
  report.violations[name] = await violations(tab);
  report.overflow[name] = await overflow(tab);
  if (prefix) await shoot(tab, `${prefix}-${name}`);
}

const texts = (selector) => tab.locator(selector).allTextContents();

async function giveImage() {
  await tab.goto(address);
  report.empty = await texts(".empty");
  await tab.getByRole("link", { name: "New object" }).first().click();
  await look("new");
  await steps.giveImage(image);
}

// A planner that does not look says so; one that does fills the list, boxes drawn on the image.
async function suggest() {
  await button("Suggest components").press("Enter");
  report.unseeing = [await tab.locator("#suggestions .failure").textContent()];
  await tab.locator("[name=profile]").selectOption("openai");
  await steps.setSettings(journey.planner);
  await button("Suggest components").press("Enter");
  await button("Take these").waitFor();
  report.suggested = await texts("#suggestions .name");
  await look("suggested");
  await tab.locator("#suggestions input").last().uncheck();
  await button("Take these").press("Enter");
  const values = (name) => tab.locator(`#rows [name=${name}]`).evaluateAll((found) => found.map((each) => each.value));
  report.taken = [await values("part_name"), await values("part_count"), await values("part_region")];
  report.takenBoxes = await tab.locator("#regions rect").count();
  for (const _ of report.taken[0]) await tab.locator("#rows li").first().getByRole("button", { name: "Remove" }).press("Enter");
  await tab.locator("[name=profile]").selectOption("local");
}

// Keys alone: a list is pasted, a line added by Enter, moved and removed.
async function nameComponents() {
  await steps.pasteList(journey.components);
  const names = () => tab.locator("#rows [name=part_name]").evaluateAll((found) => found.map((each) => each.value));
  report.pasted = await names();
  await tab.locator("#rows [name=part_name]").last().press("Enter");
  await tab.keyboard.type("too much");
  report.added = await names();
  const last = tab.locator("#rows li").last();
  await last.getByRole("button", { name: "Move up" }).press("Enter");
  report.moved = await names();
  await tab.locator("#rows li").nth(report.moved.indexOf("too much")).getByRole("button", { name: "Remove" }).press("Enter");
  report.kept = await names();
  await tab.locator("[name=name]").fill(journey.name);
  await steps.setSettings(journey.settings);
}

async function drawBox(index, [left, top, right, bottom]) {
  const row = tab.locator("#rows li").nth(index);
  await row.getByRole("button", { name: "Draw a box" }).click();
  await tab.locator("#source").scrollIntoViewIfNeeded();
  const frame = await tab.locator("#source").boundingBox();
  const at = (x, y) => [frame.x + x * frame.width, frame.y + y * frame.height];
  await tab.mouse.move(...at(left, top));
  await tab.mouse.down();
  await tab.mouse.move(...at((left + right) / 2, (top + bottom) / 2));
  await tab.mouse.move(...at(right, bottom));
  await tab.mouse.up();
  return row.locator("[name=part_region]").inputValue();
}

async function failAndRecover() {
  const row = tab.locator("#rows li").first();
  if (await row.locator("details[open]").count() === 0) await row.locator("summary").click();
  await row.locator("[name=part_region]").fill("box 10 20");
  await button("Write the plan").click();
  report.refusedForm = await texts(".row .failure");
  await tab.locator("#rows li").first().locator("[name=part_region]").fill(journey.nowhere);
  await button("Write the plan").click();
  await tab.getByRole("link", { name: "Back to the components" }).waitFor();
  report.failed = [await tab.locator(".message.failure").first().textContent()];
  await look("failed");
  await tab.getByRole("link", { name: "Back to the components" }).click();
}

async function planAndRun() {
  await ready();
  report.drawn = [];
  for (const [index, box] of journey.boxes.entries()) report.drawn.push(await drawBox(index, box));
  await button("Estimate").click();
  await tab.locator("#estimate .estimate").waitFor();
  report.estimate = await texts("#estimate p");
  report.toCome = await tab.locator("#estimate .chip.waiting:visible").count();
  await look("edit");
  await steps.writePlan();
  report.prompts = await tab.locator("[name=prompt]").evaluateAll((found) => found.map((each) => each.value));
  await look("plan");
  await button("Approve and make it").click();
  await tab.locator("#live").waitFor();
}

async function watchRun() {
  await button("Stop").click();
  await tab.getByRole("button", { name: "Approve and make it" }).waitFor();
  report.stopped = await texts(".message.failure");
  await button("Approve and make it").click();
  await tab.locator("#live .strip img").first().waitFor();
  report.livePictures = await tab.locator("#live .strip img").count();
  await look("running");
  await tab.locator("#viewer").waitFor();
}

async function lookAtResult() {
  report.view = await steps.viewer();
  report.status = await tab.locator(".status").textContent();
  report.parts = await texts(".part h3");
  await tab.waitForTimeout(500);
  await look("result");
}

// The same page that lies in the output folder, by itself.
async function lookCloser() {
  await tab.goto(`${address}${report.object}/view`);
  const state = () => viewState(tab);
  await state();
  await look("view");
  await tab.locator("#overlay").fill("60");
  report.overlaid = await state();
  report.overlayShown = await tab.locator("#overlay-image").isVisible();
  if (prefix) await tab.screenshot({ path: `${prefix}-overlay.png` });
  await tab.locator("#explode").fill("50");
  report.overlayLeft = [(await state()).overlay, await tab.locator("#overlay-image").isVisible()];
  await tab.locator("#wireframe").click();
  report.wireframe = (await state()).wireframe;
  await tab.locator("#side").selectOption("back");
  report.behind = await state();
  if (prefix) await tab.screenshot({ path: `${prefix}-behind.png` });
  await tab.goto(`${address}${report.object}`);
}

async function redo() {
  const part = tab.locator(".part").first();
  await part.locator(".redo > summary").click();
  await part.locator("[name=seed]").fill("11");
  await part.getByRole("button", { name: "Make it once more" }).click();
  await steps.afterRun();
  report.tries = await texts(".part:first-child .try-head");
  await tab.getByRole("button", { name: /^Take try 1/ }).click();
  await steps.afterRun();
  report.picked = await texts(".part:first-child .try-head");
}

async function nudge() {
  const before = await steps.viewer();
  const form = tab.locator(".part").first().locator(".nudge");
  await form.locator("summary").click();
  await form.locator("[name=move_z]").fill("0.3");
  await form.locator("[name=turn_z]").fill("30");
  await tab.waitForTimeout(200);
  const previewed = await steps.viewer();
  await form.getByRole("button", { name: "Save its place" }).click();
  await tab.locator(".nudge[open]").waitFor();
  report.nudge = [before, previewed, await steps.viewer()].map((state) => state.parts[0].position);
  await look("nudged");
}

async function searchHistory() {
  await tab.goto(address);
  await tab.locator(".card").first().waitFor();
  await look("history");
  await tab.locator("#q").fill("nothing of that name");
  await tab.locator(".empty").waitFor();
  await tab.locator("#q").fill(journey.name.slice(0, 4));
  await tab.locator(".card").first().waitFor();
  report.found = await texts(".card .name");
}

try {
  await giveImage();
  await suggest();
  await nameComponents();
  await failAndRecover();
  await planAndRun();
  await watchRun();
  await lookAtResult();
  report.downloads = await tab.locator("[aria-label=Downloads] a").evaluateAll((found) => found.map((each) => each.getAttribute("href")));
  report.object = new URL(tab.url()).pathname;
  await lookCloser();
  await redo();
  await nudge();
  await searchHistory();
} catch (error) {
  report.broken = String(error);
  report.where = tab.url();
  report.text = await tab.locator("main").innerText();
  if (prefix) await tab.screenshot({ path: `${prefix}-broken.png`, fullPage: true });
} finally {
  await close();
}
process.stdout.write(JSON.stringify(report));
