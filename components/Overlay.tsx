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

const outside = (columns: number, rows: number): { width: number; most: number } =>
  columns < 100 ? { width: columns, most: rows } : { width: Math.min(columns - 6, 130), most: rows - 2 };

/** What a dialog has inside its frame, on so much of a screen. */
export function roomInside(columns: number, rows: number): { readonly width: number; readonly height: number } {
  const { width, most } = outside(columns, rows);
  return { width: width - 4, height: most - 2 };
}

/** A dialog in the middle of the screen; on a small one it takes all of it. */
export function Overlay({ title, columns, rows, lines, tone = 'accent', heavy = false }: Props): ReactNode {
  const { width, most } = outside(columns, rows);
  const room = roomInside(columns, rows);
  const inner = lines(room.width, room.height);
  const height = columns < 100 ? most : Math.min(most, inner.length + 2);
  return (
    <Box width={columns} height={rows} alignItems="center" justifyContent="center" flexDirection="column">
      <Lines lines={frame(inner, { title, width, height, tone, border: heavy ? HEAVY : BORDER })} />
    </Box>
  );
}
