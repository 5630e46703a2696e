// A Chromium that does what it is told: `node browse.mjs PROGRAM`, with one step as JSON on each line of standard input,
// and one line of what came of it: {"said": ...} or {"error": ...}. `node browse.mjs --unpack` makes the program ready
// in $TMPDIR, and prints where it is.
//
// Things are found as a person finds them, by role and label. What a page may not do, and whatever it tries to load
// from elsewhere, is a problem: `problems` lists them.

import { createInterface } from "node:readline";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import chromium, { inflate } from "@sparticuz/chromium";
import { chromium as driver } from "playwright-core";

if (process.argv[2] === "--unpack") {
  const packed = join(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium"))), "..", "bin");
  await inflate(join(packed, "al2023.tar.br")); // the libraries that it needs, where the system has none
  console.log(await chromium.executablePath());
  process.exit(0);
}

const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
const browser = await driver.launch({ executablePath: process.argv[2], args, headless: true });
const problems = [];
let page;

async function opened({ width, height, dark }) {
  if (page) await page.context().close();
  const colorScheme = dark ? "dark" : "light";
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
  page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("console", (said) => said.type() === "error" && problems.push(said.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("requestfailed", (request) => problems.push(`${request.method()} ${request.url()} failed`));
}

async function pressed({ button }) {
  const [response] = await Promise.all([
    page.waitForResponse((each) => each.request().isNavigationRequest() && each.status() !== 303),
    page.getByRole("button", { name: button, exact: true }).click(),
  ]);
  await page.waitForLoadState();
  return response.status();
}

const steps = {
  open: opened,
  goto: async ({ url }) => (await page.goto(url)).status(),
  fill: ({ label, text }) => page.getByLabel(label).fill(text),
  unfold: ({ summary }) => page.locator("summary", { hasText: summary }).click(),
  choose: ({ label, option }) => page.getByLabel(label).selectOption({ label: option }),
  // Enter, in the field.
  enter: async ({ label }) => {
    await page.getByLabel(label).press("Enter");
    await page.waitForTimeout(100);
  },
  toggle: ({ label }) => page.getByLabel(label).click(),
  press: pressed,
  follow: async ({ link }) => {
    await page.getByRole("link", { name: link }).first().click();
    await page.waitForLoadState();
  },
  buttons: () => page.getByRole("button").allInnerTexts(),
  text: () => page.locator("body").innerText(),
  value: ({ label }) => page.getByLabel(label).inputValue(),
  address: () => page.url(),
  // The text of a frame on the page, as far as it shows any.
  frame: async () => {
    const frame = page.frames()[1];
    await frame.waitForLoadState().catch(() => {});
    return frame.evaluate(() => document.body.innerText).catch(() => "");
  },
  picture: async ({ path }) => {
    await page.screenshot({ path, fullPage: true });
  },
  // By how many pixels it is wider than the window.
  overflow: () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
  // The lowest contrast of a text with what is behind it (WCAG 2.2, 1.4.3), over all elements with text of their own.
  contrast: () => page.evaluate(lowestContrast),
  // What a script of the page gets of an answer: {status, headers, text}, or {refused} when the browser gives it nothing.
  ask: ({ url, options }) => page.evaluate(asked, { url, options }),
  problems: () => problems.splice(0),
};

async function asked({ url, options }) {
  try {
    const response = await fetch(url, options);
    return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
  } catch (error) {
    return { refused: String(error) };
  }
}

function lowestContrast() {
  const parts = (color) => color.match(/[\d.]+/g).map(Number);
  const channel = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = parts(getComputedStyle(each).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("body *")].filter((each) =>
    each.checkVisibility() && [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()),
  );
  const ratios = texts.map((each) => {
    const [one, other] = [light(parts(getComputedStyle(each).color)), light(behind(each))].sort((a, b) => b - a);
    return (one + 0.05) / (other + 0.05);
  });
  return Math.min(...ratios);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { step, ...more } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ said: (await steps[step](more)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
await browser.close();
