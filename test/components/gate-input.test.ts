import { describe, expect, test } from 'vitest';
import {
  DEAD_TIME_MS,
  freshGate,
  type GateInput,
  pressAtGate,
  refusedPaste,
} from '../../components/dialogs/gate-input.js';
import type { GateView } from '../../src/incident/attention.js';
import { parseInventory } from '../../src/inventory/load.js';

const gate = (typed: string | undefined, ok = true): GateView => ({
  id: 'g',
  title: 'Gate',
  effect: typed === undefined ? 'change' : 'destroy',
  ...(typed === undefined ? {} : { typed }),
  hosts: ['node-1'],
  steps: [],
  does: '',
  loses: '',
  keeps: '',
  undo: '',
  commands: [],
  facts: [{ title: 'fact', host: 'node-1', ok, text: '' }],
  changed: [],
  losses: [],
});

const SHOWN = 1_000;
const READ = SHOWN + DEAD_TIME_MS;

/** Presses one key after the other; what came of it. */
function pressing(view: GateView | undefined, presses: readonly string[], now = READ) {
  let input: GateInput = freshGate(SHOWN);
  for (const press of presses) {
    const step = pressAtGate(input, press, view, now);
    if (step.act !== undefined) return { act: step.act, input: step.input };
    input = step.input;
  }
  return { act: undefined, input };
}

const word = (text: string): string[] => [...text];

describe('a gate for a change', () => {
  test.each([
    ['y confirms', ['y'], 'confirm'],
    ['the key that opened it does not', ['return'], undefined],
    ['neither does any other', ['Y', 'n', 'space', ' ', '1', 'tab'], undefined],
    ['several characters at once do not', ['yy'], undefined],
    ['escape cancels', ['escape'], 'cancel'],
  ] as const)('%s', (_what, presses, act) => expect(pressing(gate(undefined), presses).act).toBe(act));
});

describe('a gate that destroys', () => {
  const typing = (presses: readonly string[]) => pressing(gate('node-1'), presses);

  test.each([
    ['the name and enter', [...word('node-1'), 'return'], 'confirm'],
    ['with a mistake put right', [...word('nodx'), 'backspace', ...word('e-1'), 'return'], 'confirm'],
    ['y does not', ['y', 'return'], undefined],
    ['another name does not', [...word('node-2'), 'return'], undefined],
    ['half of it does not', [...word('node'), 'return'], undefined],
    ['other case does not', [...word('Node-1'), 'return'], undefined],
    ['more than it does not', [...word('node-1 '), 'return'], undefined],
    ['enter alone does not', ['return', 'return'], undefined],
    ['the name without enter does not', word('node-1'), undefined],
    ['a burst of characters does not', ['node-1', 'return'], undefined],
    ['escape cancels in the middle of the word', [...word('nod'), 'escape'], 'cancel'],
  ] as const)('%s', (_what, presses, act) => expect(typing(presses).act).toBe(act));

  test('a wrong word is taken away, and said', () => {
    const { input } = typing([...word('node-2'), 'return']);
    expect(input).toMatchObject({ typed: '', remark: 'That was not node-1. Nothing was done.' });
  });

  test('pasting takes away what was typed, and is said', () => {
    const { input } = refusedPaste({ ...freshGate(SHOWN), typed: 'node' });
    expect(input).toMatchObject({ typed: '', remark: expect.stringContaining('Pasted text is refused') });
  });

  test.each(['left', 'right', 'home', 'end', 'ctrl-a', 'shift-tab'])('%s is no paste', (press) => {
    const { input } = typing([...word('no'), press]);
    expect(input).toMatchObject({ typed: 'no', remark: undefined });
  });
});

describe('before it can have been read', () => {
  test.each([undefined, 'node-1'])('nothing is taken (typed: %s)', (typed) => {
    for (const press of ['y', 'n', 'return', 'node-1']) {
      const { act, input } = pressing(gate(typed), [press], READ - 1);
      expect(act).toBeUndefined();
      expect(input).toMatchObject({ typed: '', remark: expect.stringContaining('Too soon') });
    }
  });

  test('but it can be looked at and cancelled', () => {
    expect(pressing(gate('x'), ['tab'], SHOWN).input.commands).toBe(true);
    expect(pressing(gate('x'), ['down', 'pagedown', 'up'], SHOWN).input.scroll).toBe(10);
    expect(pressing(gate('x'), ['up'], SHOWN).input.scroll).toBe(0);
    expect(pressing(gate('x'), ['escape'], SHOWN).act).toBe('cancel');
  });
});

describe('a gate that is closed, or not there yet', () => {
  test.each([
    ['with a fact that does not hold', gate('node-1', false)],
    ['for a change with a fact that does not hold', gate(undefined, false)],
    ['whose facts are still being asked', undefined],
  ])('%s is not confirmed by anything', (_what, view) => {
    expect(pressing(view, ['y', ...word('node-1'), 'return']).act).toBeUndefined();
    expect(pressing(view, ['escape']).act).toBe('cancel');
  });
});

test('the longest name the inventory allows can be typed', () => {
  const name = 'A'.repeat(36).concat('-._9');
  const text = (cluster: string) => `cluster: ${cluster}\nservers:\n  - name: cp1\n    address: 192.0.2.11\n`;
  expect(parseInventory(text(name), 'cluster.yaml', '/home/ops').cluster).toBe(name);
  let input = freshGate(SHOWN);
  for (const one of name) input = pressAtGate(input, one, gate(name), READ).input;
  expect(pressAtGate(input, 'return', gate(name), READ).act).toBe('confirm');
  for (const untypeable of [`${name}x`, '集群', 'my cluster']) {
    expect(() => parseInventory(text(untypeable), 'cluster.yaml', '/home/ops')).toThrow();
  }
});
