// Plotly's own button saves the picture; here it is told the format and the page's ground.

function figureBefore(place) {
  const all = [...document.querySelectorAll(".js-plotly-plot")];
  return all.filter((one) => one.compareDocumentPosition(place) & Node.DOCUMENT_POSITION_FOLLOWING).pop();
}

function ground(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (colour !== "rgba(0, 0, 0, 0)") return colour;
  }
  return "white";
}

function save(figure, format, filename) {
  const options = figure._context.toImageButtonOptions;
  const paper = figure.layout.paper_bgcolor;
  figure._context.toImageButtonOptions = { format, filename, scale: format === "png" ? 3 : 1 };
  figure.layout.paper_bgcolor = ground(figure);
  figure.querySelector('.modebar-btn[data-attr], .modebar-btn[data-title*="ownload"]')?.click();
  figure.layout.paper_bgcolor = paper;
  figure._context.toImageButtonOptions = options;
}

export default function ({ data, parentElement }) {
  const root = parentElement.getRootNode();
  for (const button of parentElement.querySelectorAll("button")) {
    const format = button.textContent.toLowerCase();
    button.title = `Save ${data.name}.${format}`;
    button.setAttribute("aria-label", button.title);
    button.onclick = () => {
      const figure = figureBefore(root.host ?? parentElement);
      if (figure) save(figure, format, data.name);
    };
  }
}
