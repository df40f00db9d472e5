import type { Draft } from './draft.js';
import type { Findings } from './findings.js';
import { timeOfName } from './name-time.js';

/** Clocks, jitter and the time a snapshot takes stay below this; more is worth a word. Milliseconds. */
const APART = 2 * 3600_000;

/** When the snapshot was taken: by its name, else by the newest time in it, else by the file's own; says so when the first two disagree. */
export function setTakenAt(
  draft: Draft,
  name: string,
  newest: number | undefined,
  mtime: number,
  findings: Findings,
): void {
  const named = timeOfName(name);
  const time = named ?? newest ?? mtime;
  draft.takenAt = new Date(time).toISOString();
  draft.takenAtFrom = named !== undefined ? 'name' : newest !== undefined ? 'content' : 'mtime';
  if (named === undefined || newest === undefined || Math.abs(named - newest) < APART) return;
  findings.add({
    id: 'time-differs',
    severity: 'warning',
    message: `By its name the snapshot was taken at ${draft.takenAt}, the newest object in it is from ${new Date(newest).toISOString()}.`,
    remedy:
      'It may have been renamed, or the control plane was already down when it was taken. What was written after the newest object is not in it.',
  });
}

/** The highest of some `v1.35.0+k3s1` versions. */
export function highestVersion(versions: readonly (string | null)[]): string | null {
  let best: string | null = null;
  for (const one of versions) if (one !== null && (best === null || compareVersions(one, best) > 0)) best = one;
  return best;
}

/** Orders two versions by their numbers; text that is no version sorts first. */
export function compareVersions(a: string, b: string): number {
  const left = numbers(a);
  const right = numbers(b);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether the snapshot's K3s minor is newer than the installed one (facts 8.5; K3s itself does not refuse it, R24). */
export function checkVersion(snapshot: string | null, installed: string | undefined, findings: Findings): void {
  if (snapshot === null || installed === undefined) return;
  const [major, minor] = numbers(snapshot);
  const [ownMajor, ownMinor] = numbers(installed);
  if ((major ?? 0) === (ownMajor ?? 0) && (minor ?? 0) <= (ownMinor ?? 0)) return;
  findings.add({
    id: 'k3s-older',
    severity: 'warning',
    message: `The snapshot is from K3s ${snapshot}, installed is ${installed}: an older K3s may not understand what a newer one wrote.`,
    remedy: `Install K3s ${snapshot} first. K3s does not check this itself.`,
  });
}

function numbers(version: string): number[] {
  return (version.match(/\d+/g) ?? []).slice(0, 5).map(Number);
}
