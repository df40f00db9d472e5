import type { Key } from 'ink';

/** The names this console knows keys by: `return`, `shift-tab`, `ctrl-d`, or the character itself. */
export function pressName(input: string, key: Key): string {
  if (key.escape) return 'escape';
  if (key.return) return 'return';
  if (key.tab) return key.shift ? 'shift-tab' : 'tab';
  if (key.backspace || key.delete) return 'backspace';
  if (key.upArrow) return 'up';
  if (key.downArrow) return 'down';
  if (key.leftArrow) return 'left';
  if (key.rightArrow) return 'right';
  if (key.pageUp) return 'pageup';
  if (key.pageDown) return 'pagedown';
  if (key.home) return 'home';
  if (key.end) return 'end';
  if (key.ctrl && input.length === 1) return `ctrl-${input}`;
  return input;
}

const CONTROL: Readonly<Record<string, string>> = {
  '\r': 'return',
  '\n': 'return',
  '\t': 'tab',
  '\u007f': 'backspace',
  '\b': 'backspace',
};

/** Keys that arrived in one moment (fast fingers, a slow link), one by one; text stays together where it is text that is asked for. */
export function separatePresses(characters: string, asText: boolean): string[] {
  const presses: string[] = [];
  for (const one of characters) {
    const control = CONTROL[one];
    const last = presses.at(-1);
    if (control !== undefined) presses.push(control);
    else if (asText && last !== undefined && !Object.values(CONTROL).includes(last))
      presses[presses.length - 1] = last + one;
    else presses.push(one);
  }
  return presses;
}
