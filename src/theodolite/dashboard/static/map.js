// Arrow keys walk from cell to cell of a table that says so; Tab goes through every link as ever.
(() => {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  function neighbour(table, cell, [down, across]) {
    const rows = [...table.rows];
    let row = cell.parentElement;
    let column = cell.cellIndex;
    for (;;) {
      if (across) column += across;
      else row = rows[rows.indexOf(row) + down];
      if (!row || column < 0 || column >= table.rows[0].cells.length) return null;
      const link = row.cells[column]?.querySelector("a");
      if (link) return link;
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const table of document.querySelectorAll("[data-walk]")) {
      table.addEventListener("keydown", (event) => {
        const cell = event.target.closest("td, th");
        if (!cell || !(event.key in step) || event.altKey || event.ctrlKey || event.metaKey) return;
        const link = neighbour(table, cell, step[event.key]);
        if (!link) return;
        event.preventDefault();
        link.focus();
        link.scrollIntoView({ block: "nearest", inline: "nearest" });
      });
    }
    for (const hint of document.querySelectorAll("[data-arrows]")) hint.hidden = false;
  });
})();
