// What a stretch of a story cost both models, where the pointer is or the arrows went. Text is only ever
// textContent.
const tip = document.getElementById("tip");
const [a, b] = [tip.dataset.a, tip.dataset.b];

function show(ink) {
  document.querySelector(".story i.here")?.classList.remove("here");
  tip.hidden = !ink;
  if (!ink) return;
  const [ours, theirs] = ink.dataset.n.split(" ").map(Number);
  const saved = theirs - ours;
  tip.textContent = `${a}: ${ours.toFixed(2)} nats   ${b}: ${theirs.toFixed(2)} nats   difference ${saved < 0 ? "−" : "+"}${Math.abs(saved).toFixed(2)}`;
  const at = ink.getBoundingClientRect();
  tip.style.left = `${Math.max(0, Math.min(at.left, innerWidth - tip.offsetWidth - 12)) + scrollX}px`;
  tip.style.top = `${at.bottom + scrollY + 6}px`;
}

document.addEventListener("mouseover", (event) => show(event.target.closest(".story i")));
for (const story of document.querySelectorAll(".story")) {
  story.addEventListener("keydown", (event) => {
    const every = [...story.querySelectorAll("i")];
    const here = every.findIndex((ink) => ink.classList.contains("here"));
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: every.length - 1 }[event.key];
    if (to === undefined || !every[to]) return;
    event.preventDefault();
    every[to].scrollIntoView({ block: "nearest" });
    show(every[to]);
    every[to].classList.add("here");
  });
  story.addEventListener("blur", () => show(null));
}
