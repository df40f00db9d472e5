import { Text } from 'ink';
import type { ReactNode } from 'react';
import type { Line, Segment, Tone } from './line.js';

/** What tones look like. Nothing but this file names a colour. */
const LOOK: Record<Tone, { color?: string; bold?: boolean; dimColor?: boolean }> = {
  plain: {},
  dim: { dimColor: true },
  accent: { color: 'cyan' },
  good: { color: 'green' },
  warn: { color: 'yellow' },
  bad: { color: 'red' },
  strong: { bold: true },
};

/** Draws lines as they are, one row each. They are cut to width before. */
export function Lines({ lines }: { readonly lines: readonly Line[] }): ReactNode {
  return lines.map((one, row) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a row is its position on the screen
    <Text key={row} wrap="truncate">
      {one.length === 0 ? ' ' : one.map((segment, at) => draw(segment, at))}
    </Text>
  ));
}

function draw({ text, tone = 'plain', inverse = false }: Segment, at: number): ReactNode {
  if (tone === 'plain' && !inverse) return text;
  return (
    <Text key={at} inverse={inverse} {...LOOK[tone]}>
      {text}
    </Text>
  );
}
