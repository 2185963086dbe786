// Draws the Vega-Lite specifications of a page, without `eval`: expressions are walked, not compiled.
(() => {
  const views = new Map();
  // A figure holds its numbers. One that names an address, to read data from or to lead to, gets nothing and leads nowhere.
  const refuse = () => Promise.reject(new Error("a figure loads nothing and leads nowhere"));
  const loader = { load: refuse, sanitize: refuse, http: refuse, file: refuse };

  function config() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const [ink, soft, line] = [colour("--ink"), colour("--soft"), colour("--line")];
    return {
      background: "transparent",
      font: "system-ui, sans-serif",
      view: { stroke: null },
      axis: { labelColor: soft, titleColor: ink, gridColor: line, domainColor: soft, tickColor: soft, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
      legend: { labelColor: soft, titleColor: ink, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
      title: { color: ink, subtitleColor: soft, fontWeight: "normal" },
      header: { labelColor: soft, titleColor: ink },
      text: { color: ink },
      rule: { color: soft },
    };
  }

  async function draw(place) {
    const source = document.getElementById(place.dataset.figure);
    if (!source) return;
    const spec = JSON.parse(source.textContent);
    // Colours of the page fill what the figure leaves open; what a figure says itself stands.
    const compiled = vegaLite.compile(spec, { config: { ...config(), ...(spec.config || {}) } }).spec;
    views.get(place)?.finalize();
    const view = new vega.View(vega.parse(compiled, null, { ast: true }), {
      expr: vegaInterpreter.expressionInterpreter, renderer: "svg", container: place, hover: true, loader,
    });
    views.set(place, view);
    await view.runAsync();
    // The figure is named as a whole, and its numbers stand beside it as a table: marks have no names of their own.
    place.querySelector("svg")?.setAttribute("aria-hidden", "true");
    const leaves = place.closest("figure")?.querySelector("[data-leaves]");
    if (leaves) leaves.hidden = false;
  }

  async function save(button) {
    const figure = button.closest("figure");
    const view = views.get(figure.querySelector("[data-figure]"));
    const link = document.createElement("a");
    link.href = await view.toImageURL(button.dataset.save, 2);
    link.download = `${figure.id || "figure"}.${button.dataset.save}`;
    link.click();
  }

  function drawAll(root) {
    for (const place of root.querySelectorAll("[data-figure]")) {
      draw(place).catch((error) => { place.textContent = `This figure could not be drawn (${error.message}).`; });
    }
  }

  document.addEventListener("DOMContentLoaded", () => drawAll(document));
  document.addEventListener("theodolite:theme", () => drawAll(document));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
  document.addEventListener("htmx:after:swap", (event) => drawAll(event.target instanceof Element ? event.target : document));
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-save]");
    if (button) save(button);
  });
})();
