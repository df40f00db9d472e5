import { describe, expect, test } from 'vitest';
import { lineText } from '../../components/line.js';
import { checklistLines } from '../../components/panes/checklist.js';
import { type ChecklistRow, createConsoleStore } from '../../src/store/store.js';
import { threeHosts } from '../support/fake-world.js';

describe('the checklist pane', () => {
  const row = (id: string, evidence: string): ChecklistRow =>
    ({ id, title: `Item ${id}`, status: 'unmet', evidence, needsWord: false }) as unknown as ChecklistRow;
  const rows = [
    row('one', 'not yet'),
    row('two', 'not yet'),
    row(
      'three',
      'not copied: node-2: a path that is longer than the pane is wide, changed while it was fetched. enter tries again',
    ),
  ];
  const state = { ...createConsoleStore(threeHosts, 'LIVE', 1_000).getState(), checklist: rows };
  const shown = (cursor: number, focused: boolean): string[] =>
    checklistLines(state, 30, 8, cursor, focused).map((line) => lineText(line).trim());

  test('every item says at least two lines; the one under the cursor is read to its end', () => {
    expect(shown(0, false).join(' ')).not.toContain('enter tries again');
    const read = shown(2, true);
    expect(read).toHaveLength(8);
    expect(read.join(' ')).toContain('Item three not copied: node-2: a path that');
    expect(read.at(-1)).toBe('again');
  });

  test('the cursor on the first item shows the first item', () => {
    expect(shown(0, true)[0]).toContain('Item one');
  });
});
