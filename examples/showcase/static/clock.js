const time = document.querySelector("#time");
new EventSource(time.dataset.events).addEventListener("message", ({ data }) => {
  const now = new Date(data);
  time.dateTime = data;
  time.textContent = now.toLocaleTimeString("en-GB");
});
