// Follows a ledger: hx-sse keeps the stream and resumes it by the id of the last event; this puts what comes into the page.
(() => {
  const MOST = 200, SAY_EVERY = 5000, PATIENCE = 1500, AGAIN = 3000;

  function start() {
    const source = document.querySelector("[data-live]");
    if (!source) return;
    const state = document.querySelector("[data-live-state]");
    const events = document.querySelector("[data-live-events]");
    const said = document.querySelector("[data-live-said]");
    const banner = document.querySelector("[data-live-lost]");
    let news = 0, sayLater = null, showLater = null, again = null;

    // The server escapes everything; a template runs and loads nothing.
    function parsed(html) {
      const template = document.createElement("template");
      template.innerHTML = html;
      return template.content;
    }

    function say() {
      sayLater = null;
      const latest = events.firstElementChild?.querySelector("a")?.textContent.trim() ?? "";
      said.textContent = news === 1 ? `New event: ${latest}` : `${news} new events, the last: ${latest}`;
      news = 0;
    }

    source.addEventListener("entry", (event) => {
      if (!events) return;
      const item = parsed(event.detail.data).firstElementChild;
      const newest = events.firstElementChild;
      // What is there already is not shown twice.
      if (!item || (newest && Number(item.dataset.seq) <= Number(newest.dataset.seq))) return;
      item.classList.add("new");
      const reading = events.scrollTop > 0 ? events.scrollHeight - events.scrollTop : null;
      events.prepend(item);
      while (events.children.length > MOST) events.lastElementChild.remove();
      if (reading !== null) events.scrollTop = events.scrollHeight - reading;
      news += 1;
      sayLater ??= setTimeout(say, SAY_EVERY);
    });

    source.addEventListener("state", (event) => {
      if (!state) return;
      // Whoever is on a link stays on it.
      const on = state.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      const scrolled = state.querySelector(".wide-content")?.scrollLeft ?? 0;
      state.replaceChildren(parsed(event.detail.data));
      const wide = state.querySelector(".wide-content");
      if (wide) wide.scrollLeft = scrolled;
      if (on !== null) state.querySelector(`a[href="${CSS.escape(on)}"]`)?.focus({ preventScroll: true });
    });

    function lost() {
      source.dataset.live = "off";
      if (document.hidden) return;
      showLater ??= setTimeout(() => { banner.hidden = false; }, PATIENCE);
    }

    function found() {
      source.dataset.live = "on";
      clearTimeout(showLater);
      clearTimeout(again);
      showLater = again = null;
      banner.hidden = true;
    }

    // hx-sse reconnects a stream that broke; one that never began, or was given up, is begun anew.
    function begin() {
      lost();
      again ??= setTimeout(() => { again = null; source.dispatchEvent(new CustomEvent("reconnect")); }, AGAIN);
    }

    source.addEventListener("htmx:sse:after:connection", found);
    source.addEventListener("htmx:sse:before:connection", (event) => { if (event.detail.connection.attempt > 0) lost(); });
    source.addEventListener("htmx:sse:error", lost);
    source.addEventListener("htmx:sse:close", begin);
    source.addEventListener("htmx:error", begin);
    source.addEventListener("htmx:response:error", begin);

    // htmx looks through the page in a timer that it sets before hx-sse need be there; this one comes after both.
    setTimeout(() => {
      source.setAttribute("hx-sse:connect", source.dataset.stream);
      htmx.process(source);
    });
  }

  if (document.readyState === "complete") start();
  else document.addEventListener("DOMContentLoaded", start);
})();
