/**
 * Makes text that came from outside safe to draw, log and record: it may name a host, a file or an object,
 * but it cannot move the cursor, change the title, ring the bell or reorder what stands beside it.
 */

// CSI, OSC/DCS/PM/APC strings (ended by BEL or ST, or cut off), other two-byte escapes.
const ESCAPES =
  /\u001b\[[0-?]*[ -/]*[@-~]?|\u001b[\]PX^_][^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]?|\u009b[0-?]*[ -/]*[@-~]?/g;
// C0 without tab and newline, DEL, C1, bidirectional controls, zero-width and line separators, BOM.
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
/** Whether there is anything of both at all: most text has none. */
const CONTROL = new RegExp(CONTROLS.source);

/** Nothing that controls a terminal is left; tabs and line ends stay, so that a command's arguments stay as they are. */
export const withoutControls = (text: string): string =>
  CONTROL.test(text) ? text.replace(ESCAPES, '').replace(CONTROLS, '') : text;

/** Many lines: keeps newlines, expands tabs to two spaces, drops everything else that controls. */
export function inertText(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(ESCAPES, '').replace(CONTROLS, '').replace(/\t/g, '  ');
}

/** One line: newlines become a visible mark, and at most `max` characters remain. */
export function inertLine(text: string, max = 10_000): string {
  const line = inertText(text.length > max * 4 ? text.slice(0, max * 4) : text)
    .replace(/\n+$/, '')
    .replace(/\n/g, ' ⏎ ');
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}
