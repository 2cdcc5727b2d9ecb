// SPDX-License-Identifier: MIT
// A headless Chromium, driven by the DevTools protocol over a pipe, and what a
// test of a page says. Needs node alone.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const ANSWER_MS = 60000; // against hanging; a busy machine is slow
const ARGUMENTS = [
	"--headless",
	"--remote-debugging-pipe",
	"--no-sandbox", // CI is root
	"--disable-gpu",
	"--disable-dev-shm-usage",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-default-apps",
	"--disable-extensions",
	"--disable-sync",
	"--no-first-run",
	"--no-default-browser-check",
	"--metrics-recording-only",
	"--host-resolver-rules=MAP * ~NOTFOUND",
	"--hide-scrollbars",
];

// What the protocol wants to know of a key beside its name.
const KEYS = {
	Enter: { code: "Enter", windowsVirtualKeyCode: 13, text: "\r" },
	Escape: { code: "Escape", windowsVirtualKeyCode: 27 },
	Tab: { code: "Tab", windowsVirtualKeyCode: 9 },
	" ": { code: "Space", windowsVirtualKeyCode: 32, text: " " },
	ArrowLeft: { code: "ArrowLeft", windowsVirtualKeyCode: 37 },
	ArrowUp: { code: "ArrowUp", windowsVirtualKeyCode: 38 },
	ArrowRight: { code: "ArrowRight", windowsVirtualKeyCode: 39 },
	ArrowDown: { code: "ArrowDown", windowsVirtualKeyCode: 40 },
	End: { code: "End", windowsVirtualKeyCode: 35 },
	Home: { code: "Home", windowsVirtualKeyCode: 36 },
};

export class Browser {
	constructor(program) {
		this.profile = mkdtempSync(join(tmpdir(), "vgpu-browser."));
		this.waiting = new Map();
		this.problems = [];
		this.listeners = [];
		this.serial = 0;
		this.buffer = Buffer.alloc(0);
		this.process = spawn(program, [...ARGUMENTS, `--user-data-dir=${this.profile}`, "about:blank"], {
			stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
		});
		this.process.on("error", (error) => this.gone(error.message));
		this.process.on("exit", (code, signal) => this.gone(`ended: ${code ?? signal}`));
		this.process.stdio[4].on("data", (bytes) => this.take(bytes));
		this.process.stdio[3].on("error", () => {});
	}

	gone(why) {
		this.ended = true;
		for (const { reject } of this.waiting.values())
			reject(new Error(`the browser is gone: ${why}`));
		this.waiting.clear();
	}

	// ---- the protocol -----------------------------------------------------------

	// Messages end with a zero byte.
	take(bytes) {
		this.buffer = Buffer.concat([this.buffer, bytes]);
		for (let end; (end = this.buffer.indexOf(0)) >= 0; ) {
			const message = JSON.parse(this.buffer.subarray(0, end).toString());
			this.buffer = this.buffer.subarray(end + 1);
			if (message.id)
				this.answer(message);
			else
				this.onEvent(message);
		}
	}

	answer(message) {
		const { resolve, reject, timer } = this.waiting.get(message.id) || {};
		this.waiting.delete(message.id);
		clearTimeout(timer);
		if (message.error && reject)
			reject(new Error(message.error.message));
		else if (resolve)
			resolve(message.result);
	}

	send(method, params = {}) {
		const id = ++this.serial;

		return new Promise((resolve, reject) => {
			const late = () => reject(new Error(`${method}: no answer in ${ANSWER_MS} ms`));
			if (this.ended) {
				reject(new Error("the browser is gone"));
				return;
			}
			this.waiting.set(id, { resolve, reject, timer: setTimeout(late, ANSWER_MS) });
			this.process.stdio[3].write(JSON.stringify({ id, method, params, sessionId: this.session }) + "\0");
		});
	}

	// What a page must not do: complain, throw, or ask for anything.
	onEvent({ method, params }) {
		if (method === "Runtime.consoleAPICalled" && params.type !== "log")
			this.problems.push(`console: ${params.args.map((argument) => argument.value).join(" ")}`);
		if (method === "Runtime.exceptionThrown") {
			const details = params.exceptionDetails;
			this.problems.push(details.exception?.description || details.text);
		}
		if (method === "Log.entryAdded" && params.entry.level !== "info" && params.entry.level !== "verbose")
			this.problems.push(`${params.entry.level}: ${params.entry.text}`);
		if (method === "Network.requestWillBeSent" && !/^(data|file|about):/.test(params.request.url))
			this.problems.push(`request of ${params.request.url}`);
		this.listeners = this.listeners.filter((listener) => !listener(method));
	}

