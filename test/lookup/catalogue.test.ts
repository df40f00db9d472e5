import { describe, expect, test } from 'vitest';
import { fullRestore } from '../../scenarios/full-restore.js';
import { symptoms } from '../../scenarios/symptoms/index.js';
import { messageOf } from '../../src/k3s/messages.js';
import { fillNames } from '../../src/lookup/fill.js';
import { makeMatcher } from '../../src/lookup/match.js';
import { shapeOf } from '../../src/lookup/shape.js';

/** The catalogue against itself: every entry complete, every pattern sound and shown by a line. */

const match = makeMatcher(symptoms);
const numbered = symptoms.filter((one) => /^\d+$/.test(one.id));

describe('the catalogue', () => {
  test('holds the 92 rows of the fact file in order, and the five issues of the runbook', () => {
    expect(numbered.map((one) => Number(one.id))).toEqual(Array.from({ length: 92 }, (_, index) => index + 1));
    expect(symptoms.length - numbered.length).toBe(5);
    expect(new Set(symptoms.map((one) => one.id)).size).toBe(symptoms.length);
  });

  test.each(symptoms)('$id says what it means, what to do and where that comes from', (one) => {
    for (const text of [one.title, one.means, one.doThis, one.example]) expect(text.trim().length).toBeGreaterThan(5);
    expect(one.source).not.toBe('');
    expect(one.title).not.toMatch(/\.$/);
    expect(one.means).toMatch(/[.)]$/);
    expect(one.doThis).toMatch(/[.?)]$/);
    expect(fillNames(`${one.means} ${one.doThis} ${one.notThis ?? ''}`)).not.toMatch(/\{(server|servers|primary)\}/);
  });

  test('only what shows as silence, or in no line at all, has no pattern', () => {
    expect(symptoms.filter((one) => one.patterns.length === 0).map((one) => one.id)).toEqual([
      '86',
      'runbook-old-versions',
      'runbook-workers-notready',
    ]);
  });

  test('every step it leads to exists', () => {
    const known = new Set(fullRestore.phases.flatMap((phase) => phase.steps.map((step) => step.id)));
    expect(symptoms.flatMap((one) => one.steps ?? []).filter((id) => !known.has(id))).toEqual([]);
  });

  test('every entry a step leads to exists', () => {
    const ids = new Set(symptoms.map((one) => one.id));
    const named = fullRestore.phases.flatMap((phase) => phase.steps.flatMap((step) => step.lookup));
    expect(named.filter((id) => !ids.has(id))).toEqual([]);
  });
});

describe('patterns', () => {
  const patterns = symptoms.flatMap((one) => one.patterns.map((source) => ({ one, source })));

  test.each(patterns)('$source has a line of its own that it matches', ({ one, source }) => {
    const lines = [one.example, ...(one.also ?? [])];
    expect(lines.some((line) => new RegExp(source).test(line))).toBe(true);
    // Nothing that a match must hold may be missing in a match.
    const { literals, least } = shapeOf(source);
    for (const line of lines) {
      const found = new RegExp(source).exec(line)?.[0];
      if (found === undefined) continue;
      expect(literals.some((literal) => found.includes(literal))).toBe(true);
      expect(found.length).toBeGreaterThanOrEqual(least);
    }
  });

  const withLines = symptoms.filter((one) => one.patterns.length > 0);
  test.each(withLines)('$id is first or second for each of its lines', (one) => {
    for (const line of [one.example, ...(one.also ?? [])]) {
      expect(match(line).slice(0, 2), line).toContain(one.id);
      expect(match(`2026-11-22T10:11:36.221946+0000 node-1 k3s[78]: ${line}`)).toEqual(match(line));
    }
  });

  test('match the bare message too, wherever it holds what decides', () => {
    // In these the deciding text is in another field than the message.
    const fields = new Set(['5', '6', '14', '19', '56', '57', '62', '63', '66', '17', '1', '13', '42', '45', '55']);
    for (const one of withLines.filter(({ id }) => !fields.has(id)))
      expect(match(messageOf(one.example))).toContain(one.id);
  });

  test('cannot run away: no repetition is nested, leads, or is wide without a bound', () => {
    for (const bad of [
      '(?:abcde+)+',
      '(?:abcdef){2}',
      '.*abcdef',
      'abcdef.*ghijkl',
      'abcdef\\S+ x',
      'abcdef.{0,4000}x',
    ])
      expect(() => shapeOf(bad)).toThrow();
    expect(() => shapeOf('ab\\d+')).toThrow(/no fixed text/);
    expect(() => shapeOf('abcdef|\\d')).toThrow(/no fixed text/);
    for (const { source } of patterns) expect(() => shapeOf(source)).not.toThrow();
  });

  test('answer hostile lines of 64 KiB', () => {
    for (const { one } of patterns) {
      for (const line of [one.example, ...(one.also ?? [])]) {
        const half = line.slice(0, Math.ceil(line.length / 2));
        match(half.repeat(Math.ceil(65_536 / half.length)));
      }
    }
    for (const piece of [
      'snapshots/',
      'failed to validate token: ',
      'x509: certificate is valid for ',
      '\\',
      '"',
      'a',
      '\u{1f4a3}',
    ])
      expect(match(piece.repeat(65_536 / piece.length))).toEqual([]);
  });
});

describe('names', () => {
  test('of this cluster are filled in; without them the text still reads', () => {
    const text = 'Start {servers}. {primary} first, then {server}.';
    expect(fillNames(text, { server: 'cp2', servers: ['cp1', 'cp2'], primary: 'cp1' })).toBe(
      'Start cp1, cp2. cp1 first, then cp2.',
    );
    expect(fillNames(text)).toBe('Start the servers. The primary first, then this server.');
  });
});
