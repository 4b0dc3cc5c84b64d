"use strict";

const byId = id => document.getElementById(id);

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter(c => c !== null && c !== undefined));
  return node;
}

const number = (value, digits = 0) =>
  value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });

function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return number(ms, ms < 10 ? 1 : 0) + " ms";
  if (ms < 120000) return number(ms / 1000, ms < 10000 ? 2 : 1) + " s";
  return number(ms / 60000, 1) + " min";
}

const bytes = value => value === null || value === undefined ? "–" : number(value / 2 ** 30, 1) + " GiB";
const clock = seconds => new Date(seconds * 1000).toLocaleTimeString("en-GB");

function quantile(cell) {
  if (!cell) return "–";
  const node = el("span", {}, duration(cell.estimate));
  if (cell.low !== null) {
    node.append(el("span", { class: "bounds" },
      cell.high === null ? `above ${duration(cell.low)}` : `${duration(cell.low)} – ${duration(cell.high)}`));
  }
  return node;
}

function table(columns, rows) {
  const head = el("tr", {}, ...columns.map(c => el("th", { class: c.name ? "name" : undefined, scope: "col" }, c.title)));
  const body = rows.map(row => el("tr", { class: row.class },
    ...columns.map(c => el("td", { class: c.name ? "name" : undefined }, c.cell(row)))));
  return el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...body)));
}

function spark(windows) {
  const points = windows.filter(w => w.phase !== "open" && w.responseTime[1]).reverse();
  if (points.length < 3) return null;
  const top = Math.max(...points.map(w => w.responseTime[1].estimate)) || 1;
  const line = (index, name) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    path.setAttribute("class", name);
    path.setAttribute("points", points.map((w, i) =>
      `${(i * 100 / (points.length - 1)).toFixed(2)},${(38 - 36 * (w.responseTime[index]?.estimate ?? 0) / top).toFixed(2)}`).join(" "));
    return path;
  };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 100 40");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "p50 and p95 of the committed windows, oldest left");
  svg.append(line(0, "p50"), line(1, "p95"));
  return el("div", {}, el("p", { class: "legend" }, `p95 (blue) and p50 (grey) of ${points.length} committed windows, top ${duration(top)}`), svg);
}

function tile(title, value) {
  return el("div", { class: "tile" }, el("b", {}, value), el("span", {}, title));
}

function series(block) {
  const committed = block.windows.find(w => w.phase !== "open");
  const open = block.windows.find(w => w.phase === "open");
  const shown = committed ?? open;
  const name = [block.model, block.task, block.variant].filter(Boolean).join(" · ");
  const which = committed ? `newest committed window ${clock(committed.start)}` : "open window, not yet committed";
  return el("div", {},
    el("h2", {}, name + " ", el("small", {}, shown ? which : "no window yet")),
    shown ? el("div", { class: "tiles" },
      tile("requests a second", number(shown.requestsPerSecond, 1)),
      tile("p50", duration(shown.responseTime[0]?.estimate)),
      tile("p95", duration(shown.responseTime[1]?.estimate)),
      tile("p99", duration(shown.responseTime[2]?.estimate)),
      tile("errors", number(shown.errors)),
      tile("output tokens a second", number(shown.outputTokensPerSecond)),
      tile("nodes in it", `${shown.contributors} of ${shown.expected}`)) : null,
    spark(block.windows),
    table([
      { title: "window", name: true, cell: w => clock(w.start) },
      { title: "state", name: true, cell: w => el("span", { class: "badge " + (w.phase === "open" ? "open-badge" : w.phase) }, w.phase) },
      { title: "nodes", cell: w => el("span", { title: w.missingHosts.length ? "missing: " + w.missingHosts.join(", ") : "" }, w.phase === "open" && !w.contributors ? `– of ${w.expected}` : `${w.contributors} of ${w.expected}`) },
      { title: "requests", cell: w => number(w.requests) },
      { title: "errors", cell: w => number(w.errors) },
      { title: "cut off", cell: w => number(w.lengthLimited) },
      { title: "p50", cell: w => quantile(w.responseTime[0]) },
      { title: "p95", cell: w => quantile(w.responseTime[1]) },
      { title: "p99", cell: w => quantile(w.responseTime[2]) },
      { title: "TTFT p50", cell: w => quantile(w.ttft[0]) },
      { title: "TTFT p95", cell: w => quantile(w.ttft[1]) },
      { title: "tokens/s", cell: w => number(w.outputTokensPerSecond) },
      { title: "revision", cell: w => w.phase === "open" && !w.revision ? "–" : number(w.revision) },
    ], block.windows.slice(0, 12).map(w => ({ ...w, class: w.phase === "open" ? "open" : undefined }))));
}

