"""Fill the tables of the page on manifolds in real cells from the records that their runs left; nothing is run."""

from __future__ import annotations

from lib.manifold_page import PAGE, filled, records
from lib.record import ROOT

if __name__ == "__main__":
    page = ROOT / PAGE
    page.write_text(filled(page.read_text("utf-8"), records(ROOT)), encoding="utf-8")
    print(f"{PAGE}: tables filled")
