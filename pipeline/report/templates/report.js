"use strict";
// Draws every chart whose JSON is in the page. `ast` interprets Vega's expressions, so no eval is needed.
for (const holder of document.querySelectorAll("script[data-chart]")) {
  const place = document.getElementById(holder.dataset.chart);
  vegaEmbed(place, JSON.parse(holder.textContent), { renderer: "svg", actions: false, ast: true })
    .then(() => place.classList.add("drawn"))
    .catch((problem) => {
      place.textContent = "This chart could not be drawn; the table holds the same figures.";
      console.error(problem);
    });
}
// Paper shows the lists as well.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