	event(name) {
		return new Promise((resolve) => this.listeners.push((method) => method === name && (resolve(), true)));
	}

	async start() {
		const { targetInfos } = await this.send("Target.getTargets");
		const { targetId } = targetInfos.find((target) => target.type === "page");
		const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });

		this.session = sessionId;
		for (const domain of ["Page", "Runtime", "Log", "Network"])
			await this.send(`${domain}.enable`);
	}

	async close() {
		const ended = new Promise((resolve) => this.process.on("exit", resolve));
		const timer = setTimeout(() => this.process.kill("SIGKILL"), 5000);

		if (!this.ended) {
			this.session = undefined;
			this.send("Browser.close").catch(() => {});
			await ended;
		}
		clearTimeout(timer);
		rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
	}

	// ---- what a test does ----------------------------------------------------------

	async open(file, { hash = "", width = 1280, height = 900, dark = false, script = true } = {}) {
		const loaded = this.event("Page.loadEventFired");

		await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
		await this.send("Emulation.setEmulatedMedia", {
			features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }],
		});
		await this.send("Emulation.setScriptExecutionDisabled", { value: !script });
		/* Only a new document counts as a load. */
		await this.send("Page.navigate", { url: "about:blank" });
		await loaded;
		const again = this.event("Page.loadEventFired");
		await this.send("Page.navigate", { url: pathToFileURL(file).href + hash });
		await again;
		if (script)
			await this.settle();
	}

	// Two frames later what was set is drawn.
	settle() {
		return this.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
	}

	// The value of an expression, or of what it promises.
	async run(expression) {
		const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
			expression,
			awaitPromise: true,
			returnByValue: true,
		});
		if (exceptionDetails)
			throw new Error(`${expression}: ${exceptionDetails.exception?.description || exceptionDetails.text}`);
		return result.value;
	}

	async key(key, modifiers = 0) {
		const more = KEYS[key] || { text: key };
		const event = { key, modifiers, ...more };

		await this.send("Input.dispatchKeyEvent", { type: event.text ? "keyDown" : "rawKeyDown", ...event });
		await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
		await this.settle();
	}

	async type(text) {
		for (const character of text)
			await this.key(character);
	}

	// Where the middle of an element is, in the window; it is scrolled there.
	async middle(selector) {
		const element = `document.querySelector(${JSON.stringify(selector)})`;

		await this.run(`${element}.scrollIntoView({ block: "center" })`);
		await this.settle();
		return this.run(`(() => {
			const place = ${element}.getBoundingClientRect();
			return { x: place.left + place.width / 2, y: place.top + place.height / 2 };
		})()`);
	}

	mouse(type, { x, y }, more = {}) {
		return this.send("Input.dispatchMouseEvent", { type, x, y, ...more });
	}

	// From a place some pixels to the right. What a pointer does waits for a frame.
	async drag({ x, y }, pixels) {
		const button = { button: "left", clickCount: 1 };

		await this.mouse("mousePressed", { x, y }, button);
		await this.settle();
		await this.mouse("mouseMoved", { x: x + pixels, y }, { button: "left", buttons: 1 });
		await this.settle();
		await this.mouse("mouseReleased", { x: x + pixels, y }, button);
		await this.settle();
	}

	async click(selector) {
		const place = await this.middle(selector);
		const button = { button: "left", clickCount: 1 };

		await this.mouse("mouseMoved", place);
		await this.mouse("mousePressed", place, button);
		await this.mouse("mouseReleased", place, button);
		await this.settle();
	}

	// Of the whole page, or of the window.
	async screenshot(file, whole = true) {
		const { data } = await this.send("Page.captureScreenshot", { captureBeyondViewport: whole, format: "png" });
		writeFileSync(file, Buffer.from(data, "base64"));
	}
}

/*
 * Runs tests one after the other, each with the browser, and ends the process:
 * status 0 if none failed. A page that complains fails the test that opened it.
 */
export async function runTests(program, tests) {
	const browser = new Browser(program);
	let failed = 0;

	try {
		await browser.start();
		for (const [name, test] of Object.entries(tests)) {
			browser.problems = [];
			try {
				await test(browser);
				if (browser.problems.length > 0)
					throw new Error(browser.problems.join("; "));
			} catch (error) {
				failed++;
				console.log(`FAIL  ${name}: ${error.message}`);
			}
		}
	} catch (error) {
		failed++;
		console.log(`FAIL  ${program}: ${error.message}`);
	}
	await browser.close();
	console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
	process.exit(failed === 0 ? 0 : 1);
}

export function equal(actual, expected, what) {
	const [a, b] = [actual, expected].map((value) => JSON.stringify(value));

	if (a !== b)
		throw new Error(`${what}: ${a}, not ${b}`);
}
