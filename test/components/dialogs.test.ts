import { describe, expect, test } from 'vitest';
import { escalationLines, escalationText } from '../../components/dialogs/escalation.js';
import { journalLineLines } from '../../components/dialogs/line.js';
import { lookupLines } from '../../components/dialogs/lookup.js';
import { maintenanceLines, overdueText } from '../../components/dialogs/maintenance.js';
import { paletteItems, paletteLines } from '../../components/dialogs/palette.js';
import { verificationLines } from '../../components/dialogs/verification.js';
import { type Line, lineText, lineWidth } from '../../components/line.js';
import { entriesFor, lookUp } from '../../src/cli/symptoms.js';
import type { JournalLine } from '../../src/incident/journal.js';
import { type ConsoleState, createConsoleStore, type MaintenanceRow } from '../../src/store/store.js';
import { initialView, noFilter } from '../../src/store/view.js';
import { threeHosts } from '../support/fake-world.js';

const NOW = 1_795_000_000_000;
const cluster = {
  ...threeHosts,
  contacts: [
    { name: 'Kim', how: '+1 555 0100', role: 'on call' },
    { name: 'Acme', how: 'support.example.org', role: 'vendor support' },
  ],
};
const state = (more: Partial<ConsoleState> = {}): ConsoleState => ({
  ...createConsoleStore(cluster, 'LIVE', NOW).getState(),
  entries: entriesFor(cluster),
  ...more,
});
const text = (lines: readonly Line[]): string => lines.map(lineText).join('\n');
const fits = (lines: readonly Line[], width: number): void => {
  for (const one of lines) expect(lineWidth(one), lineText(one)).toBeLessThanOrEqual(width);
};

const tokenLine: JournalLine = {
  id: 7,
  at: NOW,
  host: 'b',
  unit: 'k3s',
  severity: 'error',
  text: 'bootstrap data already found and encrypted with different token',
  symptoms: ['17'],
  fields: { error: 'x'.repeat(200), attempt: '3' },
};

describe('calling for help', () => {
  test('the five steps of the runbook, whom to call, and the facts, whatever the width', () => {
    for (const width of [76, 120]) {
      const lines = escalationLines(state({ journal: [tokenLine] }), width);
      fits(lines, width);
      const said = text(lines);
      for (const step of [
        'Check logs',
        'Document errors',
        'Escalate to team lead',
        'Engage vendor support',
        'Consider alternative recovery',
      ])
        expect(said).toContain(step);
      expect(said.indexOf('+1 555 0100')).toBeGreaterThan(said.indexOf('Escalate to team lead'));
      expect(said.indexOf('support.example.org')).toBeGreaterThan(said.indexOf('Engage vendor support'));
    }
  });

  test('the prepared text tells hosts and the last errors', () => {
    const said = escalationText(state({ journal: [tokenLine] })).join('\n');
    expect(said).toMatch(/^K3s cluster fake/);
    expect(said).toMatch(/a \(server\): not seen/);
    expect(said).toMatch(/Last errors:\n.* b k3s error bootstrap data already found/);
  });
});

describe('one line of the journal', () => {
  test('its fields, and what is known of it with the name of its host', () => {
    for (const width of [76, 120]) {
      const lines = journalLineLines(state({ journal: [tokenLine] }), noFilter, 7, width);
      fits(lines, width);
      expect(text(lines)).toMatch(/attempt +3/);
      expect(text(lines)).toMatch(/17 {2}/);
      expect(text(lines)).not.toMatch(/\{server\}|\{servers\}|\{primary\}/);
    }
    expect(text(journalLineLines(state(), noFilter, 99, 80))).toMatch(/too old/);
  });
});

describe('looking up in the console', () => {
  test('the runbook’s wrong advice is found under its own words, with what instead', () => {
    for (const [words, id] of [
      ['certificate rotate-ca', 'runbook-rotate-ca'],
      ['kubectl delete pods --all --all-namespaces --grace-period=0 --force', 'runbook-force-delete-pods'],
    ] as const) {
      const hits = lookUp(words);
      expect(hits[0]?.id).toBe(id);
      const lines = lookupLines(state(), words, { text: words, hits }, 76);
      fits(lines, 76);
      expect(text(lines)).toMatch(/not /);
    }
  });
  test('nothing known, and nothing asked', () => {
    expect(text(lookupLines(state(), 'x', { text: 'zzz', hits: [] }, 76))).toMatch(/Nothing is known about “zzz”/);
    expect(text(lookupLines(state(), '', undefined, 76))).toMatch(/then enter/);
  });
});

describe('commands by name', () => {
  const found = (typed: string) => paletteItems(state(), initialView, typed).map((item) => item.label);
  test('what begins so comes first, moving about is not among them', () => {
    expect(found('look')[0]).toBe('look a message up');
    expect(found('journal')).toContain('pane journal');
    expect(found('')).not.toContain('a page up');
    expect(found('no such thing')).toEqual([]);
  });
  test('lookup with words is one of them', () => {
    expect(paletteItems(state(), initialView, 'lookup disk full')[0]).toMatchObject({
      do: 'lookup',
      words: 'disk full',
    });
  });
  test('fit their box', () => {
    fits(paletteLines(paletteItems(state(), initialView, ''), '', 3, 76, 18), 76);
  });
});

describe('maintenance and verification', () => {
  const row = (more: Partial<MaintenanceRow>): MaintenanceRow => ({
    id: 'contacts',
    title: 'Review and update emergency contact information',
    every: 'quarterly',
    state: 'overdue',
    last: undefined,
    seen: undefined,
    how: 'call each number',
    ...more,
  });
  test('what is open is said in a sentence, and how it is done stands under the cursor', () => {
    const rows = [row({}), row({ id: 'x', state: 'done', last: { at: NOW - 86_400_000, by: 'kim', words: 'did it' } })];
    const one = state({ maintenance: rows });
    expect(overdueText(one)).toBe('1 of 2 maintenance items are open: M');
    expect(overdueText(state())).toBeUndefined();
    const lines = maintenanceLines(one, 0, 76, 20);
    fits(lines, 76);
    expect(text(lines)).toMatch(/last: never\n +call each number/);
    expect(text(lines)).toMatch(/by kim: did it/);
  });
  test('a verification that was not run says so', () => {
    expect(text(verificationLines(state(), 76))).toMatch(/Nothing has been verified/);
    expect(text(verificationLines(state({ verifying: true }), 76))).toMatch(/Asking/);
  });
});
