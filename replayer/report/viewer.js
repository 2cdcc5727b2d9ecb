// SPDX-License-Identifier: MIT
// Makes a viewer of the pictures of a difference: one at a time, or two beside
// each other at a movable edge, in any size, with the values of a pixel.
"use strict";

const viewers = (() => {
	const ZOOM_MAX = 64;
	const NAMES = { expected: "Reference", actual: "Output", difference: "Difference", wipe: "Wipe" };
	const all = [];
	let current = null;

	const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

	function hex(rgb) {
		return "#" + [...rgb].map((value) => value.toString(16).padStart(2, "0")).join("");
	}

	class Viewer {
		constructor(root) {
			this.root = root;
			this.figures = {};
			for (const figure of root.querySelectorAll("figure"))
				if (figure.querySelector("img"))
					this.figures[figure.dataset.picture] = figure;
			this.modes = Object.keys(NAMES).filter((mode) => this.has(mode));
			this.width = Math.max(...this.images().map((image) => Number(image.getAttribute("width"))));
			this.height = Math.max(...this.images().map((image) => Number(image.getAttribute("height"))));
			this.box = (root.dataset.box || "").split(" ").map(Number);
			this.edge = 0.5;
			this.pixel = { x: Number(root.dataset.x || 0), y: Number(root.dataset.y || 0) };
			this.build();
			this.fit();
		}

		images() {
			return Object.values(this.figures).map((figure) => figure.querySelector("img"));
		}

		has(mode) {
			return mode === "wipe" ? this.figures.expected && this.figures.actual : mode in this.figures;
		}

		// ---- what it is made of ---------------------------------------------------

		make(name, className, parent, text = "") {
			const made = page.element(name, text, parent);
			if (className)
				made.className = className;
			return made;
		}

		button(parent, text, label, action) {
			const button = this.make("button", "", parent, text);
			button.type = "button";
			button.title = label;
			if (text.length < 3)
				button.setAttribute("aria-label", label);
			button.addEventListener("click", action);
			return button;
		}

		build() {
			const bar = this.make("div", "bar", this.root);
			this.buildModes(bar);
			this.buildZoom(bar);
			this.buildStage();
			this.values = this.make("div", "values", this.root);
			this.gather();
		}

		// All pictures on the stage, one on the other.
		gather() {
			this.root.classList.add("live");
			this.layer.append(...Object.values(this.figures));
			this.show(this.mode || (this.has("actual") ? "actual" : this.modes[0]));
		}

		// All beside each other, for paper.
		scatter() {
			this.root.classList.remove("live");
			for (const figure of Object.values(this.figures)) {
				figure.hidden = false;
				figure.style.clipPath = "";
			}
			this.root.prepend(...Object.values(this.figures));
		}

		buildModes(bar) {
			const choice = this.make("div", "choice", bar);
			choice.setAttribute("role", "group");
			choice.setAttribute("aria-label", "Picture");
			this.buttons = this.modes.map((mode) => {
				const label = `show ${NAMES[mode].toLowerCase()}`;
				const button = this.button(choice, NAMES[mode], label, () => this.show(mode));
				button.dataset.mode = mode;
				return button;
			});
			if (!this.has("wipe"))
				return;
			this.slider = this.make("input", "wipe", bar);
			Object.assign(this.slider, { type: "range", min: 0, max: 1000, value: 500 });
			this.slider.setAttribute("aria-label", "Edge between reference and output");
			this.slider.addEventListener("input", () => {
				this.edge = this.slider.value / 1000;
				this.show("wipe");
			});
		}

		buildZoom(bar) {
			this.button(bar, "−", "smaller", () => this.zoom(0.5));
			this.zoomText = this.make("span", "zoom", bar);
			this.button(bar, "+", "larger", () => this.zoom(2));
			this.button(bar, "Fit", "the whole picture", () => this.fit());
			if (this.box.length === 4)
				this.button(bar, "To difference", "what differs, large", () => this.zoomToBox());
		}

		buildStage() {
			this.stage = this.make("div", "stage", this.root);
			this.stage.tabIndex = 0;
			this.stage.setAttribute("role", "img");
			this.stage.style.aspectRatio = `${this.width} / ${this.height}`;
			this.layer = this.make("div", "layer", this.stage);
			this.edgeLine = this.make("div", "edge", this.stage);
			this.cross = this.make("div", "cross", this.stage);
			this.stage.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
			this.stage.addEventListener("pointerdown", (event) => this.onDown(event));
			this.stage.addEventListener("pointermove", (event) => this.onMove(event));
			this.stage.addEventListener("pointerup", () => (this.drag = null));
			this.stage.addEventListener("pointercancel", () => (this.drag = null));
			this.root.addEventListener("focusin", () => (current = this));
			this.root.addEventListener("pointerenter", () => (current = this));
			new ResizeObserver(() => (this.fitted ? this.fit() : this.draw())).observe(this.stage);
		}

		// ---- which picture -------------------------------------------------------

		show(mode) {
			this.mode = mode;
			for (const button of this.buttons)
				button.setAttribute("aria-pressed", button.dataset.mode === mode);
			for (const [name, figure] of Object.entries(this.figures)) {
				const shown = name === mode || (mode === "wipe" && name !== "difference");
				figure.hidden = !shown;
				figure.style.clipPath = "";
			}
			this.stage.setAttribute("aria-label", `${NAMES[mode]}, ${this.width} by ${this.height} pixels`);
			this.draw();
		}

		// Between reference and output; from anything else to the reference.
		flip() {
			if (this.has("expected") && this.has("actual"))
				this.show(this.mode === "expected" ? "actual" : "expected");
		}

		// ---- how large, and where --------------------------------------------------

		fit() {
			this.fitted = true;
			this.scale = Math.min(this.stage.clientWidth / this.width, this.stage.clientHeight / this.height);
			if (!(this.scale > 0))
				this.scale = 1;
			this.center();
		}

		center() {
			this.left = (this.stage.clientWidth - this.width * this.scale) / 2;
			this.top = (this.stage.clientHeight - this.height * this.scale) / 2;
			this.draw();
		}

		least() {
			return Math.min(this.stage.clientWidth / this.width, this.stage.clientHeight / this.height, 1);
		}

		// The point of the stage that stays where it is; by default the pixel that is marked.
		zoom(factor, point = null) {
			const at = point || this.toStage(this.pixel.x + 0.5, this.pixel.y + 0.5);
			const scale = clamp(this.scale * factor, this.least(), ZOOM_MAX);
			const image = { x: (at.x - this.left) / this.scale, y: (at.y - this.top) / this.scale };

			if (scale <= this.least()) {
				this.fit();
				return;
			}
			this.fitted = false;
			this.scale = scale;
			if (point) {
				this.left = at.x - image.x * scale;
				this.top = at.y - image.y * scale;
				this.draw();
			} else {
				this.centerOn(image.x, image.y);
			}
		}

		centerOn(x, y) {
			this.left = this.stage.clientWidth / 2 - x * this.scale;
			this.top = this.stage.clientHeight / 2 - y * this.scale;
			this.draw();
		}

		zoomToBox() {
			const [x, y, width, height] = this.box;
			const room = Math.min(this.stage.clientWidth / width, this.stage.clientHeight / height) * 0.8;
			const scale = clamp(room > 1 ? Math.floor(room) : room, this.least(), 16);

			if (scale <= this.least()) {
				this.fit();
				return;
			}
			this.fitted = false;
			this.scale = scale;
			this.centerOn(x + width / 2, y + height / 2);
		}

		toStage(x, y) {
			return { x: this.left + x * this.scale, y: this.top + y * this.scale };
		}

		// ---- drawing ----------------------------------------------------------------

		draw() {
			if (!this.mode)
				return;
			this.layer.style.transform = `translate(${this.left}px, ${this.top}px) scale(${this.scale})`;
			this.layer.classList.toggle("pixels", this.scale >= 1);
			this.stage.classList.toggle("zoomed", !this.fitted);
			this.zoomText.textContent = `${Math.round(this.scale * 100)} %`;
			this.edgeLine.hidden = this.mode !== "wipe";
			if (this.mode === "wipe") {
				// The slider is as wide as what one sees.
				const edge = (this.edge * this.stage.clientWidth - this.left) / this.scale;
				const x = clamp(Math.round(edge), 0, this.width);
				const { expected, actual } = this.figures;
				// Pictures that are not of one size have edges of their own.
				actual.style.clipPath = `inset(0 0 0 ${Math.min(x, actual.offsetWidth)}px)`;
				expected.style.clipPath = `inset(0 ${Math.max(expected.offsetWidth - x, 0)}px 0 0)`;
				this.edgeLine.style.left = `${this.left + x * this.scale}px`;
			}
			this.drawCross();
		}

		drawCross() {
			const at = this.toStage(this.pixel.x, this.pixel.y);
			const side = Math.max(this.scale, 5);

			this.cross.style.left = `${at.x - (side - this.scale) / 2}px`;
			this.cross.style.top = `${at.y - (side - this.scale) / 2}px`;
			this.cross.style.width = this.cross.style.height = `${side}px`;
			this.drawValues();
		}

		// ---- values of a pixel ---------------------------------------------------------

		// What the picture has there; null: nothing, or it is not decoded yet.
		valueOf(name) {
			const image = this.figures[name] && this.figures[name].querySelector("img");
			const { x, y } = this.pixel;

			if (!image || !image.complete || x >= image.naturalWidth || y >= image.naturalHeight)
				return null;
			this.contexts ||= {};
			if (!this.contexts[name]) {
				const canvas = document.createElement("canvas");
				canvas.width = image.naturalWidth;
				canvas.height = image.naturalHeight;
				this.contexts[name] = canvas.getContext("2d", { willReadFrequently: true });
				this.contexts[name].drawImage(image, 0, 0);
			}
			return this.contexts[name].getImageData(x, y, 1, 1).data.slice(0, 3);
		}

		drawValues() {
			if (!this.used)
				return;
			const values = ["expected", "actual"].map((name) => [name, this.valueOf(name)]);
			const [a, b] = values.map(([, rgb]) => rgb && hex(rgb));

			this.values.replaceChildren();
			page.element("span", `${this.pixel.x},${this.pixel.y}`, this.values);
			for (const [name, rgb] of values) {
				if (!rgb)
					continue;
				const entry = page.element("span", "", this.values);
				const swatch = this.make("span", "swatch", entry);
				swatch.style.backgroundColor = hex(rgb);
				entry.append(`${NAMES[name].toLowerCase()} ${hex(rgb)} `);
				page.element("span", `(${[...rgb].join(", ")})`, entry).className = "quiet";
			}
			if (a && b && a !== b)
				page.element("span", "differs", this.values).className = "differs";
		}

		mark(x, y) {
			this.used = true;
			this.pixel = { x: clamp(x, 0, this.width - 1), y: clamp(y, 0, this.height - 1) };
			this.drawCross();
		}

		// By a key: the pixel stays in sight, and is told.
		move(dx, dy) {
			this.values.setAttribute("aria-live", "polite");
			this.mark(this.pixel.x + dx, this.pixel.y + dy);
			const at = this.toStage(this.pixel.x + 0.5, this.pixel.y + 0.5);
			if (at.x < 0 || at.y < 0 || at.x > this.stage.clientWidth || at.y > this.stage.clientHeight)
				this.centerOn(this.pixel.x + 0.5, this.pixel.y + 0.5);
		}

		// ---- pointer ----------------------------------------------------------------------

		pointOf(event) {
			const place = this.stage.getBoundingClientRect();
			return {
				x: event.clientX - place.left - this.stage.clientLeft,
				y: event.clientY - place.top - this.stage.clientTop,
			};
		}

		// The page scrolls on until the stage is clicked, or with Ctrl.
		onWheel(event) {
			if (!event.ctrlKey && document.activeElement !== this.stage)
				return;
			event.preventDefault();
			this.zoom(event.deltaY < 0 ? 1.25 : 0.8, this.pointOf(event));
		}

		onDown(event) {
			if (event.button !== 0)
				return;
			this.stage.focus({ preventScroll: true });
			this.drag = this.pointOf(event);
			this.stage.setPointerCapture(event.pointerId);
		}

		onMove(event) {
			const point = this.pointOf(event);

			this.values.setAttribute("aria-live", "off");
			if (this.drag && !this.fitted) {
				this.left += point.x - this.drag.x;
				this.top += point.y - this.drag.y;
				this.drag = point;
				this.draw();
				return;
			}
			this.mark(
				Math.floor((point.x - this.left) / this.scale),
				Math.floor((point.y - this.top) / this.scale),
			);
		}
	}

	// ---- keys ---------------------------------------------------------------------------

	function distance(viewer) {
		const place = viewer.root.getBoundingClientRect();
		return Math.abs((place.top + place.bottom - innerHeight) / 2);
	}

	function isInSight(viewer) {
		const place = viewer.root.getBoundingClientRect();
		return place.bottom > 0 && place.top < innerHeight && place.height > 0;
	}

	// The one that was used last, if one can see it; else the one in the middle.
	function which() {
		if (current && isInSight(current))
			return current;
		return all.filter(isInSight).sort((a, b) => distance(a) - distance(b))[0] || null;
	}

	function key(names, text, action) {
		page.key(names, text, (event) => {
			const viewer = which();
			const target = event.target;

			if (!viewer)
				return false;
			// What these keys do to a button or a slider.
			if (event.key === " " && target.matches("button, summary, a"))
				return false;
			if (event.key.startsWith("Arrow") && !viewer.stage.contains(target))
				return false;
			return action(viewer, event);
		});
	}

	function show(mode) {
		return (viewer) => {
			if (!viewer.has(mode))
				return false;
			viewer.show(mode);
			if (mode === "wipe")
				viewer.slider.focus({ preventScroll: true });
			return true;
		};
	}

	const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

	page.ready(() => {
		for (const root of document.querySelectorAll(".viewer"))
			if (root.querySelector("img"))
				all.push(new Viewer(root));
		if (all.length === 0)
			return;
		addEventListener("beforeprint", () => all.forEach((viewer) => viewer.scatter()));
		addEventListener("afterprint", () => all.forEach((viewer) => viewer.gather()));
		key(["f", " "], "flip between reference and output", (viewer) => viewer.flip());
		key(["1"], "reference", show("expected"));
		key(["2"], "output", show("actual"));
		key(["3"], "difference", show("difference"));
		key(["4", "w"], "both, with a movable edge (then ← →)", show("wipe"));
		key(["z"], "what differs, large", (viewer) => viewer.box.length === 4 && viewer.zoomToBox());
		key(["+", "="], "larger; so does the wheel in a picture that was clicked", (viewer) => viewer.zoom(2));
		key(["-"], "smaller", (viewer) => viewer.zoom(0.5));
		key(["0"], "the whole picture", (viewer) => viewer.fit());
		key(Object.keys(moves), "in a picture: to the next pixel; with Shift the tenth", (viewer, event) => {
			const [dx, dy] = moves[event.key];
			const step = event.shiftKey ? 10 : 1;
			viewer.move(dx * step, dy * step);
		});
	});

	return all;
})();
