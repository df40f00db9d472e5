import { readFileSync } from 'node:fs';
import { beginFullRestore, type Person, passGate, sitDown, tryAgain } from '../../console/driver.js';
import type { Lab } from './lab.js';
import { must } from './sh.js';

export { type Person, sitDown };

/** Fingerprints of the lab's host keys, as a person would have them from the hosts' consoles. */
async function fingerprints(lab: Lab): Promise<string[]> {
  const listed = await must(['ssh-keygen', '-l', '-f', `${lab.home}/known_hosts`]);
  return listed.split('\n').flatMap((line) => /SHA256:\S+/.exec(line)?.[0] ?? []);
}

/** First contact: compares every key that is shown with those of the lab and accepts them; a host behind another shows its own only then. */
export async function meet(person: Person, lab: Lab, knownHosts: string): Promise<void> {
  const known = await fingerprints(lab);
  const accepted = (): number => {
    try {
      return new Set(readFileSync(knownHosts, 'utf8').split('\n').filter(Boolean)).size;
    } catch {
      return 0;
    }
  };
  while (accepted() < known.length) {
    const before = accepted();
    await person.waitFor('K look at host keys');
    await person.pressUntil('K', 'Host keys nobody has accepted yet');
    const shown = person.screen().match(/SHA256:[A-Za-z0-9+/]+/g) ?? [];
    const strange = shown.filter((one) => !known.includes(one));
    if (shown.length === 0 || strange.length > 0) throw new Error(`keys of nobody: ${person.screen()}`);
    await person.pressUntil('y', () => !person.sees('Host keys nobody has accepted yet'));
    await person.waitFor(() => accepted() > before);
  }
}

export interface Restored {
  /** Title of each gate, and what stood on the screen when it was open. */
  readonly gates: readonly { readonly title: string; readonly screen: string }[];
}

/** A full restore, by keypresses alone, to its end. */
export async function restoreByKeys(person: Person): Promise<Restored> {
  await beginFullRestore(person);
  const gates: { title: string; screen: string }[] = [];
  const over = (): boolean => person.sees('RECOVERED');
  while (!over()) {
    let screen = '';
    const title = await passGate(person, (seen) => {
      screen = seen;
    });
    gates.push({ title, screen });
    for (;;) {
      await person.waitFor(() => over() || person.sees('GATE WAITS') || person.sees('IN DOUBT'), 240);
      if (!person.sees('IN DOUBT')) break;
      // The connection was lost while something was begun that is not repeated by itself; it was looked at, and is not there.
      await tryAgain(person);
    }
  }
  return { gates };
}
