// Review by keyboard: through the rows of a list, or from one hypothesis to the next. Keys never fire while somebody
// types or holds a modifier, and can be switched off. The page says which there are.
(() => {
  const OFF = "theodolite-keys-off";
  const PAGES = { l: "/ledger", m: "/map", c: "/" };
  const SEQUENCE_MS = 1500;
  let leading = 0;

  const stored = () => { try { return localStorage.getItem(OFF) === "1"; } catch { return false; } };
  let off = stored();

  const list = () => document.querySelector("[data-review]");
  const rows = () => [...document.querySelectorAll("[data-review] [data-row]")];
  const marked = (all) => all.findIndex((row) => row.classList.contains("chosen"));

  function keysOfPage() {
    const common = [["?", "these keys"], ["g then l", "the ledger"], ["g then m", "the map"], ["g then c", "the campaigns"]];
    if (list()) {
      return [
        ["j", "next row"], ["k", "row before"], ["↓ ↑", "the same, once a row is marked"], ["Enter", "open the marked row"],
        ["Esc", "mark no row"], ["n", "next page"], ["p", "page before"], ["/", "search"], ...common,
      ];
    }
    const own = [];
    if (document.querySelector("a[data-next]")) own.push(["j or n", "next hypothesis"]);
    if (document.querySelector("a[data-previous]")) own.push(["k or p", "hypothesis before"]);
    if (document.querySelector("a[data-back]")) own.push(["u", "back to the list"]);
    return [...own, ["/", "search"], ...common];
  }

  function element(name, text, ...children) {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    made.append(...children);
    return made;
  }

  // One line below the page for whoever sees it, and a dialog with all keys.
  function write() {
    document.querySelectorAll("[data-keys]").forEach((old) => old.remove());
    const line = element("p");
    line.className = "keys soft";
    line.dataset.keys = "";
    if (off) line.append("Keys are off. ");
    else {
      line.append("Keys: ");
      keysOfPage().slice(0, list() ? 4 : 3).filter(([key]) => key !== "↓ ↑").forEach(([key, does]) => line.append(element("kbd", key), ` ${does}, `));
    }
    const button = element("button", off ? "Keys" : "all keys");
    button.type = "button";
    button.className = "quiet";
    button.addEventListener("click", show);
    line.append(button);
    document.querySelector("main")?.append(line);
  }

  function show() {
    document.querySelector("dialog.keys")?.remove();
    const dialog = element("dialog");
    dialog.className = "keys";
    const heading = element("h2", "Keys");
    heading.id = "keys-heading";
    dialog.setAttribute("aria-labelledby", heading.id);
    const table = element("table");
    const body = element("tbody");
    for (const [key, does] of keysOfPage()) {
      const head = element("th", "", element("kbd", key));
      head.scope = "row";
      body.append(element("tr", "", head, element("td", does)));
    }
    table.append(body);
    const box = element("input");
    box.type = "checkbox";
    box.checked = !off;
    box.addEventListener("change", () => {
      off = !box.checked;
      try { localStorage.setItem(OFF, off ? "1" : "0"); } catch { /* then it lasts for this page */ }
      write();
    });
    const label = element("label", "", box, " Use these keys");
    const close = element("button", "Close");
    close.type = "button";
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      // The button that opened it may have been written anew since.
      if (document.activeElement === document.body) document.querySelector("[data-keys] button")?.focus({ preventScroll: true });
    });
    dialog.append(heading, table, element("p", "", label), close);
    document.body.append(dialog);
    dialog.showModal();
    close.focus();
  }

  function mark(index) {
    const all = rows();
    all.forEach((row) => row.classList.remove("chosen"));
    const row = all[index];
    if (!row) return;
    row.classList.add("chosen");
    row.querySelector("a[data-open]")?.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function move(by) {
    const all = rows();
    const now = marked(all);
    mark(now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, now + by)));
  }

  function follow(name) {
    const link = document.querySelector(`a[data-${name}]`);
    if (!link) return false;
    link.click();
    return true;
  }

  function search() {
    const field = document.querySelector("#words") ?? document.querySelector("#find");
    if (!field) return false;
    field.focus();
    field.select();
    return true;
  }

  function does(key) {
    const hasRows = rows().length > 0;
    const isMarked = marked(rows()) >= 0;
    switch (key) {
      case "?": show(); return true;
      case "/": return search();
      case "g": leading = Date.now(); return true;
      case "u": return follow("back");
      case "n": return follow("next");
      case "p": return follow("previous");
      case "j": if (!hasRows) return follow("next"); move(1); return true;
      case "k": if (!hasRows) return follow("previous"); move(-1); return true;
      case "ArrowDown": if (isMarked) move(1); return isMarked;
      case "ArrowUp": if (isMarked) move(-1); return isMarked;
      case "Enter": {
        // A focused link or button opens itself.
        if (!isMarked || document.activeElement?.closest("a, button, summary")) return false;
        rows()[marked(rows())].querySelector("a[data-open]")?.click();
        return true;
      }
      case "Escape": if (isMarked) { mark(-1); document.activeElement?.blur(); } return isMarked;
      default: return false;
    }
  }

  document.addEventListener("keydown", (event) => {
    if (off || event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target instanceof Element ? event.target : document.body;
    if (at.isContentEditable || at.closest("input, textarea, select, dialog[open]")) return;
    const leads = Date.now() - leading < SEQUENCE_MS;
    leading = 0;
    if (leads && Object.hasOwn(PAGES, event.key)) {
      event.preventDefault();
      location.assign(PAGES[event.key]);
    } else if (does(event.key)) event.preventDefault();
  });

  // Where focus goes by Tab or by a click, the mark goes too.
  document.addEventListener("focusin", (event) => {
    const row = event.target instanceof Element ? event.target.closest("[data-review] [data-row]") : null;
    if (!row || row.classList.contains("chosen")) return;
    rows().forEach((other) => other.classList.toggle("chosen", other === row));
  });

  // Rows that a filter brings say how many there are to whoever listens.
  document.addEventListener("htmx:after:swap", () => {
    const said = document.querySelector("[data-announce]");
    const count = document.querySelector("[data-count]");
    if (said && count) said.textContent = count.textContent;
    if (!document.querySelector("[data-keys]")) write();
  });

  write();
})();
