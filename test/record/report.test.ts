import { describe, expect, test } from 'vitest';
import type { AnyEvent, Payload } from '../../src/incident/event.js';
import { foldAll } from '../../src/incident/fold.js';
import { restoreSummary } from '../../src/incident/summary.js';
import { escapeHtml, html } from '../../src/record/html.js';
import { reportMarkdown } from '../../src/record/report.js';
import { reportHtml } from '../../src/record/report-html.js';
import type { ReportInput } from '../../src/record/sections.js';
import { timelineOf } from '../../src/record/timeline.js';
import { ticksOf } from '../../src/record/timeline-svg.js';
import { fakeScenario, fakeStep, opening } from '../support/fake-world.js';

const START = Date.UTC(2026, 10, 22, 3, 0);
const scenario = fakeScenario([fakeStep('one'), fakeStep('two', { gate: 'destroy' })]);

/** Events, each with the second after the start at which it happened. */
function eventsAt(all: readonly (readonly [second: number, payload: Payload])[]): AnyEvent[] {
  return all.map(([second, payload], index) => ({
    seq: index + 1,
    at: new Date(START + second * 1000).toISOString(),
    mono: second * 1000,
    ...payload,
  }));
}

const begun = (step: string, host: string, attempt = 1): Payload => ({
  type: 'step-begun',
  step,
  host,
  attempt,
  gated: true,
  learned: {},
});
const sent = (step: string, host: string, argv: readonly string[] = ['set', step]): Payload => ({
  type: 'sent',
  step,
  host,
  attempt: 1,
  index: 0,
  command: { kind: 'exec', host, argv, root: true, again: 'harmless' },
});
const endedAs = (step: string, host: string, outcome: 'done' | 'failed', what = 'it is set'): Payload => ({
  type: 'step-ended',
  step,
  host,
  attempt: 1,
  outcome,
  evidence: [what],
  learned: {},
  ...(outcome === 'failed' ? { trouble: { what, next: 'look' } } : {}),
});
const shown = (gate: string, typed: string | null, facts: readonly string[]): Payload => ({
  type: 'gate-shown',
  gate,
  typed,
  facts,
});
const answered = (gate: string, answer: 'confirmed' | 'cancelled'): Payload => ({
  type: 'gate-answered',
  gate,
  answer,
  hosts: ['a'],
  facts: [],
});

const run = (text: string): AnyEvent[] =>
  eventsAt([
    [0, { ...opening, operator: text, cluster: { ...opening.cluster, name: text } }],
    [1, { type: 'scenario-chosen', scenario: 'fake' }],
    [2, { type: 'host-seen', host: 'a', facts: { reachable: true, os: text } }],
    [2, { type: 'host-seen', host: 'b', facts: { reachable: false, problem: { id: 'x', what: text, next: text } } }],
    [3, { type: 'plan-begun' }],
    [4, begun('one', 'a')],
    [10, shown('go', null, [`ok ${text}`])],
    [20, answered('go', 'confirmed')],
    [21, sent('one', 'a', ['set', text])],
    [30, endedAs('one', 'a', 'failed', text)],
    [31, begun('one', 'a', 2)],
    [32, sent('one', 'a')],
    [40, endedAs('one', 'a', 'done', text)],
    [41, begun('two', 'a')],
    [42, shown('destroy', text, [`NOT OK ${text}`])],
    [50, answered('destroy', 'cancelled')],
    [51, { type: 'note', text }],
    [52, { type: 'verified', rows: [{ id: 'v', title: text, result: 'fail', seen: text, next: text }] }],
  ]);

function inputOf(events: readonly AnyEvent[], more: Partial<ReportInput> = {}): ReportInput {
  const state = foldAll(events);
  if (state === undefined) throw new Error('no run');
  return { state, scenario, events, head: 'abc', drills: [], excerpts: [], ...restoreSummary(state), ...more };
}

