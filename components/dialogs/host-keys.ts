import type { UnknownKey } from '../../src/incident/host-key.js';
import { type Line, labelled, line, pad, seg } from '../line.js';

/** Name, address and type before a fingerprint of 50 characters. */
const NAME = 12;
const ADDRESS = 24;
const TYPE = 21;
const FINGERPRINT = 50;

const INTRO =
  'Compare each fingerprint with one you trust (the host’s console, your records). Storing them is deliberate: who answers here gets your commands.';

/** As many keys as can be shown whole: nobody compares half a fingerprint, and what is not shown is not accepted. */
export function comparableKeys(keys: readonly UnknownKey[], width: number, height: number): readonly UnknownKey[] {
  const room = height - introLines(width).length - 3;
  return keys.slice(0, Math.max(1, Math.floor(room / (isWide(width) ? 1 : 2))));
}

export function hostKeyLines(keys: readonly UnknownKey[], width: number, height: number): Line[] {
  const shown = comparableKeys(keys, width, height);
  const rest = keys.length - shown.length;
  return [
    ...introLines(width),
    ...shown.flatMap((key) =>
      isWide(width) ? [line(...who(key), print(key))] : [line(...who(key)), line(print(key))],
    ),
    [],
    line(
      seg(
        rest === 0
          ? 'y stores them and connects. esc leaves these hosts out for now.'
          : `y stores these and connects; ${rest} more come after them. esc leaves them out.`,
        'accent',
      ),
    ),
  ];
}

const introLines = (width: number): Line[] => [...labelled('', INTRO, width, 1), []];

const isWide = (width: number): boolean => width >= NAME + ADDRESS + TYPE + FINGERPRINT;

const who = ({ host, address, type }: UnknownKey) => [
  seg(pad(host, NAME), 'strong'),
  seg(pad(address, ADDRESS), 'dim'),
  seg(pad(type, TYPE)),
];

const print = ({ fingerprint }: UnknownKey) => seg(fingerprint, 'accent');
