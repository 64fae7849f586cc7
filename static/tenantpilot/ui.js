// Menus, messages and dialogs: what the keyboard and screen readers need beyond Unfold.
(() => {
  "use strict";

  // Menus are native popovers: they close by themselves, and only need their place below the button that opens them.
  document.addEventListener("beforetoggle", (event) => {
    const button = event.newState === "open" && document.querySelector(`[popovertarget="${event.target.id}"]`);
    if (!button) return;
    const at = button.getBoundingClientRect();
    event.target.style.top = `${at.bottom + 6}px`;
    event.target.style.right = `${Math.max(16, document.documentElement.clientWidth - at.right)}px`;
  }, true);

  document.addEventListener("click", (event) => {
    const dismiss = event.target.closest("[data-dismiss]");
    if (dismiss) dismiss.closest("li").remove();
  });

  document.addEventListener("keydown", (event) => {
    // Unfold's own triggers are not buttons: they get their role below, and Enter and Space here.
    if ((event.key === "Enter" || event.key === " ") && event.target.matches("[data-made-button]")) {
      event.preventDefault();
      event.target.click();
    }
  });

  document.addEventListener("input", (event) => {
    const list = event.target.dataset.filter && document.querySelector(event.target.dataset.filter);
    if (!list) return;
    const wanted = event.target.value.trim().toLowerCase();
    for (const entry of list.children) entry.hidden = !entry.textContent.toLowerCase().includes(wanted);
  });

  const MADE_BUTTONS = [
    ["[x-ref^=rowDropdown]", "Actions of this row"],
    ["#nav-sidebar [x-data*=openUserLinks] > div.cursor-pointer", "Account menu"],
    ["[x-ref^=actionDropdown] > a:not([href])", ""],
    ["a.cursor-pointer.block:not([href])", "Choose light or dark"],
  ];
  // An icon is a word in a font of its own: a screen reader would read "history Operation runs".
  function hideIcons(within) {
    for (const icon of within.querySelectorAll(".material-symbols-outlined:not([aria-hidden])")) icon.setAttribute("aria-hidden", "true");
  }

  function makeButtons(within) {
    for (const [selector, label] of MADE_BUTTONS) {
      for (const place of within.querySelectorAll(selector)) {
        if (place.hasAttribute("data-made-button")) continue;
        place.setAttribute("data-made-button", "");
        place.setAttribute("role", "button");
        place.setAttribute("tabindex", "0");
        if (label) place.setAttribute("aria-label", label);
      }
    }
  }

  function nameParts() {
    hideIcons(document);
    makeButtons(document);
    document.getElementById("searchbar-submit")?.setAttribute("aria-label", "Search this list");
    for (const canvas of document.querySelectorAll("canvas[data-label]")) {
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", canvas.dataset.label);
    }
  }
  document.addEventListener("DOMContentLoaded", nameParts);

  // Texts in charts are drawn, not styled: they take the colour of the theme here, again at each change of it.
  function colourCharts() {
    if (typeof Chart === "undefined") return;
    Chart.defaults.color = getComputedStyle(document.documentElement).getPropertyValue("--tp-muted").trim();
    for (const chart of Object.values(Chart.instances)) chart.update("none");
  }
  document.addEventListener("DOMContentLoaded", () => {
    colourCharts();
    new MutationObserver(colourCharts).observe(document.documentElement, { attributeFilter: ["class"] });
  });

  // Dialogs: Unfold opens them without a role and without moving the focus, and shows nothing when a request fails.
  document.addEventListener("htmx:afterSwap", (event) => {
    hideIcons(event.detail.target);
    const box = document.getElementById("modal-content");
    if (!box || !box.contains(event.detail.target)) return;
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-modal", "true");
    // "Cancel" beside "Cancel the run" would be a riddle.
    const dismiss = box.querySelector('a[href="#"]');
    if (dismiss) { dismiss.textContent = "Close"; dismiss.setAttribute("role", "button"); }
    const heading = box.querySelector("h1");
    if (heading) { heading.id = "tp-dialog-title"; box.setAttribute("aria-labelledby", heading.id); }
    const first = box.querySelector("input:not([type=hidden]), select, textarea, button[type=submit]");
    setTimeout(() => first && first.focus(), 60);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const box = document.getElementById("modal-content"), answer = event.detail.xhr;
    if (!box || (event.detail.target !== box && !box.contains(event.target))) return;
    if (answer.status === 204 || (answer.status > 0 && answer.status < 400 && answer.responseText.includes('id="dialog'))) return;
    const sentences = { 0: "The server does not answer. Try again in a moment.", 403: "Your role does not allow this.", 404: "This does not exist any more. Reload the page." };
    const note = document.createElement("p");
    note.className = "tp-dialog-error";
    note.setAttribute("role", "alert");
    note.tabIndex = -1;
    note.textContent = sentences[answer.status] || (answer.status < 400 ? "You are signed out. Reload the page and sign in." : `Not done (error ${answer.status}). Reload the page and try again.`);
    box.replaceChildren(note);
    note.focus();
  });
})();
