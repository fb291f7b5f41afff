// Where it begins: the job is asked for, and what the address says is opened.

import * as api from "./api.js";
import { App } from "./app.js";
import { element } from "./elements.js";

async function start() {
  try {
    new App(await api.job()).start();
  } catch (error) {
    const again = element("button", { type: "button", text: "Try again", onclick: () => location.reload() });
    document.getElementById("main").replaceChildren(element("div", { class: "lost", role: "alert" },
      [element("h2", { text: "This cannot be shown" }), element("p", { text: error.message }), element("p", { text: error.hint || "" }), again]));
    document.body.classList.add("ready");
  }
}

start();
