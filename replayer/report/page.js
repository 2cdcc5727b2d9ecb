// SPDX-License-Identifier: MIT
// What all reports do; html.h says with which markup. Scripts after this one use
// page.key() and page.ready().
"use strict";

const page = (() => {
	const keys = new Map();
	const help = [];

	// ---- keys -------------------------------------------------------------------

	// names: as KeyboardEvent.key has them. action is given the event; what
	// returns false has not used the key.
	function key(names, text, action) {
		for (const name of names)
			keys.set(name, action);
		help.push([names, text]);
	}

	function isTyping(element) {
		return element.matches("textarea, select, input:not([type=range])");
	}

	function onKey(event) {
		if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented)
			return;
		if (document.querySelector("dialog[open]"))
			return;
		if (isTyping(event.target) && event.key !== "Escape")
			return;
		const action = keys.get(event.key);
		if (action && action(event) !== false)
			event.preventDefault();
	}

	function element(name, text, parent) {
		const made = document.createElement(name);
		made.textContent = text;
		parent.append(made);
		return made;
	}

	const keyNames = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };

	function showHelp() {
		const dialog = element("dialog", "", document.body);
		const heading = element("h2", "Keys", dialog);
		heading.id = "keys-heading";
		dialog.setAttribute("aria-labelledby", heading.id);
		const body = element("tbody", "", element("table", "", dialog));
		for (const [names, text] of help) {
			const row = element("tr", "", body);
			const cell = element("td", "", row);
			for (const name of names) {
				element("kbd", keyNames[name] || name, cell);
				cell.append(" ");
			}
			element("td", text, row);
		}
		const close = element("button", "Close", dialog);
		close.addEventListener("click", () => dialog.close());
		dialog.addEventListener("close", () => dialog.remove());
		dialog.showModal();
	}

	// ---- filter -------------------------------------------------------------------

	function wanted(form) {
		const fields = new Map();
		const add = (field, value) => fields.set(field, (fields.get(field) || new Set()).add(value));

		for (const button of form.querySelectorAll("button[data-field][aria-pressed=true]"))
			add(button.dataset.field, button.dataset.value);
		for (const select of form.querySelectorAll("select[data-field]"))
			if (select.value)
				add(select.dataset.field, select.value);
		const search = form.querySelector("input[type=search]");
		const words = search ? search.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
		return { fields, words };
	}

	function fits(item, { fields, words }) {
		for (const [field, values] of fields)
			if (!values.has(item.dataset[field]))
				return false;
		if (words.length === 0)
			return true;
		if (item.words === undefined)
			item.words = item.textContent.toLowerCase();
		return words.every((word) => item.words.includes(word));
	}

	function apply(form) {
		const list = document.getElementById(form.dataset.for);
		const items = list.querySelectorAll("[data-item]");
		const want = wanted(form);
		let shown = 0;

		for (const item of items) {
			item.hidden = !fits(item, want);
			shown += !item.hidden;
		}
		for (const group of list.querySelectorAll("[data-group]"))
			group.hidden = !group.querySelector("[data-item]:not([hidden])");
		for (const output of form.querySelectorAll("output"))
			output.textContent = `${shown} of ${items.length}`;
	}

	function startFilter(form) {
		form.addEventListener("submit", (event) => event.preventDefault());
		form.addEventListener("input", () => apply(form));
		for (const button of form.querySelectorAll("button[data-field]")) {
			button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "true");
			button.addEventListener("click", () => {
				button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
				apply(form);
			});
		}
		apply(form);
	}

	function search() {
		const input = document.querySelector(".filter input[type=search]");
		if (!input)
			return false;
		input.focus();
		input.select();
		return true;
	}

	function clear() {
		for (const form of document.querySelectorAll("form.filter")) {
			for (const input of form.querySelectorAll("input[type=search]")) {
				input.value = "";
				input.blur();
			}
			apply(form);
		}
	}

	// ---- from one item to the next ----------------------------------------------------

	function isShown(item) {
		return !item.closest("[hidden]");
	}

	// Opens what hides it, and goes there.
	function reveal(item) {
		for (let at = item; at; at = at.parentElement)
			if (at.localName === "details")
				at.open = true;
		item.scrollIntoView({ block: "start" });
		const target = item.matches("details") ? item.querySelector("summary") : item;
		if (!target.matches("summary, a[href], button"))
			target.tabIndex = -1;
		target.focus({ preventScroll: true });
	}

	function step(direction) {
		const bad = "[data-item]:not([data-verdict=pass], [data-verdict=skip]), [data-stop]";
		const items = [...document.querySelectorAll(bad)].filter(isShown);
		const here = document.activeElement.closest("[data-item], [data-stop]");
		const position = here ? here.compareDocumentPosition.bind(here) : null;
		let next;

		if (here === null)
			next = direction > 0 ? items[0] : items[items.length - 1];
		else if (direction > 0)
			next = items.find((item) => position(item) & Node.DOCUMENT_POSITION_FOLLOWING);
		else
			next = items.findLast((item) => position(item) & Node.DOCUMENT_POSITION_PRECEDING);
		if (next)
			reveal(next);
	}

	function followHash() {
		let id = location.hash.slice(1);
		try {
			id = decodeURIComponent(id);
		} catch {
			// As it is, then.
		}
		const target = id && document.getElementById(id);
		if (target && target.id !== "main")
			reveal(target);
	}

	// ---- paper ----------------------------------------------------------------------------

	function openAll() {
		for (const details of document.querySelectorAll("details:not([open])")) {
			details.open = true;
			details.dataset.opened = "";
		}
	}

	function closeOpened() {
		for (const details of document.querySelectorAll("details[data-opened]")) {
			details.open = false;
			delete details.dataset.opened;
		}
	}

	// ---- start ------------------------------------------------------------------------------

	function ready(start) {
		document.addEventListener("DOMContentLoaded", start);
	}

	ready(() => {
		document.documentElement.classList.add("ready");
		for (const form of document.querySelectorAll("form.filter"))
			startFilter(form);
		if (document.querySelector("form.filter input[type=search]")) {
			key(["/"], "search", search);
			key(["Escape"], "clear the search", clear);
		}
		if (document.querySelector("[data-item]")) {
			key(["n"], "next of what did not pass", () => step(1));
			key(["p"], "previous of what did not pass", () => step(-1));
		}
		key(["?"], "show the keys", showHelp);
		document.addEventListener("keydown", onKey);
		addEventListener("hashchange", followHash);
		addEventListener("beforeprint", openAll);
		addEventListener("afterprint", closeOpened);
	});
	// When all scripts have made their things.
	addEventListener("load", followHash);

	return { key, ready, reveal, element };
})();
