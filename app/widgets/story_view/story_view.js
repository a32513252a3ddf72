// A story as tokens. Token text comes from users and models: it is only ever set as textContent.

const START = "▸"; // a piece of null is the token that opens a story

const visible = (piece) =>
  piece === null ? "start of the story" : piece.replace(/\n/g, "⏎").replace(/\t/g, "⇥").replace(/ /g, "␣");

const figures = (value) => {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.001) return value < 0 ? "> −0.001" : "< 0.001";
  return value.toPrecision(size >= 1000 ? 4 : size >= 0.1 ? 3 : 2).replace("-", "−");
};

// what a token's value means, in words: "attention 0.31"; null where it has none
function told(index, data) {
  const value = data.values[index];
  if (value === null) return null;
  const [positive, negative] = data.labels;
  return value < 0 && negative ? `${negative} ${figures(-value)}` : `${positive} ${figures(value)}`;
}

const strength = (value, data) => {
  const share = value === null ? 0 : Math.min(1, Math.abs(value) / data.full);
  return data.brightened ? Math.sqrt(share) : share;
};
const colour = (value, data) => `var(${data.scale === "which way" && value < 0 ? "--minus" : "--plus"})`;

function element(parent, className, text) {
  const made = document.createElement("div");
  made.className = className;
  if (text !== undefined) made.textContent = text;
  parent.appendChild(made);
  return made;
}

function write(span, text) {
  // the space before a word belongs to its token, but only the word is coloured and framed
  const space = text.match(/^ (?=\S)/)?.[0] ?? "";
  const ink = document.createElement("span");
  ink.className = "ink";
  ink.textContent = text.slice(space.length);
  span.replaceChildren(space, ink);
}

function paint(span, index, data) {
  const piece = data.str_tokens[index];
  const value = data.values[index];
  const text = piece ?? START;
  if (span.textContent !== text) write(span, text);
  span.style.setProperty("--much", strength(value, data).toFixed(3));
  span.style.setProperty("--colour", colour(value, data));
  span.classList.toggle("selected", index === data.selected);
  span.classList.toggle("start", piece === null);
  span.classList.toggle("marked", data.marked.includes(index));
  if (!data.pickable) return; // a story that is only read is prose, and its tip is spoken
  span.setAttribute("role", "option");
  span.setAttribute("aria-selected", String(index === data.selected));
  const said = told(index, data);
  span.setAttribute("aria-label", visible(piece) + (said ? `, ${said}` : ""));
}

function fill(tip, index, data) {
  tip.replaceChildren();
  const piece = data.str_tokens[index];
  element(tip, "piece", visible(piece));
  const said = told(index, data);
  if (said) element(tip, "value", said);
  for (const [name, chance] of data.alternatives[index] ?? []) {
    const row = element(tip, "row");
    element(row, name === piece ? "name drawn" : "name", visible(name));
    element(row, "bar").style.width = `${Math.max(1, 100 * chance)}%`;
    element(row, "chance", `${(100 * chance).toFixed(chance < 0.0995 ? 1 : 0)} %`);
  }
}

const FAINTEST = 0.3; // weaker lines would only grey the text
const box = (span) => {
  const ink = span.querySelector(".ink");
  return ink.getClientRects()[0] ?? ink.getBoundingClientRect();
};

