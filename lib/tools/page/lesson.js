"use strict";
/* Panel 8: the ready queue and the timers, step by step. */

const QUEUED = 0,
  RUNS = 1,
  OVER = 2,
  BOOKED = 3,
  FIRED = 4,
  STOPPED = 5;
const SHOWN = 14; /* boxes of a kind */
const lesson = { step: 0, playing: 0 };

const lessonEnd = () => Math.max(0, ...view.w.lines.map(s => replayLines(s)));
function replayLines(s) {
  let lines = 0;
  for (let i = 0; i < s.replay.length; i += 3) lines += s.replay[i] === RUNS;
  return lines;
}

/* What the scheduler has in hand when so many lines have run, and what the last of them did. */
function replay(w, k, steps) {
  const s = w.lines[k],
    state = { ready: [], timers: [], waits: new Map(), last: -1, did: [], fresh: new Set() };
  for (let i = 0, line = -1, stack = []; i < s.replay.length; i += 3) {
    const [kind, a, b] = s.replay.slice(i, i + 3);
    if (kind === RUNS) {
      if (line + 1 >= steps) break;
      line++;
      stack.push(line);
      Object.assign(state, { last: line, did: [], fresh: new Set() });
      state.waits.delete(s.task[line]);
      state.ready = state.ready.filter(l => l !== line);
    } else if (kind === OVER) over(w, k, state, stack.pop());
    else note(w, k, state, kind, a, b, stack);
  }
  return state;
}

function over(w, k, state, line) {
  const s = w.lines[k],
    text = line === undefined ? "" : w.texts[s.text[line]] || "";
  if (line !== undefined && s.task[line] && text.startsWith("waits for "))
    state.waits.set(s.task[line], text.slice(10));
}

function note(w, k, state, kind, a, b, stack) {
  if (kind === QUEUED) {
    state.ready.push(a);
    state.waits.delete(w.lines[k].task[a]);
    state.fresh.add("r" + a);
    state.did.push("queues " + shortText(w, k, a));
  }
  if (kind === BOOKED) {
    const line = stack[stack.length - 1],
      task = line === undefined ? 0 : w.lines[k].task[line];
    state.timers.push({ number: a, due: b, who: task ? nameOf(w, k, task) : "timer " + a });
    state.fresh.add("t" + a);
    state.did.push(`books a timer for ${time(b)}`);
  }
  if (kind === FIRED || kind === STOPPED) {
    state.timers = state.timers.filter(t => t.number !== a);
    state.did.push(kind === FIRED ? `timer ${a} is due` : `takes timer ${a} back`);
  }
}

function shortText(w, k, line) {
  const s = w.lines[k];
  if (line >= s.count) return "another";
  return s.task[line] ? nameOf(w, k, s.task[line]) : w.texts[s.text[line]];
}

const box = (words, cls) => `<span class="box ${cls}">${esc(words)}</span>`;
function boxes(list, none) {
  const more = list.length > SHOWN ? `<span class="none">and ${count(list.length - SHOWN)} more</span>` : "";
  return `<div class="boxes">${list.slice(0, SHOWN).join("") || `<span class="none">${none}</span>`}${more}</div>`;
}

function hand(k) {
  const w = view.w,
    state = replay(w, k, lesson.step),
    { last, ready, timers, waits, fresh } = state;
  timers.sort((p, q) => p.due - q.due || p.number - q.number);
  const now =
    last < 0
      ? "Nothing has run yet."
      : `<b>${esc(lineText(w, k, last))}</b><br>${esc([...new Set(state.did)].slice(0, 5).join("; "))}`;
  const still = [...waits].map(([task, what]) => box(`${nameOf(w, k, task)}: ${what}`, ""));
  return `<div class="hand"><h3 class="${AB[k]} key">${esc(report.backends[k])}</h3><p class="now">${now}</p>
    <h4>Ready queue: the left one runs next</h4>${boxes(
      ready.map((l, i) => box(shortText(w, k, l), (i ? "" : "first ") + (fresh.has("r" + l) ? "fresh" : ""))),
      "nobody is ready: the loop polls",
    )}
    <h4>Timers: the left one is due next</h4>${boxes(
      timers.map((t, i) =>
        box(`${t.who} at ${time(t.due)}`, (i ? "" : "first ") + (fresh.has("t" + t.number) ? "fresh" : "")),
      ),
      "none",
    )}
    <h4>Waiting</h4>${boxes(still, "nobody")}</div>`;
}

function drawLesson() {
  const end = lessonEnd();
  lesson.step = Math.max(0, Math.min(end, lesson.step));
  el("lesson").innerHTML = hand(0) + hand(1);
  el("lessonTools").innerHTML =
    report.workloads
      .map((w, i) =>
        w.lesson
          ? `<button data-k="${i}" aria-pressed="${w === view.w}" title="${esc(w.purpose)}">${esc(w.name)}</button>`
          : "",
      )
      .join("") +
    `<button data-step="-1" ${lesson.step ? "" : "disabled"}>Back</button><button data-step="1" ${lesson.step < end ? "" : "disabled"}>Step</button>
    <button data-play="1" aria-pressed="${lesson.playing > 0}">${lesson.playing ? "Stop" : "Play"}</button>
    <input type="range" id="lessonAt" min="0" max="${end}" value="${lesson.step}" aria-label="Step">
    <span>step ${lesson.step} of ${end}${view.w.lines.some(s => s.total > end) ? ", the first of all" : ""}</span>`;
}

function play(on) {
  clearInterval(lesson.playing);
  lesson.playing = 0;
  if (on && lesson.step >= lessonEnd()) lesson.step = 0;
  if (on)
    lesson.playing = setInterval(() => {
      if (++lesson.step >= lessonEnd()) play(false);
      else drawLesson();
    }, 700);
  drawLesson();
}

/* The buttons are made anew at every step: the one that was pressed keeps the focus. */
function lessonClick(event) {
  const b = event.target.closest("button");
  if (!b) return;
  const { k, step, play: plays } = b.dataset;
  if (k) choose(+k);
  if (step) {
    lesson.step += +step;
    play(false);
  }
  if (plays) play(!lesson.playing);
  const again = el("lessonTools").querySelector(
    k ? `[data-k="${k}"]` : step ? `[data-step="${step}"]` : "[data-play]",
  );
  if (again) again.focus();
}
