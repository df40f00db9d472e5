import { styleText } from 'node:util';
import { Text } from 'ink';
import { memo, type ReactNode } from 'react';
import type { Line, Segment, Tone } from './line.js';

/** What tones look like. Nothing but this file names a colour. */
const LOOK = {
  plain: [],
  dim: ['dim'],
  accent: ['cyan'],
  good: ['green'],
  warn: ['yellow'],
  bad: ['red'],
  strong: ['bold'],
} as const satisfies Record<Tone, readonly Parameters<typeof styleText>[0][]>;

type Around = readonly [string, string];

/** What is written before and after a text of a tone: nothing where the terminal has no colours or NO_COLOR is set. */
function around(tone: Tone, inverse: boolean): Around {
  const formats = [...(inverse ? (['inverse'] as const) : []), ...LOOK[tone]];
  const [before = '', after = ''] = formats.reduce((text, format) => styleText(format, text), '|').split('|');
  return [before, after];
}

const tones = Object.keys(LOOK) as Tone[];
const table = (inverse: boolean): Record<Tone, Around> =>
  Object.fromEntries(tones.map((tone) => [tone, around(tone, inverse)])) as Record<Tone, Around>;
const NORMAL = table(false);
const INVERSE = table(true);

const styled = ({ text, tone = 'plain', inverse = false }: Segment): string => {
  const [before, after] = (inverse ? INVERSE : NORMAL)[tone];
  return before + text + after;
};

/** One text node a row, and none of React's and the renderer's work for a row that is what it was. */
const Row = memo(({ text }: { readonly text: string }): ReactNode => <Text wrap="truncate">{text}</Text>);

/** Draws lines as they are, one row each. They are cut to width before. */
export function Lines({ lines }: { readonly lines: readonly Line[] }): ReactNode {
  return lines.map((one, row) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a row is its position on the screen
    <Row key={row} text={one.length === 0 ? ' ' : one.map(styled).join('')} />
  ));
}