// curves from the selected token to those that have something to do with it
function join(lines, story, data) {
  lines.replaceChildren();
  const from = story.children[data.selected ?? -1];
  if (!data.lines || !from) return;
  const frame = story.getBoundingClientRect();
  lines.style.top = `${story.offsetTop}px`;
  lines.setAttribute("width", frame.width);
  lines.setAttribute("height", frame.height);
  const middle = (rect) => [rect.left + rect.width / 2 - frame.left, rect.top + rect.height / 2 - frame.top];
  const [x, y] = middle(box(from));
  for (let index = 0; index < story.children.length; index++) {
    const much = strength(data.values[index], data);
    if (index === data.selected || much < FAINTEST) continue;
    const [otherX, otherY] = middle(box(story.children[index]));
    const lift = 14 + 0.12 * Math.abs(otherX - x);
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", `M${x} ${y} C${x} ${y - lift} ${otherX} ${otherY - lift} ${otherX} ${otherY}`);
    path.style.stroke = colour(data.values[index], data);
    path.style.strokeWidth = (0.6 + 2.2 * much).toFixed(2);
    path.style.opacity = (0.25 + 0.6 * much).toFixed(2);
    lines.appendChild(path);
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const story = parentElement.querySelector(".story");
  const tip = parentElement.querySelector(".tip");
  const lines = parentElement.querySelector(".lines");
  for (const [name, [light, dark]] of Object.entries(data.colours)) {
    for (const part of [story, tip, lines]) part.style.setProperty(`--${name}`, `light-dark(${light}, ${dark})`);
  }
  story.classList.toggle("writing", data.writing);
  story.classList.toggle("small", data.small);
  story.classList.toggle("pickable", data.pickable);
  story.tabIndex = 0;
  story.setAttribute("role", data.pickable ? "listbox" : "group");
  story.setAttribute("aria-label", `story, token by token: ${data.labels[0]}`);
  tip.setAttribute("role", data.pickable ? "tooltip" : "status");
  if (data.writing) story.setAttribute("aria-busy", "true");
  else story.removeAttribute("aria-busy");

  while (story.childElementCount > data.str_tokens.length) story.lastElementChild.remove();
  while (story.childElementCount < data.str_tokens.length) {
    const span = document.createElement("span");
    span.className = "token";
    span.id = `token-${story.childElementCount}`;
    story.appendChild(span);
  }
  const spans = story.children;
  for (let index = 0; index < spans.length; index++) paint(spans[index], index, data);
  story.resized?.disconnect(); // of the data before
  story.resized = new ResizeObserver(() => join(lines, story, data)); // tells at once, too
  story.resized.observe(story);

  const indexOf = (target) =>
    target instanceof Element ? Array.prototype.indexOf.call(spans, target.closest(".token")) : -1;
  const hide = () => {
    tip.hidden = true;
    for (const span of story.querySelectorAll(".active")) span.classList.remove("active");
    story.removeAttribute("aria-activedescendant");
  };
  const show = (index) => {
    hide();
    const span = spans[index];
    if (!span) return;
    span.classList.add("active");
    story.setAttribute("aria-activedescendant", span.id);
    fill(tip, index, data);
    tip.hidden = false;
    const frame = story.getBoundingClientRect();
    const { left, top, bottom } = box(span);
    const room = Math.max(0, frame.width - tip.offsetWidth);
    tip.style.left = `${Math.min(Math.max(0, left - frame.left), room)}px`;
    const below = bottom - frame.top + 6;
    const above = top - frame.top - tip.offsetHeight - 6;
    const fits = bottom + tip.offsetHeight + 12 < window.innerHeight;
    tip.style.top = `${(fits ? below : above) + story.offsetTop}px`;
  };
  const go = (index) => {
    show(index);
    spans[index]?.querySelector(".ink").scrollIntoView({ block: "nearest" });
  };
  const active = () => indexOf(story.querySelector(".active"));
  const pick = (index) => {
    if (data.pickable && index >= 0) setTriggerValue("picked", index);
  };

  story.onmouseover = (event) => {
    const index = indexOf(event.target);
    if (index >= 0) show(index);
  };
  story.onmouseleave = hide;
  story.onfocus = () => {
    if (story.matches(":focus-visible") && active() < 0) show(data.selected ?? 0);
  };
  story.onblur = hide;
  story.onclick = (event) => pick(indexOf(event.target));
  story.onkeydown = (event) => {
    const from = active() >= 0 ? active() : (data.selected ?? -1);
    const last = spans.length - 1;
    const to = { ArrowRight: from + 1, ArrowLeft: from - 1, Home: 0, End: last }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      go(Math.min(Math.max(0, to), last));
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      pick(active());
    } else if (event.key === "Escape") hide();
  };
  return () => story.resized.disconnect();
}
