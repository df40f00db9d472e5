import { cut, exactly, type Line, type Segment, seg, type Tone, widthOf } from './line.js';
import { BORDER } from './symbols.js';

export interface FrameOptions {
  readonly title: string;
  /** Stands in the upper edge, right. */
  readonly right?: string;
  readonly width: number;
  readonly height: number;
  readonly tone?: Tone;
  readonly border?: typeof BORDER;
}

/** Lines inside a border with a title in its upper edge: exactly `height` lines of `width` columns. */
export function frame(lines: readonly Line[], options: FrameOptions): Line[] {
  const { width, height, tone = 'dim', border = BORDER } = options;
  const inner = width - 4;
  const rows = Math.max(0, height - 2);
  const body = Array.from({ length: rows }, (_, row): Line => {
    const content = exactly(lines[row] ?? [], Math.max(0, inner));
    return [seg(`${border.v} `, tone), ...content, seg(` ${border.v}`, tone)];
  });
  return [
    edge(options, tone, border),
    ...body,
    [seg(border.bl + border.h.repeat(Math.max(0, width - 2)) + border.br, tone)],
  ];
}

function edge({ title, right = '', width }: FrameOptions, tone: Tone, border: typeof BORDER): Line {
  const room = Math.max(0, width - 6);
  const rightText = right === '' ? '' : ` ${cut(right, Math.floor(room / 2))} `;
  const titleText = ` ${cut(title, Math.max(0, room - widthOf(rightText)))} `;
  const rule = Math.max(0, width - 3 - widthOf(titleText) - widthOf(rightText));
  const segments: Segment[] = [
    seg(border.tl, tone),
    seg(titleText, tone === 'dim' ? 'strong' : tone),
    seg(border.h.repeat(rule), tone),
    seg(rightText, tone),
    seg(border.h + border.tr, tone),
  ];
  return exactly(segments, width);
}
