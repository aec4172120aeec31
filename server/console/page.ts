/** The console's page: nodes and jobs, live. Text is set as text, never as HTML: names and messages come from outside. */

export const consolePage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ingot</title>
<link rel="stylesheet" href="/console.css">
<script src="/console.js" defer></script>
</head>
<body>
<header><h1>Ingot</h1><p id="state" role="status">not connected</p></header>
<form id="login">
<label for="token">Admin token (the file <code>admin.token</code> in the state folder)</label>
<input id="token" type="password" autocomplete="off" required>
<button>Connect</button>
</form>
<main id="view" hidden>
<section aria-labelledby="jobs-title"><h2 id="jobs-title">Jobs</h2>
<table><thead><tr><th scope="col">Job</th><th scope="col">What</th><th scope="col">State</th><th scope="col">Progress</th></tr></thead><tbody id="jobs"></tbody></table></section>
<section aria-labelledby="nodes-title"><h2 id="nodes-title">Nodes</h2>
<table><thead><tr><th scope="col">Node</th><th scope="col">Address</th><th scope="col">Version</th><th scope="col">Install</th><th scope="col">Boots</th></tr></thead><tbody id="nodes"></tbody></table></section>
</main>
</body>
</html>
`;

export const consoleStyle = `
:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { margin: 0 auto; max-width: 75rem; padding: 0 1rem 2rem; }
header { align-items: baseline; display: flex; gap: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8886; padding: .35rem .6rem .35rem 0; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
progress { width: 10rem; }
form { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; }
tr[data-state="failed"] td:nth-child(3), tr[data-state="failed"] td:nth-child(4) { color: #c33; font-weight: 600; }
`;

export const consoleScript = `"use strict";
const byId = (id) => document.getElementById(id);
let token = sessionStorage.getItem("token") ?? "";

async function call(path, options = {}) {
  const response = await fetch(path, { ...options, headers: { authorization: "Bearer " + token } });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail ?? "HTTP " + response.status);
  }
  return response;
}

function row(cells, state) {
  const line = document.createElement("tr");
  line.dataset.state = state;
  for (const cell of cells) {
    const data = document.createElement("td");
    data.append(cell);
    line.append(data);
  }
  return line;
}

function progressOf(job) {
  if (job.error !== undefined) return job.error.message;
  const progress = job.progress;
  if (job.state !== "running" || progress === undefined) return "";
  const box = document.createElement("span");
  const percent = progress.percent ?? (progress.bytesTotal ? (100 * (progress.bytes ?? 0)) / progress.bytesTotal : undefined);
  if (percent !== undefined) {
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = percent;
    box.append(bar, " ");
  }
  const rate = progress.rate === undefined ? "" : " " + (progress.rate / 1e6).toFixed(1) + " MB/s";
  box.append([progress.phase, progress.message ?? ""].filter(Boolean).join(": ") + rate);
  return box;
}

async function refresh() {
  const [jobs, nodes] = await Promise.all([
    call("/api/jobs?limit=50").then((answer) => answer.json()),
    call("/api/nodes").then((answer) => answer.json()),
  ]);
  byId("jobs").replaceChildren(...jobs.jobs.map((job) => row([String(job.id), job.title, job.state, progressOf(job)], job.state)));
  byId("nodes").replaceChildren(...nodes.nodes.map((node) => {
    const install = node.install;
    const text = install === undefined ? "" : install.state + (install.state === "installing" ? " " + (install.percent ?? 0) + " %, " + (install.phase ?? "") : "");
    return row([node.name, node.ip ?? "", node.image ?? "", text, node.boot.reason], install?.state ?? "");
  }));
}

let pending = false;
function refreshSoon() {
  if (pending) return;
  pending = true;
  setTimeout(() => { pending = false; refresh().catch(show); }, 300);
}

function show(error) { byId("state").textContent = error.message; }

async function follow() {
  const response = await call("/api/events");
  byId("state").textContent = "live";
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) refreshSoon();
  throw new Error("the daemon closed the connection");
}

async function connect() {
  await refresh();
  sessionStorage.setItem("token", token);
  byId("login").hidden = true;
  byId("view").hidden = false;
  for (;;) {
    await follow().catch(show);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await refresh().catch(show);
  }
}

byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  connect().catch(show);
});
if (token !== "") connect().catch(show);
`;
