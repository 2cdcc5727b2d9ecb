// SPDX-License-Identifier: MIT
// The page of vgpu-conform: what page.js does not do for every report.
"use strict";

page.ready(() => {
	const form = document.querySelector("form.filter");
	const shown = () => [...document.querySelectorAll("details[data-item]:not([hidden])")];

	// The fields have their values again after this event.
	form.addEventListener("reset", () => {
		for (const button of form.querySelectorAll("button[data-field]"))
			button.setAttribute("aria-pressed", "false");
		setTimeout(() => form.dispatchEvent(new Event("input")));
	});
	page.key(["o"], "open or close all that are shown", () => {
		const items = shown();
		const open = items.some((item) => !item.open);
		for (const item of items)
			item.open = open;
	});
	page.key(["r"], "show all requirements again", () => form.reset());
});