function source(s) {
  const state = s.up === null ? "unknown" : s.up ? "up" : "down";
  const gauges = [s.running !== null ? `${s.running} running` : null, s.waiting !== null ? `${s.waiting} waiting` : null,
    s.kvCachePercent !== null ? `KV ${number(s.kvCachePercent)} %` : null].filter(Boolean).join(", ");
  return el("li", {}, el("span", { class: state }, state), ` ${s.kind} ${s.target}`,
    s.counts ? el("span", { class: "soft" }, " · counts requests") : null,
    gauges ? el("span", { class: "soft" }, " · " + gauges) : null,
    s.up === false ? el("span", { class: "bad" }, ` · ${s.errorClass}: ${s.errorText}`) : null);
}

function gpu(g) {
  return el("li", {}, `GPU ${g.index} ${g.name}`, el("span", { class: "soft" },
    ` · ${number(g.utilPercent)} % busy, ${bytes(g.memoryUsedBytes)} of ${bytes(g.memoryTotalBytes)}, ${number(g.temperatureC)} °C, ${number(g.powerW)} W`));
}

function node(n) {
  const ledger = n.ledger;
  return el("article", { class: "card" },
    el("h3", {}, n.node + " ", el("span", { class: "badge " + n.state }, n.state),
      el("small", {}, n.heardSecondsAgo === null ? " never heard" : ` heard ${number(n.heardSecondsAgo)} s ago`)),
    el("ul", { class: "sources" }, ...n.sources.map(source), ...n.gpus.map(gpu)),
    ledger ? el("p", { class: "soft" }, `${number(ledger.seen)} requests seen: ${number(ledger.committed)} committed, ` +
      `${number(ledger.open + ledger.spooled)} on their way, ${number(ledger.refused)} refused${ledger.dropped ? `, ${number(ledger.dropped)} dropped` : ""}`) : null,
    el("p", {}, "ledger: ", el("span", { class: n.balance.state }, n.balance.text),
      n.balance.faults.length ? el("span", { class: "bad" }, ": " + n.balance.faults.join("; ")) : null),
    ...n.balance.notes.map(note => el("p", { class: "soft" }, note)));
}

function nodes(list) {
  return list.length
    ? el("div", { class: "cards" }, ...list.map(node))
    : el("p", { class: "soft" }, "No agent has reported yet.");
}

function path(view) {
  const gateway = view.gateway;
  const lines = [];
  if (gateway) {
    lines.push(el("div", { class: "tiles" },
      tile("requests committed", number(gateway.committed)), tile("requests refused", number(gateway.refused)),
      tile("points queued", number(gateway.queued)), tile("points delivered", number(gateway.delivered)),
      tile("points superseded", number(gateway.superseded)), tile("points dead-lettered", number(gateway.deadLettered)),
      tile("points refused", number(gateway.pointsRefused))));
    lines.push(el("p", { class: gateway.error ? "bad" : "soft" },
      `Delivery: ${gateway.state}${gateway.error ? " – " + gateway.error : ""}` +
      (gateway.deliveredSecondsAgo === null ? ", nothing delivered yet" : `, last delivered ${number(gateway.deliveredSecondsAgo)} s ago`)));
  } else {
    lines.push(el("p", { class: "bad" }, "No gateway answers" + (view.gatewayError ? ": " + view.gatewayError : ".")));
  }
  lines.push(el("p", { class: "soft" }, "Aggregators: " +
    (view.members.map(m => `${m.address} ${m.reachable ? m.status : "unreachable"}`).join(", ") || "none known")));
  return el("div", {}, ...lines);
}

function show(view) {
  const stale = view.ageSeconds === null || view.ageSeconds > 10;
  const status = byId("status");
  status.className = view.error || stale ? "bad" : "";
  status.textContent = view.ageSeconds === null
    ? `Waiting for an aggregator. ${view.error ?? ""}`
    : `as ${view.aggregator} sees it, ${number(view.ageSeconds)} s ago` + (view.error ? ` – ${view.error}` : "");
  document.querySelectorAll("section[hidden]").forEach(section => section.removeAttribute("hidden"));
  byId("series").replaceChildren(...(view.series.length ? view.series.map(series)
    : [el("p", { class: "soft" }, "No window yet: the first opens with the first request or scrape.")]));
  byId("nodes").replaceChildren(nodes(view.nodes));
  byId("path").replaceChildren(path(view));
}

async function refresh() {
  try {
    const response = await fetch("/api/fleet", { cache: "no-store" });
    if (!response.ok) throw new Error(`the page's server answered ${response.status}`);
    show(await response.json());
  } catch (error) {
    const status = byId("status");
    status.className = "bad";
    status.textContent = `Not live: ${error.message}`;
  } finally {
    setTimeout(refresh, 1000);
  }
}

refresh();
