"use strict";
// The browser of rollouts. Their data stands gzipped in the page; one page of a list is in the document at a time.
const PAGE = 50;
const form = document.getElementById("filter"), list = document.getElementById("list"), count = document.getElementById("count");
const back = document.getElementById("back"), next = document.getElementById("next"), where = document.getElementById("where");
let rows = [], found = [], page = 0;

async function load() {
  const bytes = Uint8Array.from(atob(document.getElementById("data").textContent), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const { texts, columns } = JSON.parse(await new Response(stream).text());
  const names = Object.keys(columns), size = names.length ? columns[names[0]].values.length : 0;
  for (let i = 0; i < size; i++) {
    const row = {};
    for (const name of names) {
      const value = columns[name].values[i];
      row[name] = columns[name].text && value !== null ? texts[value] : value;
    }
    rows.push(row);
  }
}

function element(tag, text, cls) { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (cls) e.className = cls; return e; }
function figure(value) { return value === null ? "–" : value.toFixed(2); }

// [start, end] of the last place where the answer was written: as it was extracted, or with separators between its characters.
function placed(text, answer) {
  if (!answer) return null;
  const at = text.lastIndexOf(answer);
  if (at >= 0) return [at, at + answer.length];
  if (answer.length > 60) return null;
  const loose = [...answer].filter(c => !/\s/.test(c)).map(c => c.replace(/[.*+?^${}()|[\]\\\/-]/g, "\\$&")).join("[\\s,_$\\\\{}]{0,3}");
  let last = null;
  for (const match of text.matchAll(new RegExp(loose, "giu"))) last = [match.index, match.index + match[0].length];
  return last;
}
function highlighted(row) {
  const pre = element("pre"), text = row.completion, span = placed(text, row.extracted);
  if (span) pre.append(text.slice(0, span[0]), element("mark", text.slice(...span)), text.slice(span[1]));
  else pre.textContent = text;
  return pre;
}
function open(box, row) {
  if (box.dataset.filled) return;
  box.dataset.filled = "1";
  const facts = [`extracted: ${row.extracted ?? "nothing"}`, `gold: ${row.gold}`, `${row.tokens} tokens` + (row.finish_reason === "length" ? ", cut off by the token limit" : ""),
    `score ${figure(row.score)}`, `id ${row.id}`, `group ${row.group}`];
  if (row.shadow) facts.push(`shadow verifier: ${row.shadow}`);
  const why = element("p", row.reason || "no reason given", "why");
  why.append(element("br"), element("small", facts.join(" · ")));
  box.append(why);
  for (const [name, title] of [["reward_parts", "parts of the reward"], ["parts", "parts of the verdict"]])
    if (row[name] && row[name] !== "{}") box.append(element("small", `${title}: ${row[name].slice(0, 2000)}`), element("br"));
  box.append(element("small", "completion"), highlighted(row), element("small", "prompt"), element("pre", row.prompt));
  const group = element("button", "show its group");
  group.type = "button";
  group.addEventListener("click", () => { form.reset(); form.from.value = form.to.value = row.step; form.group.value = row.group; apply(); list.scrollIntoView(); });
  box.append(group);
}
function entry(row) {
  const box = element("details"), head = element("summary");
  box.id = `r-${row.step}-${row.index}`;
  head.append(element("span", row.status, "status " + row.status), element("span", `step ${row.step}`, "num"), element("span", row.reward === null ? (row.masked ? `masked (${row.masked})` : "masked") : `reward ${figure(row.reward)}`, "num"),
    element("span", `advantage ${figure(row.advantage)}`, "num"), element("span", row.category || "–", "num"), element("span", (row.completion.length > 140 ? "…" : "") + row.completion.slice(-140), "gist"));
  box.append(head);
  box.addEventListener("toggle", () => box.open && open(box, row));
  return box;
}
function show() {
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  page = Math.min(Math.max(page, 0), pages - 1);
  list.replaceChildren(...found.slice(page * PAGE, (page + 1) * PAGE).map(entry));
  where.textContent = `page ${page + 1} of ${pages}`;
  back.disabled = page === 0; next.disabled = page >= pages - 1;
}
const ORDERS = { newest: (a, b) => b.step - a.step || a.index - b.index, oldest: (a, b) => a.step - b.step || a.index - b.index,
  best: (a, b) => (b.reward ?? -Infinity) - (a.reward ?? -Infinity), worst: (a, b) => (a.reward ?? Infinity) - (b.reward ?? Infinity),
  longest: (a, b) => b.tokens - a.tokens, shortest: (a, b) => a.tokens - b.tokens };
const PAID = { masked: r => r.reward === null, above: r => r.reward !== null && r.reward > 0, zero: r => r.reward !== null && r.reward <= 0,
  wrong: r => r.reward > 0 && r.status !== "correct", unpaid: r => r.reward !== null && r.reward <= 0 && r.status === "correct" };
function apply() {
  const f = Object.fromEntries(new FormData(form)), text = f.text.toLowerCase();
  found = rows.filter(r => (!f.status || r.status === f.status) && (!f.category || r.category === f.category.slice(1))
    && (!f.from || r.step >= +f.from) && (!f.to || r.step <= +f.to) && (!f.group || r.group === +f.group)
    && (!f.reward || PAID[f.reward](r))
    && (!text || (r.completion + "\n" + r.question + "\n" + r.reason).toLowerCase().includes(text)));
  found.sort(ORDERS[f.order]);
  count.textContent = `${found.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rollouts`;
  page = 0; show();
}
function follow() {  // a link such as #r-12-3 opens that rollout
  const match = /^#r-(\d+)-(\d+)$/.exec(location.hash);
  if (!match) return;
  form.reset(); apply();
  const at = found.findIndex(r => r.step === +match[1] && r.index === +match[2]);
  if (at < 0) { count.textContent += `; rollout ${match[2]} of step ${match[1]} is not in this page`; return; }
  page = Math.floor(at / PAGE); show();
  const box = document.getElementById(location.hash.slice(1));
  box.open = true; box.classList.add("target"); open(box, found[at]); box.scrollIntoView();
}
async function start() {
  try { await load(); } catch (error) { count.textContent = `The rollouts can't be read: this needs a browser with DecompressionStream (${error.message}).`; return; }
  for (const name of ["status", "category"])
    for (const value of [...new Set(rows.map(r => r[name]))].sort()) form[name].append(new Option(value || "–", name === "category" ? "=" + value : value));
  let waiting;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 120); });
  form.addEventListener("submit", event => event.preventDefault());
  document.getElementById("reset").addEventListener("click", () => { form.reset(); apply(); });
  back.addEventListener("click", () => { page--; show(); }); next.addEventListener("click", () => { page++; show(); });
  addEventListener("hashchange", follow);
  apply(); follow();
  document.body.dataset.ready = "1";
}
start();
