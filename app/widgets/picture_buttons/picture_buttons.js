// Plotly's own button saves the picture; here it is told the format and the page's ground.

const DOWNLOAD = '.modebar-btn[data-attr], .modebar-btn[data-title*="ownload"]';

// The figure may still be drawn when the button is pressed.
async function figureBefore(place) {
  for (let tries = 0; tries < 100; tries++) {
    const charts = [...document.querySelectorAll('[data-testid="stPlotlyChart"]')];
    const chart = charts
      .filter((one) => one.compareDocumentPosition(place) & Node.DOCUMENT_POSITION_FOLLOWING)
      .pop();
    const figure = chart?.querySelector(".js-plotly-plot");
    if (figure?._context && figure.querySelector(DOWNLOAD)) return figure;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
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
  figure.querySelector(DOWNLOAD).click();
  figure.layout.paper_bgcolor = paper;
  figure._context.toImageButtonOptions = options;
}

export default function ({ data, parentElement }) {
  const root = parentElement.getRootNode();
  for (const button of parentElement.querySelectorAll("button")) {
    const format = button.textContent.toLowerCase();
    button.title = `Save ${data.name}.${format}`;
    button.setAttribute("aria-label", button.title);
    button.onclick = async () => {
      const figure = await figureBefore(root.host ?? parentElement);
      if (figure) save(figure, format, data.name);
    };
  }
}
