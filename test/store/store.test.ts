import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JournalLine } from '../../src/incident/journal.js';
import { appendLines, KEPT_LINES } from '../../src/store/journal-ring.js';
import { initialView, noFilter, PANES, reduceView, topDialog, type ViewAction } from '../../src/store/view.js';

const line = (id: number, at: number, host = 'a'): JournalLine => ({
  id,
  at,
  host,
  unit: 'k3s',
  severity: 'info',
  text: `line ${id}`,
  symptoms: [],
});

describe('the journal on screen', () => {
  test('lines of several hosts are merged by time, those of one moment by arrival', () => {
    const first = appendLines([], [line(1, 10), line(2, 30), line(3, 30, 'b')]);
    const both = appendLines(first, [line(4, 20, 'b'), line(5, 30, 'c'), line(6, 40)]);
    expect(both.map((one) => one.id)).toEqual([1, 4, 2, 3, 5, 6]);
  });

  test('is always in order, loses nothing while there is room, and leaves what it was given alone', () => {
    const batches = fc.array(fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 20 }), { maxLength: 12 });
    fc.assert(
      fc.property(batches, (all) => {
        let id = 0;
        let kept: readonly JournalLine[] = [];
        for (const batch of all) {
          const before = [...kept];
          const given = kept;
          kept = appendLines(
            kept,
            batch.map((at) => line(id++, at)),
          );
          expect(given).toEqual(before);
        }
        expect(kept).toHaveLength(id);
        expect(kept).toEqual([...kept].sort((a, b) => a.at - b.at || a.id - b.id));
      }),
    );
  });

  test('keeps the newest and no more than it may', () => {
    let kept: readonly JournalLine[] = [];
    for (let batch = 0; batch < 30; batch++)
      kept = appendLines(
        kept,
        Array.from({ length: 400 }, (_, index) => line(batch * 400 + index, batch * 400 + index)),
      );
    expect(kept).toHaveLength(KEPT_LINES);
    expect(kept.at(-1)?.id).toBe(11_999);
    expect(appendLines(kept, [])).toBe(kept);
  });
});

describe('what a person looks at', () => {
  const seen = (...actions: ViewAction[]) => actions.reduce(reduceView, initialView);

  test('panes go round in both directions', () => {
    expect(seen(...PANES.map((): ViewAction => ({ do: 'next-pane', by: 1 }))).focus).toBe('plan');
    expect(seen({ do: 'next-pane', by: -1 }).focus).toBe(PANES.at(-1));
  });

  test('a cursor stays inside its list, also an empty one', () => {
    expect(seen({ do: 'move', by: -5, count: 3 }).cursor.plan).toBe(0);
    expect(seen({ do: 'move', by: 9, count: 3 }).cursor.plan).toBe(2);
    expect(seen({ do: 'move', by: 1, count: 0 }).cursor.plan).toBe(0);
  });

  test('standing on a line of the journal stops following it', () => {
    const still = seen({ do: 'journal-at', line: 5 });
    expect(still.journal.at).toBe(5);
    expect(reduceView(still, { do: 'journal-at', line: undefined }).journal.at).toBeUndefined();
  });

  test('one layer back: the top dialog, then the zoom, the search, the filter', () => {
    let view = seen(
      { do: 'search', text: 'etcd' },
      { do: 'filter', filter: { ...noFilter, level: 'error' } },
      { do: 'zoom' },
      { do: 'open', dialog: { kind: 'help' } },
      { do: 'open', dialog: { kind: 'quit' } },
    );
    expect(topDialog(view)?.kind).toBe('quit');
    view = reduceView(view, { do: 'close' });
    expect(topDialog(view)?.kind).toBe('help');
    view = reduceView(view, { do: 'close' });
    expect(view).toMatchObject({ dialogs: [], zoom: true, journal: { search: 'etcd' } });
    view = reduceView(view, { do: 'close' });
    expect(view).toMatchObject({ zoom: false, journal: { search: 'etcd' } });
    view = reduceView(view, { do: 'close' });
    expect(view.journal).toMatchObject({ search: '', filter: { level: 'error' } });
    expect(reduceView(view, { do: 'close' }).journal.filter).toBe(noFilter);
  });

  test('a gate that is overtaken goes, and nothing else with it', () => {
    const view = seen({ do: 'open', dialog: { kind: 'gate' } }, { do: 'open', dialog: { kind: 'help' } });
    expect(reduceView(view, { do: 'close-kind', kind: 'gate' }).dialogs).toEqual([{ kind: 'help' }]);
  });

  test('a sentence for the operator goes with the next look elsewhere', () => {
    const told = seen({ do: 'notice', text: 'Not now.' });
    expect(told.notice).toBe('Not now.');
    for (const next of [
      { do: 'focus', pane: 'journal' },
      { do: 'move', by: 1, count: 3 },
    ] as const)
      expect(reduceView(told, next).notice).toBeUndefined();
  });
});