/** Elements and attributes of a page as a simple reader of HTML finds them; fails where tags do not match. */
function elementsOf(page: string): { name: string; attributes: string[] }[] {
  const VOID = new Set(['meta', 'line', 'rect', 'path', '!doctype']);
  const found: { name: string; attributes: string[] }[] = [];
  const open: string[] = [];
  for (const [, close, name = '', inside = ''] of page.matchAll(
    /<(\/?)([!a-zA-Z][a-zA-Z0-9]*)((?:[^"'>]|"[^"]*"|'[^']*')*)>/g,
  )) {
    if (close === '/') expect(open.pop()).toBe(name);
    else {
      found.push({ name, attributes: [...inside.matchAll(/([\w-]+)\s*=/g)].map((one) => one[1] ?? '') });
      if (!VOID.has(name.toLowerCase())) open.push(name);
    }
  }
  expect(open).toEqual([]);
  return found;
}

describe('the report', () => {
  const plain = run('node-text');

  test('says the same in Markdown and HTML: steps with times, gates as they were shown, what failed', () => {
    const input = inputOf(plain, { excerpts: [{ title: 'a, when one failed', lines: ['03:00:29Z etcd: no leader'] }] });
    for (const text of [reportMarkdown(input), reportHtml(input)]) {
      for (const said of [
        'not ended',
        '03:00:40Z',
        '8.0 s',
        'cancelled 03:00:50Z',
        'NOT OK node-text',
        'etcd: no leader',
      ])
        expect(text).toContain(said);
    }
    expect(reportMarkdown(input)).toContain(
      '| 03:00:42Z | destroy | `node-text` | cancelled 03:00:50Z | NOT OK node-text |',
    );
  });

  test('as a page it needs nothing else: no script, no address, and a policy that forbids both', () => {
    const page = reportHtml(inputOf(plain));
    const elements = elementsOf(page);
    const names = new Set(elements.map((one) => one.name));
    for (const no of ['script', 'link', 'img', 'iframe', 'a', 'object']) expect(names.has(no)).toBe(false);
    expect(elements.flatMap((one) => one.attributes).filter((one) => /^(on|src|href|style$)/.test(one))).toEqual([]);
    expect(page).not.toMatch(/url\(|https?:\/\//);
    expect(page).toContain("default-src 'none'");
    expect(names.has('svg')).toBe(true);
  });

  test.each([
    '</title><script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '`</code><svg onload=alert(1)>`',
    '<!-- --><style>*{display:none}</style>]]>',
    'a\u202eb\u001b[31mred\u0007',
    '&lt;b&gt; & &amp;',
  ])('what a node said is text, wherever it stands: %j', (text) => {
    const input = inputOf(run(text), {
      excerpts: [{ title: text, lines: [text] }],
      lost: [text],
      left: [text],
      drills: [text],
    });
    const shape = (page: string): string[] => elementsOf(page).map((one) => `${one.name} ${one.attributes.join()}`);
    const page = reportHtml(input);
    const safe = reportHtml(
      inputOf(run('x'), { excerpts: [{ title: 'x', lines: ['x'] }], lost: ['x'], left: ['x'], drills: ['x'] }),
    );
    const known = new Set([...shape(safe), 'code ']);
    expect(shape(page).filter((one) => !known.has(one))).toEqual([]);
    expect(page).not.toMatch(/[\u001b\u202e\u0007]/);
  });

  test('values are escaped in a template, markup made by it is not', () => {
    const inner = html`<b>${'<i>'}</b>`;
    expect(html`<p title="${`"'&`}">${inner}${[inner]}${7}${undefined}</p>`.text).toBe(
      '<p title="&quot;&#39;&amp;"><b>&lt;i&gt;</b><b>&lt;i&gt;</b>7</p>',
    );
    expect(escapeHtml('a\u0000\u202e<')).toBe('a&lt;');
  });
});

describe('the timeline', () => {
  test('shows every attempt from its first command, the failed one too, and what has not ended up to the last event', () => {
    const timeline = timelineOf(run('t'), scenario);
    expect(timeline?.rows.map((row) => row.host)).toEqual(['a']);
    const bars = timeline?.rows[0]?.lanes
      .flat()
      .map(({ outcome, from, to }) => [outcome, (from - START) / 1000, (to - START) / 1000]);
    expect(bars).toEqual([
      ['failed', 21, 30],
      ['done', 32, 40],
      ['open', 41, 52],
    ]);
    expect(timeline?.marks.map((mark) => [mark.kind, mark.label, (mark.at - START) / 1000])).toEqual([
      ['gate', 'go', 10],
      ['confirmed', 'go', 20],
      ['gate', 'destroy', 42],
      ['refused', 'destroy', 50],
    ]);
  });

  test('bars of one moment stand on lanes of their own', () => {
    const events = eventsAt([
      [0, opening],
      [1, begun('one', 'a')],
      [2, begun('two', 'a')],
      [5, endedAs('one', 'a', 'done')],
      [6, endedAs('two', 'a', 'done')],
    ]);
    expect(timelineOf(events, undefined)?.rows[0]?.lanes.map((lane) => lane.length)).toEqual([1, 1]);
    expect(timelineOf(eventsAt([[0, opening]]), scenario)).toBeUndefined();
  });

  test.each([1, 25, 3_600, 100_000, 5_000_000])('has few round times over %d seconds', (seconds) => {
    const ticks = ticksOf(START + 123, START + 123 + seconds * 1000);
    expect(ticks.length).toBeLessThan(10);
    for (const tick of ticks) expect(tick % 1000).toBe(0);
  });
});
