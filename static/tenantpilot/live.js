// One poll per page: asks for all runs that the page shows and that still go, and stops by itself.
(() => {
  "use strict";
  const EVERY = 2000, AT_MOST = 30000, IDS = 100;
  let wait = EVERY, timer = 0, busy = false;

  const root = () => document.querySelector("[data-live-url]");
  const liveIds = () => [...new Set([...document.querySelectorAll("[data-run-live]")].map((e) => e.dataset.runLive))].slice(0, IDS);

  function schedule(delay) {
    clearTimeout(timer);
    if (!document.hidden && root() && liveIds().length) timer = setTimeout(poll, delay);
  }

  async function poll() {
    const ids = liveIds(), at = root();
    if (busy || !at || !ids.length) return;
    busy = true;
    try {
      const answer = await fetch(`${at.dataset.liveUrl}?ids=${ids.join(",")}`, { redirect: "manual", headers: { Accept: "application/json" } });
      // Signed out, or not allowed any more: asking again would change nothing.
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) return;
      if (!answer.ok) throw new Error(String(answer.status));
      const data = await answer.json();
      wait = EVERY;
      for (const id of ids) show(id, data.runs[id]);
      showUnread(data.unread);
      if (at.hasAttribute("data-live-reload") && ids.every((id) => !data.runs[id] || !data.runs[id].active)) {
        setTimeout(() => location.reload(), 600);
        return;
      }
    } catch (error) {
      wait = Math.min(wait * 2, AT_MOST);
    } finally {
      busy = false;
    }
    schedule(wait);
  }

  function show(id, run) {
    for (const place of document.querySelectorAll(`[data-run-live="${id}"]`)) {
      if (!run) { place.removeAttribute("data-run-live"); continue; }
      place.querySelector(".tp-progress-text").textContent = run.text;
      const bar = place.querySelector(".tp-bar");
      if (bar) {
        bar.classList.toggle("tp-bar-unknown", run.percent === null);
        bar.firstElementChild.style.width = `${run.percent === null ? 100 : run.percent}%`;
        if (run.percent === null) bar.removeAttribute("aria-valuenow"); else bar.setAttribute("aria-valuenow", run.percent);
        if (!run.active) bar.remove();
      }
      if (!run.active) place.removeAttribute("data-run-live");
    }
    if (!run) return;
    for (const place of document.querySelectorAll(`[data-run-badge="${id}"]`)) {
      // The markup comes from our own badge template, escaped there; unchanged badges stay, so that nothing flickers.
      if (place.dataset.shown !== run.badge) { place.innerHTML = run.badge; place.dataset.shown = run.badge; }
    }
    if (!run.active) announce(`${run.title} ${id}: ${run.outcome}`);
  }

  function announce(text) {
    const place = document.getElementById("tp-announcer");
    if (place) place.textContent = text;
  }

  function showUnread(count) {
    for (const place of document.querySelectorAll("[data-unread]")) {
      place.textContent = count >= 100 ? "99+" : String(count);
      place.hidden = !count;
      place.closest("button")?.setAttribute("aria-label", `Notifications, ${count} unread`);
    }
  }

  document.addEventListener("visibilitychange", () => schedule(200));
  document.addEventListener("DOMContentLoaded", () => schedule(EVERY));
  document.addEventListener("htmx:afterSwap", () => {
    const told = document.querySelector("#bell-panel [data-unread-count]");
    if (told) showUnread(Number(told.dataset.unreadCount));
  });
})();
