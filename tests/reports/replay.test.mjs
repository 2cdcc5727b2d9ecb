// SPDX-License-Identifier: MIT
// Usage: node replay.test.mjs CHROMIUM FOLDER
//
// What the report of vgpu-replay does in a browser. FOLDER is what reports.sh
// made: all.html of three traces, of which the first has other answers and two
// frames that differ, the second is equal, the third has another last frame;
// equal.html of one that is.
import { join } from "node:path";
import { equal, runTests } from "./browser.mjs";

const [chromium, folder] = process.argv.slice(2);
const all = join(folder, "all.html");
const viewer = "#trace-3-frame-4 .viewer";

const shown = (selector) => `[...document.querySelectorAll("${selector}")].filter(
	(element) => element.checkVisibility()).length`;
const text = (selector) => `document.querySelector("${selector}").textContent`;
const focused = "document.activeElement.closest('[id]').id";
// Which pictures of the viewer one sees.
const pictures = `[...document.querySelectorAll("${viewer} figure")].filter(
	(figure) => !figure.hidden).map((figure) => figure.dataset.picture).sort().join()`;
const scale = `new DOMMatrix(getComputedStyle(document.querySelector("${viewer} .layer")).transform).a`;

// Opens the page with the viewer in the middle of the window.
async function openViewer(browser, options = {}) {
	await browser.open(all, { hash: "#trace-3-frame-4", ...options });
	await browser.middle(`${viewer} .stage`);
}

