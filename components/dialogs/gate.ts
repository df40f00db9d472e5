import { type GateView, needsApproval } from '../../src/incident/attention.js';
import { quotedForPeople } from '../command-text.js';
import { type Line, labelled, line, seg, wrap } from '../line.js';
import { effectGlyph, GLYPH } from '../symbols.js';

export interface GateDraw {
  readonly gate: GateView | undefined;
  readonly checking: boolean;
  readonly typed: string;
  /** Shows the exact commands instead of the summary. */
  readonly commands: boolean;
  /** Said under the line to type on: a paste was refused, the word was wrong. */
  readonly remark: string | undefined;
  readonly scroll: number;
  /** In a replay: that it was shown, and when. Nothing can be typed there. */
  readonly past?: string;
  /** A host with what proves that it is the one meant. */
  describe(host: string): string;
}

/** What a gate says: every host, what it does, loses and keeps, the undo, what was checked, and what to type. */
export function gateLines(draw: GateDraw, width: number, height: number): Line[] {
  const { gate } = draw;
  if (gate === undefined) return [line(seg('Asking the hosts how things stand now…', 'accent'))];
  const foot = footLines(gate, draw, width);
  const room = Math.max(1, height - foot.length - 1);
  const body = draw.commands ? commandLines(gate, width) : summaryLines(gate, draw, width);
  const from = Math.max(0, Math.min(draw.scroll, body.length - room));
  const shown = body.slice(from, from + room);
  if (from + room < body.length)
    shown[shown.length - 1] = line(seg(`… ${body.length - from - room + 1} lines more (down)`, 'dim'));
  return [...shown, [], ...foot];
}

function summaryLines(gate: GateView, draw: GateDraw, width: number): Line[] {
  const column = 10;
  const bad = gate.effect === 'destroy' ? 'bad' : 'warn';
  return [
    ...(width < 90
      ? labelled('hosts', gate.hosts.join(', '), width, column, 'strong')
      : gate.hosts.flatMap((host, index) =>
          labelled(
            index > 0 ? '' : gate.hosts.length > 1 ? 'hosts' : 'host',
            draw.describe(host),
            width,
            column,
            'strong',
          ),
        )),
    ...labelled('does', gate.does, width, column),
    ...labelled('loses', gate.loses, width, column, bad),
    ...labelled('keeps', gate.keeps, width, column),
    ...labelled('undo', gate.undo, width, column),
    ...gate.steps.flatMap((step, index) =>
      labelled(index === 0 ? 'steps' : '', `${index + 1}. ${step.title}`, width, column, 'dim'),
    ),
    ...approvalLines(gate, width, column),
    ...gate.changed.flatMap((text) => labelled('changed', text, width, column, 'warn')),
    ...gate.facts.flatMap((fact, index) =>
      labelled(
        index === 0 ? 'checked' : '',
        `${fact.ok ? GLYPH.done : GLYPH.failed} ${fact.host}: ${fact.ok ? fact.text : `${fact.title}: ${fact.text}`}`,
        width,
        column,
        fact.ok ? 'good' : 'bad',
      ),
    ),
    ...gate.losses.flatMap((text, index) => labelled(index === 0 ? 'lost' : '', text, width, column, 'dim')),
  ];
}

function approvalLines({ approval }: GateView, width: number, column: number): Line[] {
  if (approval?.by !== undefined)
    return labelled('second', `${GLYPH.done} ${approval.by} agreed`, width, column, 'good');
  if (approval?.without !== undefined)
    return labelled('second', `nobody agreed: ${approval.without}. This stands in the record`, width, column, 'bad');
  return [];
}

function commandLines(gate: GateView, width: number): Line[] {
  return gate.commands.flatMap(({ host, command }) => {
    const text = `${host}$ ${quotedForPeople(command)}`;
    return wrap(text, width - 2).map((part, index) =>
      line(seg(`${index === 0 ? '' : '  '}${part}`, index === 0 ? 'plain' : 'dim')),
    );
  });
}

function footLines(gate: GateView, draw: GateDraw, width: number): Line[] {
  if (draw.past !== undefined) {
    const typed = gate.typed === undefined ? 'one key confirms it' : `${gate.typed} has to be typed`;
    return wrap(`${draw.past}; ${typed}. Replay: nothing can be done here.`, width).map((part) =>
      line(seg(part, 'warn')),
    );
  }
  const blocked = gate.facts.filter((fact) => !fact.ok);
  const remark = draw.remark === undefined ? [] : [line(seg(draw.remark, 'warn'))];
  const switches = seg(
    gate.commands.length === 0
      ? 'esc cancels'
      : draw.commands
        ? 'tab summary · esc cancels'
        : `tab shows the ${gate.commands.length} commands · esc cancels`,
    'dim',
  );
  if (draw.checking) return [...remark, line(seg('Asking the hosts once more before anything is sent…', 'accent'))];
  if (blocked.length > 0) {
    return [
      ...remark,
      ...wrap(
        `This gate is closed: ${blocked.map((fact) => `${fact.host}: ${fact.title}`).join('; ')}. Put it right, then open it again.`,
        width,
      ).map((part) => line(seg(part, 'bad'))),
      line(switches),
    ];
  }
  if (gate.approval !== undefined && needsApproval(gate)) {
    const { asked, challenge } = gate.approval;
    return [
      ...remark,
      ...wrap(
        `A second person must agree (${asked.join(' or ')}). Tell them what this destroys, and this challenge:`,
        width,
      ).map((part) => line(seg(part))),
      line(seg(challenge, 'accent'), seg('   they run: blackstart approve CHALLENGE', 'dim')),
      line(
        seg('c', 'accent'),
        seg(' takes their code   '),
        seg('b', 'accent'),
        seg(' nobody can be reached   '),
        switches,
      ),
    ];
  }
  if (gate.typed === undefined)
    return [...remark, line(seg('Press '), seg('y', 'accent'), seg(' to do it.   '), switches)];
  return [
    ...remark,
    line(
      seg('Type '),
      seg(gate.typed, 'bad'),
      seg(' and enter to go on:  '),
      seg(draw.typed, 'strong'),
      seg(GLYPH.block, 'accent'),
      seg('   '),
      switches,
    ),
  ];
}

export const gateTitle = (gate: GateView | undefined): string =>
  gate === undefined
    ? 'Gate'
    : `${effectGlyph(gate.effect)} ${gate.effect === 'destroy' ? 'DESTRUCTIVE' : 'CHANGE'} · ${gate.title}`;
