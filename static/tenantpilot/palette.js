// The command palette: a native dialog, which keeps the focus inside and closes with Escape by itself.
(() => {
  "use strict";
  let timer = 0, asked = 0;

  const palette = () => document.getElementById("tp-palette");

  function open() {
    const box = palette();
    if (!box || box.open) return;
    box.showModal();
    const input = box.querySelector("input");
    input.focus();
    input.select();
  }

  async function search(input) {
    const box = palette(), place = document.getElementById("tp-palette-results"), mine = ++asked;
    const term = input.value.trim();
    if (term.length < 2 && !/^\d$/.test(term)) return;
    const answer = await fetch(`${box.dataset.address}?s=${encodeURIComponent(term)}`, { redirect: "manual" }).catch(() => null);
    if (mine !== asked) return; // a later question has been asked meanwhile
    if (answer && answer.ok) { place.innerHTML = await answer.text(); return; }
    const note = document.createElement("p");
    note.className = "tp-menu-note";
    note.textContent = answer && answer.type === "opaqueredirect" ? "You are signed out. Reload the page and sign in." : "The search does not answer. Try again in a moment.";
    place.replaceChildren(note);
  }

  function move(step) {
    const stops = [palette().querySelector("input"), ...palette().querySelectorAll("#tp-palette-results a")];
    stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length].focus();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-open-palette]")) open();
    if (event.target === palette()) palette().close(); // the backdrop
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); return; }
    if (!palette()?.open) return;
    // Unfold listens for single keys on the whole page; none of them is meant while somebody types here.
    event.stopPropagation();
    if (event.key === "ArrowDown") { event.preventDefault(); move(1); }
    if (event.key === "ArrowUp") { event.preventDefault(); move(-1); }
    if (event.key === "Enter" && event.target.matches("#tp-palette input")) {
      event.preventDefault();
      document.querySelector("#tp-palette-results a")?.click();
    }
  }, true);
  document.addEventListener("input", (event) => {
    if (!event.target.matches("#tp-palette input")) return;
    clearTimeout(timer);
    timer = setTimeout(() => search(event.target), 180);
  });
})();