runTests(chromium, {
	"everything is there": async (browser) => {
		await browser.open(all);
		equal(await browser.run("document.title"), "Replay: not all equal", "title");
		equal(await browser.run(shown("section.trace")), 3, "traces");
		equal(await browser.run(shown("tbody a[href^='#trace-']")), 3, "rows of the table");
		equal(await browser.run(shown("#trace-1 .film img")), 5, "pictures of the first");
		equal(await browser.run(shown("#trace-1 .answers")), 3, "answers of the first");
		equal(await browser.run(shown("#trace-1 .answers mark")), 6, "bytes that differ");
		equal(await browser.run(shown("#trace-2 .difference")), 0, "differences of the second");
		equal(
			await browser.run(`Promise.all([...document.images].map((image) => image.decode()))
				.then(() => [...document.images].filter((image) => image.naturalWidth === 0).length)`),
			0,
			"broken pictures",
		);
		equal(
			await browser.run("document.documentElement.scrollWidth <= innerWidth"),
			true,
			"fits the window",
		);
	},

	"the results are there as data": async (browser) => {
		await browser.open(all);
		const results = JSON.parse(await browser.run(text("script#results")));
		equal(results.map((result) => result.status), ["differs", "equal", "differs"], "statuses");
		equal(results[2].differences[0].frame, 4, "frame");
	},

	"a name is only text": async (browser) => {
		await browser.open(all);
		equal((await browser.run(text("#trace-3 h2"))).includes(`<b id="bold">&'`), true, "name");
		equal(await browser.run("document.getElementById('bold')"), null, "element of that name");
	},

	"a script that is not the page's does not run": async (browser) => {
		await browser.open(all);
		await browser.run(`(() => {
			const script = document.createElement("script");
			script.textContent = "window.strange = true";
			document.body.append(script);
			const image = document.createElement("img");
			image.setAttribute("onerror", "window.strange = true");
			image.src = "https://example.org/x.png";
			document.body.append(image);
			return new Promise((done) => setTimeout(done, 100));
		})()`);
		equal(await browser.run("window.strange === undefined"), true, "nothing ran");
		// That is what the browser was to complain of.
		equal(browser.problems.length >= 2, true, "complaints");
		browser.problems = [];
	},

	"traces are filtered by verdict and by words": async (browser) => {
		const output = text(".filter output");

		await browser.open(all);
		equal(await browser.run(output), "3 of 3", "at first");
		await browser.click(".filter button[data-value=pass]");
		equal(await browser.run(shown("section.trace")), 1, "equal ones");
		equal(await browser.run(output), "1 of 3", "count");
		await browser.click(".filter button[data-value=fail]");
		equal(await browser.run(output), "3 of 3", "both kinds");
		await browser.click(".filter button[data-value=pass]");
		await browser.click(".filter button[data-value=fail]");
		await browser.key("/");
		await browser.type("diverged REQUEST");
		equal(await browser.run(output), "1 of 3", "with these words");
		equal(await browser.run(shown("#trace-1")), 1, "the first");
		await browser.key("Escape");
		equal(await browser.run(output), "3 of 3", "cleared");
		equal(await browser.run(text("form.filter input")), "", "nothing typed by keys");
	},

	"n and p go from one difference to the next": async (browser) => {
		const places = [];

		await browser.open(all);
		for (const key of ["n", "n", "n", "n", "n", "n", "n", "p"]) {
			await browser.key(key);
			places.push(await browser.run(focused));
		}
		equal(
			places,
			[
				"trace-1",
				"trace-1-request-1",
				"trace-1-request-6",
				"trace-1-request-11",
				"trace-1-frame-3",
				"trace-1-frame-4",
				"trace-3",
				"trace-1-frame-4",
			],
			"places",
		);
	},

	"a link opens and shows its target": async (browser) => {
		await browser.open(all);
		await browser.click("#trace-3 .film a");
		equal(await browser.run(focused), "trace-3-frame-4", "focus");
		equal(
			await browser.run(`(() => {
				const place = document.getElementById("trace-3-frame-4").getBoundingClientRect();
				return place.top >= 0 && place.top < innerHeight;
			})()`),
			true,
			"in sight",
		);
	},

	"keys flip reference and output": async (browser) => {
		await openViewer(browser);
		equal(await browser.run(pictures), "actual", "at first");
		await browser.key("f");
		equal(await browser.run(pictures), "expected", "after f");
		await browser.key(" ");
		equal(await browser.run(pictures), "actual", "after Space");
		await browser.key("3");
		equal(await browser.run(pictures), "difference", "after 3");
		await browser.key("f");
		equal(await browser.run(pictures), "expected", "after f again");
		equal(
			await browser.run(`document.querySelector("${viewer} button[aria-pressed=true]").textContent`),
			"Reference",
			"button",
		);
		await browser.click(`${viewer} button[data-mode=actual]`);
		equal(await browser.run(pictures), "actual", "after a click");
	},

	"a slider moves the edge between them": async (browser) => {
		const clips = `["expected", "actual"].map((name) =>
			document.querySelector("${viewer} [data-picture=" + name + "]").style.clipPath)`;

		await openViewer(browser);
		await browser.key("w");
		equal(await browser.run(pictures), "actual,expected", "pictures");
		equal(await browser.run(clips), ["inset(0px 640px 0px 0px)", "inset(0px 0px 0px 640px)"], "half");
		await browser.key("End");
		equal(await browser.run(clips), ["inset(0px)", "inset(0px 0px 0px 1280px)"], "all reference");
		await browser.key("Home");
		for (let i = 0; i < 10; i++)
			await browser.key("ArrowRight");
		const tenth = await browser.run(`document.querySelector("${viewer} .edge").style.left`);
		equal(Math.abs(parseFloat(tenth) - 10.4) < 1.5, true, `ten arrows: ${tenth}`);
		await browser.drag(await browser.middle(`${viewer} .wipe`), 20);
		equal(await browser.run(`document.querySelector("${viewer} .wipe").value > 500`), true, "dragged");
	},

	"pictures are zoomed and moved": async (browser) => {
		await openViewer(browser);
		const fitted = await browser.run(scale);
		equal(fitted < 1, true, "fits");
		await browser.key("z");
		equal((await browser.run(scale)) > fitted, true, "what differs is larger");
		await browser.key("+");
		const before = await browser.run(scale);
		await browser.key("+");
		equal(await browser.run(scale), before * 2, "twice");
		equal(
			await browser.run(`getComputedStyle(document.querySelector("${viewer} img")).imageRendering`),
			"pixelated",
			"rendering",
		);
		await browser.key("-");
		equal(await browser.run(scale), before, "half");
		const place = await browser.middle(`${viewer} .stage`);
		const left = `new DOMMatrix(getComputedStyle(document.querySelector("${viewer} .layer")).transform).e`;
		const x = await browser.run(left);
		await browser.drag(place, 30);
		equal(Math.round((await browser.run(left)) - x), 30, "dragged by");
		await browser.mouse("mouseWheel", place, { deltaX: 0, deltaY: -100 });
		await browser.settle();
		equal((await browser.run(scale)) > before, true, "larger by the wheel");
		await browser.key("0");
		equal(await browser.run(scale), fitted, "fits again");
	},

	"pictures of unequal size lie on one stage": async (browser) => {
		const one = "#trace-1-frame-3 .viewer";
		const clip = (name) => `document.querySelector("${one} [data-picture=${name}]").style.clipPath`;

		await browser.open(all, { hash: "#trace-1-frame-3" });
		await browser.middle(`${one} .stage`);
		equal((await browser.run(text("#trace-1-frame-3 p"))).trim(), "expected 800x600 pixels, got 1280x800", "words");
		await browser.key("w");
		equal(await browser.run(clip("expected")), "inset(0px 160px 0px 0px)", "800 wide, to 640");
		equal(await browser.run(clip("actual")), "inset(0px 0px 0px 640px)", "from there");
		await browser.key("End");
		equal(await browser.run(clip("expected")), "inset(0px)", "whole");
		await browser.key("z");
		equal(await browser.run(`document.querySelector("${one} .zoom").textContent !== ""`), true, "no box to go to");
	},

	"the values of a pixel are told": async (browser) => {
		const values = text(`${viewer} .values`);

		await openViewer(browser);
		// In the middle of a disc that only the output has; by the pointer, then by keys.
		const place = await browser.run(`(() => {
			const stage = document.querySelector("${viewer} .stage").getBoundingClientRect();
			return { x: stage.left + (900.5 / 1280) * stage.width, y: stage.top + (175.5 / 800) * stage.height };
		})()`);
		await browser.mouse("mouseMoved", place);
		await browser.settle();
		const told = await browser.run(values);
		equal(/^90[01],17[456]/.test(told), true, `place in '${told}'`);
		for (const words of ["reference #000000 (0, 0, 0)", "output #0000ff (0, 0, 255)", "differs"])
			equal(told.includes(words), true, `'${words}' in '${told}'`);
		await browser.run(`document.querySelector("${viewer} .stage").focus({ preventScroll: true })`);
		for (let i = 0; i < 12; i++)
			await browser.key("ArrowRight", 8);
		const later = await browser.run(values);
		equal(/^102[01],.*output #000000/.test(later), true, `120 to the right in '${later}'`);
	},

	"the keys are listed": async (browser) => {
		await openViewer(browser);
		await browser.key("?");
		equal((await browser.run(text("dialog"))).includes("flip between reference and output"), true, "list");
		await browser.key("f");
		equal(await browser.run(pictures), "actual", "no key reaches the page");
		await browser.key("Escape");
		equal(await browser.run("document.querySelector('dialog')"), null, "closed");
	},

	"on paper all pictures are there": async (browser) => {
		await openViewer(browser);
		await browser.key("w");
		const pages = (await browser.send("Page.printToPDF")).data.length;
		equal(pages > 10000, true, "something to print");
		equal(await browser.run(pictures), "actual,expected", "afterwards");
		await browser.run("dispatchEvent(new Event('beforeprint'))");
		equal(await browser.run(shown("#trace-3-frame-4 figure")), 3, "pictures");
		equal(await browser.run(shown("#trace-3-frame-4 button")), 0, "buttons");
		await browser.run("dispatchEvent(new Event('afterprint'))");
		equal(await browser.run(pictures), "actual,expected", "and again");
	},

	"dark, narrow and without a script it can be read": async (browser) => {
		const colors = "[document.body, document.querySelector('.quiet')].map((e) => getComputedStyle(e).color)";
		const back = "getComputedStyle(document.body).backgroundColor";

		await browser.open(all, { dark: true, width: 360, height: 700 });
		equal(await browser.run(back), "rgb(20, 23, 27)", "background");
		equal(await browser.run(colors), ["rgb(227, 231, 235)", "rgb(152, 162, 173)"], "colors");
		equal(
			await browser.run("document.documentElement.scrollWidth <= innerWidth"),
			true,
			"fits a narrow window",
		);
		await browser.open(all, { script: false });
		equal(await browser.run(shown("#trace-3-frame-4 figure")), 3, "pictures without a script");
		equal(await browser.run(shown(".filter, .script")), 0, "what only a script can do");
	},

	"where all is equal there is nothing to look for": async (browser) => {
		await browser.open(join(folder, "equal.html"));
		equal(await browser.run("document.title"), "Replay: all equal", "title");
		equal(await browser.run(shown("form, .difference, .viewer")), 0, "differences");
		equal(await browser.run(shown(".film img")), 5, "pictures");
	},
});
