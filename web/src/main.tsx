// Docent's page. It talks to the server it came from, through the same routes as every other client, and to nobody else.
import { render } from "preact";
import "./style/base.css";
import "./style/frame.css";
import "./style/answer.css";
import "./style/panels.css";
import "./style/uploads.css";
import { Shell } from "./view/Shell";

const app = document.getElementById("app");
if (app) {
  app.textContent = "";
  render(<Shell />, app);
}
