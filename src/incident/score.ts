import type { AnyEvent, IncidentEvent } from './event.js';

/** How a run was played, read off its events: for drills, where one learns. */
export interface Score {
  readonly gates: { readonly confirmed: number; readonly cancelled: number; readonly changed: number };
  /** Steps tried again, steps skipped, the whole undone. */
  readonly retries: number;
  readonly skips: number;
  readonly undone: boolean;
  /** Scenarios chosen before the one that was carried out. */
  readonly detours: number;
  /** Seconds from opening to the beginning of the plan: the time it took to find out what is wrong. */
  readonly secondsToBegin: number | undefined;
  /** 100, less 10 for a step tried again, skipped or a wrong scenario, 5 for a gate read without going through, 30 for an undo. */
  readonly points: number;
}

/** The score of a run; gates that asked again because something changed cost nothing. */
export function scoreOf(events: readonly AnyEvent[]): Score {
  const known = events as readonly IncidentEvent[];
  const gates = { confirmed: 0, cancelled: 0, changed: 0 };
  let [retries, skips, chosen] = [0, 0, 0];
  let [undone, begunAt]: [boolean, number | undefined] = [false, undefined];
  for (const event of known) {
    if (event.type === 'gate-answered') gates[event.answer] += 1;
    if (event.type === 'step-begun' && event.attempt > 1) retries += 1;
    if (event.type === 'step-skipped') skips += 1;
    if (event.type === 'undo-begun') undone = true;
    if (event.type === 'scenario-chosen') chosen += 1;
    if (event.type === 'plan-begun') begunAt = Date.parse(event.at);
  }
  const opened = known[0] === undefined ? undefined : Date.parse(known[0].at);
  const detours = Math.max(0, chosen - 1);
  const lost = 10 * (retries + skips + detours) + 5 * gates.cancelled + (undone ? 30 : 0);
  return {
    gates,
    retries,
    skips,
    undone,
    detours,
    secondsToBegin: begunAt === undefined || opened === undefined ? undefined : (begunAt - opened) / 1000,
    points: Math.max(0, 100 - lost),
  };
}

/** `score 90 of 100: 5 gates, 1 step tried again`. */
export function scoreText(score: Score): string {
  const parts = [
    `${score.gates.confirmed} gates`,
    ...(score.gates.cancelled === 0 ? [] : [`${score.gates.cancelled} read and left`]),
    ...(score.retries === 0 ? [] : [`${score.retries} steps tried again`]),
    ...(score.skips === 0 ? [] : [`${score.skips} skipped`]),
    ...(score.detours === 0 ? [] : [`${score.detours} other scenarios chosen first`]),
    ...(score.undone ? ['undone once'] : []),
    ...(score.secondsToBegin === undefined ? [] : [`${Math.round(score.secondsToBegin)} s until the plan began`]),
  ];
  return `score ${score.points} of 100: ${parts.join(', ')}`;
}
