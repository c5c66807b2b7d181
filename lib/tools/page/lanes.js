"use strict";
/* Lanes: a task each, the same of A and of B, below the task that created it. Siblings that were
 * created at the same place are a group, which folds. */

const GROUP = 4; /* so many alike are one */
const LANES = 26; /* that are open at first */
const STEP_OPEN = 24; /* and so many more at a time */

/* Names may be shared: the second of a name is the second in B, too. */
function keysOf(side) {
  const seen = new Map(),
    keys = new Map();
  for (const number of [...side.tasks.keys()].sort((p, q) => p - q)) {
    const name = side.tasks.get(number).name,
      nth = (seen.get(name) || 0) + 1;
    seen.set(name, nth);
    keys.set(number, nth === 1 ? name : `${name} (${nth})`);
  }
  return keys;
}

function lanesOf(w) {
  if (w.lanes) return w.lanes;
  const lanes = new Map();
  lanes.set("callbacks", { key: "callbacks", site: "", parent: "", lines: [[], []], tasks: [0, 0] });
  w.laneOf = [new Map(), new Map()];
  w.lines.forEach((side, k) => {
    const keys = keysOf(side);
    side.task.forEach((task, line) => {
      const key = keys.get(task);
      if (!lanes.has(key)) {
        const t = side.tasks.get(task);
        lanes.set(key, {
          key,
          site: t.site,
          parent: t.parent > 0 ? keys.get(t.parent) : "",
          lines: [[], []],
          tasks: [0, 0],
        });
      }
      const lane = lanes.get(key);
      lane.tasks[k] = task;
      lane.lines[k].push(line);
      w.laneOf[k].set(task, lane);
    });
  });
  if (!lanes.get("callbacks").lines.flat().length) lanes.delete("callbacks");
  return (w.lanes = lanes);
}

/* Groups of siblings, by parent, in the order in which they were first seen. */
function families(w) {
  if (w.families) return w.families;
  const lanes = lanesOf(w),
    families = new Map();
  for (const lane of lanes.values()) {
    const parent = lanes.has(lane.parent) ? lane.parent : "";
    if (!families.has(parent)) families.set(parent, new Map());
    const groups = families.get(parent);
    const kind = lane.key === "callbacks" ? "\n" : lane.site;
    if (!groups.has(kind)) groups.set(kind, { id: parent + "\n" + kind, site: lane.site, lanes: [] });
    groups.get(kind).lanes.push(lane);
  }
  return (w.families = families);
}

function groupLines(group) {
  if (!group.lines) group.lines = [0, 1].map(k => group.lanes.flatMap(l => l.lines[k]).sort((x, y) => x - y));
  return group.lines;
}

/* The rows that are drawn: { lane }, { group } to fold, or { more } to open. */
function layout(w) {
  const rows = [],
    all = families(w);
  let left = LANES;
  const add = (lane, depth) => {
    rows.push({ lane, depth, lines: lane.lines });
    left--;
    below(lane.key, depth + 1);
  };
  function below(parent, depth) {
    for (const group of depth > 50 ? [] : (all.get(parent) || new Map()).values()) {
      if (group.lanes.length < GROUP) {
        group.lanes.forEach(l => add(l, depth));
        continue;
      }
      if (!view.open.has(group.id))
        view.open.set(group.id, Math.max(0, Math.min(group.lanes.length, left - 2)));
      const open = view.open.get(group.id);
      rows.push({ group, depth, open, lines: groupLines(group) });
      group.lanes.slice(0, open).forEach(l => add(l, depth + 1));
      if (open && open < group.lanes.length)
        rows.push({ more: group, depth: depth + 1, open, lines: [[], []] });
    }
  }
  below("", 0);
  return rows;
}

/* Makes a task's lane a visible one. */
function openLane(w, k, task) {
  const lane = lanesOf(w) && w.laneOf[k].get(task);
  for (const groups of families(w).values())
    for (const group of groups.values()) {
      const at = group.lanes.indexOf(lane);
      if (at >= (view.open.get(group.id) || 0) && group.lanes.length >= GROUP)
        view.open.set(group.id, at + 1);
    }
}
