import { type JournalRow, journalLine } from './read.js';

/** So long about is a piece of the journal, in characters: a run that goes on brings all of it, and over a slow line what has arrived must count. */
const PIECE_LENGTH = 128 * 1024;

/** A part of a journal that is put on a server whole. */
export interface Piece {
  readonly first: number;
  readonly last: number;
  readonly text: string;
}

/** Rows in order, as the pieces they are brought in; a row longer than a piece is one of its own. */
export function inPieces(rows: readonly JournalRow[]): Piece[] {
  const pieces: Piece[] = [];
  let open: { first: number; last: number; lines: string[]; length: number } | undefined;
  const close = (): void => {
    if (open !== undefined) pieces.push({ first: open.first, last: open.last, text: open.lines.join('') });
    open = undefined;
  };
  for (const row of rows) {
    const line = journalLine(row);
    if (open !== undefined && open.length + line.length > PIECE_LENGTH) close();
    open ??= { first: row.seq, last: row.seq, lines: [], length: 0 };
    open.lines.push(line);
    open.length += line.length;
    open.last = row.seq;
  }
  close();
  return pieces;
}
