// What a stretch of a story cost both models, where the pointer is. Text is only ever textContent.
const tip = document.getElementById("tip");
const [a, b] = [tip.dataset.a, tip.dataset.b];
document.addEventListener("mouseover", (event) => {
  const ink = event.target.closest(".story i");
  tip.hidden = !ink;
  if (!ink) return;
  const [ours, theirs] = ink.dataset.n.split(" ").map(Number);
  const saved = theirs - ours;
  tip.textContent = `${a}: ${ours.toFixed(2)} nats   ${b}: ${theirs.toFixed(2)} nats   difference ${saved < 0 ? "−" : "+"}${Math.abs(saved).toFixed(2)}`;
  const at = ink.getBoundingClientRect();
  tip.style.left = `${Math.min(at.left, innerWidth - tip.offsetWidth - 12) + scrollX}px`;
  tip.style.top = `${at.bottom + scrollY + 6}px`;
});
