// SPDX-License-Identifier: MIT
// Usage: node conform.test.mjs CHROMIUM FOLDER
//
// What the page of vgpu-conform does in a browser. FOLDER is what reports.sh
// made: conform.html of two devices that were asked for the areas XFR and SCN, of
// which the second one fails VG-XFR-007, which is known, dies of VG-XFR-016 and
// fails VG-SCN-003.
import { join } from "node:path";
import { equal, runTests } from "./browser.mjs";

const [chromium, folder] = process.argv.slice(2);
const file = join(folder, "conform.html");

const shown = (selector) => `[...document.querySelectorAll("${selector}")].filter(
	(element) => element.checkVisibility()).length`;
const items = shown("details[data-item]");
const output = `document.querySelector(".filter output").textContent`;
const focused = "document.activeElement.closest('[id]').id";

// As when somebody chooses a value of a select.
const choose = (browser, field, value) =>
	browser.run(`(() => {
		const select = document.querySelector("select[data-field='${field}']");
		select.value = "${value}";
		select.dispatchEvent(new Event("input", { bubbles: true }));
	})()`);

runTests(chromium, {
	"everything is there": async (browser) => {
		await browser.open(file);
		equal(await browser.run("document.title"), "virtio-gpu conformance", "title");
		equal(await browser.run(items), 448, "requirements");
		equal(await browser.run(shown("section[data-group]")), 27, "areas");
		equal(await browser.run(shown("table.devices tbody tr")), 2, "devices");
		equal(
			await browser.run(`[...document.querySelectorAll("#VG-XFR-016 summary .verdict")]
				.map((verdict) => verdict.textContent)`),
			["passed", "crashed"],
			"verdicts",
		);
		equal(
			await browser.run("document.documentElement.scrollWidth <= innerWidth"),
			true,
			"fits the window",
		);
	},

	"a name is only text": async (browser) => {
		await browser.open(file);
		equal(
			await browser.run(`document.querySelectorAll(".heads span")[4].textContent`),
			`z<b id="bold">&'`,
			"name",
		);
		equal(await browser.run("document.getElementById('bold')"), null, "element of that name");
	},

	"requirements are filtered by area, level, device and verdict": async (browser) => {
		await browser.open(file);
		await choose(browser, "area", "XFR");
		equal(await browser.run(items), 23, "of an area");
		equal(await browser.run(shown("section[data-group]")), 1, "no other area has a heading");
		await choose(browser, "level", "robust");
		equal(await browser.run(items), 5, "of a level in it");
		equal(await browser.run(output), "5 of 448", "count");
		await choose(browser, "d1", "crashed");
		equal(await browser.run(items), 1, "of which one ended the second device");
		await choose(browser, "d0", "failed");
		equal(await browser.run(items), 0, "and none fails the first");
		await browser.click(".filter button[type=reset]");
		equal(await browser.run(output), "448 of 448", "all again");
		await browser.click(".filter button[data-value=fail]");
		equal(await browser.run(items), 1, "what a device fails");
		await browser.click(".filter button[data-value=error]");
		await browser.click(".filter button[data-value=known]");
		equal(await browser.run(items), 3, "what a device fails, in any way");
		await browser.key("r");
		equal(await browser.run(output), "448 of 448", "all again, by a key");
		equal(await browser.run(shown("button[aria-pressed=true]")), 0, "no button is pressed");
	},

	"requirements and findings are searched": async (browser) => {
		await browser.open(file);
		await browser.key("/");
		await browser.type("DRIVER_ok consumed");
		equal(await browser.run(output), "1 of 448", "with these words");
		equal(await browser.run(shown("#VG-STA-006")), 1, "the one");
		await browser.key("Escape");
		equal(await browser.run(output), "448 of 448", "cleared");
		await browser.key("/");
		await browser.type("--id VG-XFR-016");
		equal(await browser.run(items), 1, "by a command");
	},

	"n and p go from one deviation to the next": async (browser) => {
		const places = [];

		await browser.open(file);
		for (const key of ["n", "n", "n", "p"]) {
			await browser.key(key);
			places.push(await browser.run(focused));
		}
		equal(places, ["VG-XFR-007", "VG-XFR-016", "VG-SCN-003", "VG-XFR-016"], "places");
	},

	"a requirement opens, with findings and commands": async (browser) => {
		await browser.open(file, { hash: "#VG-XFR-016" });
		equal(await browser.run(focused), "VG-XFR-016", "focus");
		equal(await browser.run("document.getElementById('VG-XFR-016').open"), true, "open");
		equal(
			await browser.run(`(() => {
				const bar = document.querySelector(".filter").getBoundingClientRect().bottom;
				const top = document.getElementById("VG-XFR-016").getBoundingClientRect().top;
				return top >= bar - 1 && top < innerHeight;
			})()`),
			true,
			"in sight, and not behind the filter",
		);
		equal(
			await browser.run(`[...document.querySelectorAll("#VG-XFR-016 pre")].map((pre) => pre.textContent)`),
			["vgpu-conform --target builtin --id VG-XFR-016", "vgpu-conform --target builtin --id VG-XFR-016"],
			"commands",
		);
		await browser.key("Enter");
		equal(await browser.run("document.getElementById('VG-XFR-016').open"), false, "closed by a key");
		equal(
			await browser.run(`document.querySelector("#VG-XFR-007").textContent.includes("Known: since 1970")`),
			true,
			"what is known",
		);
	},

	"all that is shown opens and closes": async (browser) => {
		await browser.open(file);
		await choose(browser, "area", "XFR");
		await browser.key("o");
		equal(await browser.run("document.querySelectorAll('details[open]').length"), 23, "open");
		await browser.key("o");
		equal(await browser.run("document.querySelectorAll('details[open]').length"), 0, "closed");
	},

	"dark, narrow and without a script it can be read": async (browser) => {
		await browser.open(file, { dark: true, width: 360, height: 700 });
		equal(
			await browser.run("getComputedStyle(document.body).backgroundColor"),
			"rgb(20, 23, 27)",
			"background",
		);
		equal(
			await browser.run("document.documentElement.scrollWidth <= innerWidth"),
			true,
			"fits a narrow window",
		);
		equal(
			await browser.run(`document.querySelector("#VG-CFG-001 .cell .device").offsetWidth > 8`),
			true,
			"a verdict says whose it is",
		);
		await browser.open(file, { script: false });
		equal(await browser.run(items), 448, "requirements without a script");
		equal(await browser.run(shown(".filter, .script")), 0, "what only a script can do");
	},
});
