// Small manners around htmx's polling of the live part of the page; without this file the page works the same.
"use strict";

// A hidden page sends no requests; when it is visible again it sends one at once.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "live" && document.hidden) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && document.getElementById("live")) htmx.trigger("#live", "look");
});

// What a reader has opened stays open when the part around it is drawn again.
let open = [];
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target.id === "live") {
    open = [...event.target.querySelectorAll("details[open]")].map((details) => details.id);
  }
});
document.addEventListener("htmx:afterSwap", () => {
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
});
