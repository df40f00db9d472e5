import { Box } from 'ink';
import type { ReactNode } from 'react';
import { frame } from './frame.js';
import { Lines } from './Lines.js';
import type { Line, Tone } from './line.js';
import { BORDER, HEAVY } from './symbols.js';

interface Props {
  readonly title: string;
  readonly columns: number;
  readonly rows: number;
  /** Given the inner width and the most lines there is room for. */
  lines(width: number, height: number): readonly Line[];
  readonly tone?: Tone;
  /** Heavier edge, for what destroys. */
  readonly heavy?: boolean;
}

/** A dialog in the middle of the screen; on a small one it takes all of it. */
export function Overlay({ title, columns, rows, lines, tone = 'accent', heavy = false }: Props): ReactNode {
  const width = columns < 100 ? columns : Math.min(columns - 6, 130);
  const most = columns < 100 ? rows : rows - 2;
  const inner = lines(width - 4, most - 2);
  const height = columns < 100 ? most : Math.min(most, inner.length + 2);
  return (
    <Box width={columns} height={rows} alignItems="center" justifyContent="center" flexDirection="column">
      <Lines lines={frame(inner, { title, width, height, tone, border: heavy ? HEAVY : BORDER })} />
    </Box>
  );
}
