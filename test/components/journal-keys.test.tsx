import { describe, expect, test, vi } from 'vitest';
import { entriesFor } from '../../src/cli/symptoms.js';
import type { JournalLine } from '../../src/incident/journal.js';
import { threeHosts } from '../support/fake-world.js';
import { openApp, until } from './app-rig.js';

/** What keys do in the journal pane of the whole console. */

const line = (id: number, text: string, more: Partial<JournalLine> = {}): JournalLine => ({
  id,
  at: 1_795_000_000_000 + id,
  host: 'a',
  unit: 'k3s',
  severity: 'info',
  text,
  symptoms: [],
  ...more,
});
const LINES = [
  line(1, 'nothing to see'),
  line(2, 'the first failure', { severity: 'error' }),
  line(3, 'quiet again'),
  line(4, 'bootstrap data already found and encrypted with different token', { severity: 'error', symptoms: ['17'] }),
  line(5, 'the end'),
];

async function atTheJournal(intents: Parameters<typeof openApp>[0] = {}) {
  const app = openApp(intents);
  app.store.setState({ journal: LINES, entries: entriesFor(threeHosts) });
  await app.waitFor('journal');
  for (const _pane of ['checklist', 'nodes', 'step', 'journal']) app.press('\t');
  await app.waitFor('the end');
  return app;
}

/** What programs hand to the terminal's clipboard. */
const copied = (written: string): string[] =>
  [...written.matchAll(/\u001b\]52;c;([^\u0007]*)\u0007/g)].map(([, text]) =>
    Buffer.from(text ?? '', 'base64').toString(),
  );

describe('the journal', () => {
  test('goes to errors, forward and back, and copies the line it stands on', async () => {
    const app = await atTheJournal();
    app.press('E');
    app.press('y');
    await until(() => copied(app.written()).length === 1, 'the first copy');
    app.press('E');
    app.press('y');
    await until(() => copied(app.written()).length === 2, 'the second copy');
    app.press('e');
    app.press('y');
    await until(() => copied(app.written()).length === 3, 'the third copy');
    expect(copied(app.written()).map((text) => /different token|first failure/.exec(text)?.[0])).toEqual([
      'different token',
      'first failure',
      'different token',
    ]);
  });

  test('writes its lines to a file, and says where', async () => {
    const saveText = vi.fn(async (_what: string, _text: string) => 'Saved: journal.txt');
    const app = await atTheJournal({ saveText });
    app.press('w');
    await app.waitFor('Saved: journal.txt');
    const [what, text] = saveText.mock.calls[0] ?? [];
    expect(what).toBe('journal');
    for (const one of LINES) expect(text).toContain(one.text);
  });

  test('one line, what it means here, and the way to the step that is the remedy', async () => {
    const app = await atTheJournal();
    app.press('E');
    app.press('\r');
    await app.waitFor(/time +2026-/);
    await app.waitFor('different token');
    app.press('s');
    await app.waitFor(/The remedy is a step of a plan that is not chosen|No step of a plan/);
  });
});
