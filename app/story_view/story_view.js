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
  const piece = data.pieces[index];
  const value = data.values[index];
  const text = piece ?? START;
  if (span.textContent !== text) write(span, text);
  const much = value === null ? 0 : Math.min(1, Math.abs(value) / data.full);
  const colour = data.scale === "which way" && value < 0 ? "--minus" : "--plus";
  span.style.setProperty("--much", much.toFixed(3));
  span.style.setProperty("--colour", `var(${colour})`);
  span.classList.toggle("selected", index === data.selected);
  span.classList.toggle("start", piece === null);
  if (data.pickable) {
    span.setAttribute("role", "option");
    span.setAttribute("aria-selected", String(index === data.selected));
  }
  const said = value === null ? "" : `, ${data.label} ${figures(value)}`;
  span.setAttribute("aria-label", visible(piece) + said);
}

function fill(tip, index, data) {
  tip.replaceChildren();
  const piece = data.pieces[index];
  element(tip, "piece", visible(piece));
  const value = data.values[index];
  if (value !== null) element(tip, "value", `${data.label} ${figures(value)}`);
  for (const [name, chance] of data.alternatives[index] ?? []) {
    const row = element(tip, "row");
    element(row, name === piece ? "name drawn" : "name", visible(name));
    element(row, "bar").style.width = `${Math.max(1, 100 * chance)}%`;
    element(row, "chance", `${(100 * chance).toFixed(chance < 0.0995 ? 1 : 0)} %`);
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const story = parentElement.querySelector(".story");
  const tip = parentElement.querySelector(".tip");
  for (const [name, [light, dark]] of Object.entries(data.colours)) {
    for (const part of [story, tip]) part.style.setProperty(`--${name}`, `light-dark(${light}, ${dark})`);
  }
  story.classList.toggle("writing", data.writing);
  story.classList.toggle("small", data.small);
  story.classList.toggle("pickable", data.pickable);
  story.tabIndex = 0;
  story.setAttribute("role", data.pickable ? "listbox" : "group");
  story.setAttribute("aria-label", `story, token by token: ${data.label}`);
  if (data.writing) story.setAttribute("aria-busy", "true");
  else story.removeAttribute("aria-busy");

  while (story.childElementCount > data.pieces.length) story.lastElementChild.remove();
  while (story.childElementCount < data.pieces.length) {
    const span = document.createElement("span");
    span.className = "token";
    span.id = `token-${story.childElementCount}`;
    story.appendChild(span);
  }
  const spans = story.children;
  for (let index = 0; index < spans.length; index++) paint(spans[index], index, data);

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
    const ink = span.querySelector(".ink");
    const box = ink.getClientRects()[0] ?? ink.getBoundingClientRect();
    const room = Math.max(0, frame.width - tip.offsetWidth);
    tip.style.left = `${Math.min(Math.max(0, box.left - frame.left), room)}px`;
    const below = box.bottom - frame.top + 6;
    const above = box.top - frame.top - tip.offsetHeight - 6;
    const fits = box.bottom + tip.offsetHeight + 12 < window.innerHeight;
    tip.style.top = `${(fits ? below : above) + story.offsetTop}px`;
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
  story.onblur = hide;
  story.onclick = (event) => pick(indexOf(event.target));
  story.onkeydown = (event) => {
    const from = active() >= 0 ? active() : (data.selected ?? -1);
    const last = spans.length - 1;
    const to = { ArrowRight: from + 1, ArrowLeft: from - 1, Home: 0, End: last }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      show(Math.min(Math.max(0, to), last));
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      pick(active());
    } else if (event.key === "Escape") hide();
  };
}
