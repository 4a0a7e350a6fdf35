const form = document.querySelector("form");
const list = document.querySelector("ul");

function show({ text }) {
  const item = document.createElement("li");
  item.textContent = text;
  list.append(item);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = new FormData(form).get("text");
  const response = await fetch("/api/notes", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ text }),
  });
  if (!response.ok) return;
  show(await response.json());
  form.reset();
});

for (const note of await (await fetch("/api/notes")).json()) show(note);
