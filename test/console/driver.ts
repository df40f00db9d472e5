import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type IPty, spawn } from '@lydell/node-pty';
import headless from '@xterm/headless';
import { afterEach } from 'vitest';
import { startPractice } from '../support/practice-process.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BLACKSTART = join(ROOT, 'bin/blackstart');

export const KEYS = {
  enter: '\r',
  esc: '\u001b',
  tab: '\t',
  up: '\u001b[A',
  down: '\u001b[B',
  backspace: '\u007f',
} as const;

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A folder that is removed at the end of the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'blackstart-console-'));
  ends.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A practice cluster in a process of its own until the end of the test; the path of its inventory. */
export async function practice(speed: number): Promise<string> {
  const { inventory, stop } = await startPractice(join(folder(), 'cluster'), '--speed', String(speed));
  ends.push(stop);
  return inventory;
}

/** Starts `blackstart …` in a terminal, until the end of the test. */
export function sitDown(
  args: readonly string[],
  { state = folder(), size }: { state?: string; size?: Size } = {},
): Person {
  const person = Person.start(args, state, size);
  ends.push(async () => {
    await person.done();
    endPractice(state);
  });
  return person;
}

/** Practice clusters of drills that were left in the middle would stay for ten minutes. */
function endPractice(state: string): void {
  const book = join(state, 'blackstart/practice.json');
  if (!existsSync(book)) return;
  for (const { pid, directory } of JSON.parse(readFileSync(book, 'utf8')) as { pid: number; directory: string }[])
    if (existsSync(directory)) process.kill(pid, 'SIGTERM');
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The program in a terminal, and a person in front of it who looks before pressing the next key. */
export class Person {
  readonly #pty: IPty;
  readonly #terminal: headless.Terminal;
  /** Everything the program wrote, as it was written. */
  raw = '';
  #shown: string[] = [];
  exit: { code: number; signal: number | undefined } | undefined;

  private constructor(pty: IPty, terminal: headless.Terminal) {
    this.#pty = pty;
    this.#terminal = terminal;
    pty.onData((data) => {
      this.raw += data;
      terminal.write(data);
    });
    pty.onExit(({ exitCode, signal }) => {
      this.exit = { code: exitCode, signal };
    });
  }

  /** Starts `blackstart …` in a terminal of that size. */
  static start(args: readonly string[], state: string, size: Size = { columns: 120, rows: 36 }): Person {
    const { CI: _ci, NO_COLOR: _color, ...env } = process.env;
    const pty = spawn(BLACKSTART, [...args], {
      name: 'xterm-256color',
      cols: size.columns,
      rows: size.rows,
      cwd: state,
      env: { ...env, TERM: 'xterm-256color', XDG_STATE_HOME: state, XDG_CONFIG_HOME: state } as Record<string, string>,
    });
    const terminal = new headless.Terminal({ cols: size.columns, rows: size.rows, allowProposedApi: true });
    return new Person(pty, terminal);
  }

  get pid(): number {
    return this.#pty.pid;
  }

  get size(): Size {
    return { columns: this.#terminal.cols, rows: this.#terminal.rows };
  }

  /**
   * What stands on the screen, line by line, without spaces at the ends. Between the marks of a synchronized update a terminal shows what stood
   * there before: half a frame is nothing a person sees.
   */
  lines(): string[] {
    if (this.#terminal.modes.synchronizedOutputMode && this.exit === undefined) return this.#shown;
    const buffer = this.#terminal.buffer.active;
    this.#shown = Array.from(
      { length: this.#terminal.rows },
      (_, row) => buffer.getLine(buffer.viewportY + row)?.translateToString(true) ?? '',
    );
    return this.#shown;
  }

  screen(): string {
    return this.lines().join('\n');
  }

  sees(what: string | RegExp): boolean {
    return typeof what === 'string' ? this.screen().includes(what) : what.test(this.screen());
  }

  /** Whether the program draws on the alternate screen just now. */
  get onAlternateScreen(): boolean {
    return this.#terminal.buffer.active.type === 'alternate';
  }

  /** Looks again and again until it is there. */
  async waitFor(what: string | RegExp | (() => boolean), seconds = 150): Promise<void> {
    const there = typeof what === 'function' ? what : () => this.sees(what);
    const until = Date.now() + seconds * 1000;
    while (!there()) {
      if (Date.now() > until) throw new Error(`never seen: ${what}\n--- screen ---\n${this.screen()}`);
      if (this.exit !== undefined && !there())
        throw new Error(`it ended with ${this.exit.code} before: ${what}\n--- said ---\n${this.raw.slice(-2000)}`);
      await pause(20);
    }
  }

  press(key: keyof typeof KEYS | (string & {})): void {
    this.#pty.write(key in KEYS ? KEYS[key as keyof typeof KEYS] : key);
  }

  /**
   * Presses a key and waits for what comes of it. It is pressed again where the gate says that it was too soon, and where nothing
   * came of it for a long while (a key in the very moment of a redraw of another dialog).
   */
  async pressUntil(key: keyof typeof KEYS | (string & {}), what: string | RegExp | (() => boolean)): Promise<void> {
    const there = typeof what === 'function' ? what : () => this.sees(what);
    for (let tries = 0; tries < 20; tries++) {
      this.press(key);
      for (let looks = 0; looks < 250; looks++) {
        await pause(20);
        if (there()) return;
        if (looks > 15 && this.sees('Too soon')) break;
      }
    }
    throw new Error(`${key} had no effect, never seen: ${what}\n--- screen ---\n${this.screen()}`);
  }

  /** Types letter by letter, each only when the one before stands on the screen. */
  async type(text: string): Promise<void> {
    for (let length = 1; length <= text.length; length++)
      await this.pressUntil(text[length - 1] ?? '', `${text.slice(0, length)}▌`);
  }

  /** Several characters in one moment, as fast fingers or a paste without brackets send them. */
  burst(text: string): void {
    this.#pty.write(text);
  }

  paste(text: string): void {
    this.#pty.write(`\u001b[200~${text}\u001b[201~`);
  }

  resize(size: Size): void {
    this.#terminal.resize(size.columns, size.rows);
    this.#pty.resize(size.columns, size.rows);
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  async ends(seconds = 30): Promise<{ code: number; signal: number | undefined }> {
    await this.waitFor(() => this.exit !== undefined, seconds);
    // What it wrote last may still be on its way into the terminal.
    await new Promise<void>((resolve) => this.#terminal.write('', resolve));
    if (this.exit === undefined) throw new Error('it did not end');
    return this.exit;
  }

  /** Ends it, whatever it is doing. */
  async done(): Promise<void> {
    if (this.exit === undefined) this.signal('SIGTERM');
    try {
      await this.ends(20);
    } finally {
      if (this.exit === undefined) this.signal('SIGKILL');
      this.#terminal.dispose();
    }
  }
}

/** The steps every run begins with: the scenario, the one item that needs a word, and the plan. */
export async function beginFullRestore(person: Person): Promise<void> {
  await person.waitFor('Full restore');
  await person.waitFor(/DATA DAMAGED|TOTAL LOSS/);
  await person.pressUntil('enter', /from +snapshot-/);
  person.press('c');
  for (let down = 0; down < 3; down++) person.press('down');
  await person.pressUntil('enter', 'In your words');
  await person.type('stopped');
  await person.pressUntil('enter', () => !person.sees('In your words'));
  // Refused with its reason while the backup is still being proven; asked again.
  await person.pressUntil('o', /GATE WAITS|RUNNING/);
}

/**
 * Opens the waiting gate, reads it, and confirms it as it asks to be; its title. The header may lag behind the last one: then the run has ended,
 * and there is none.
 */
export async function passGate(person: Person, read: (screen: string) => void = () => {}): Promise<string> {
  const shown = (): boolean => person.sees(/(CHANGE|DESTRUCTIVE) · /) || person.sees('RECOVERED');
  // Just after the one before, the header still says that a gate waits: then enter finds none, and the next one may be minutes away.
  while (!shown()) {
    await person.waitFor(() => shown() || person.sees('GATE WAITS'), 300);
    if (!shown()) await person.pressUntil('enter', () => shown() || !person.sees('GATE WAITS'));
  }
  if (person.sees('RECOVERED')) return '';
  await person.waitFor(/Press y to do it|Type \S+ and enter to go on/);
  read(person.screen());
  const name = /Type (\S+) and enter to go on/.exec(person.screen())?.[1];
  const title = /(?:CHANGE|DESTRUCTIVE) · (.*?) [─━═]/.exec(person.screen())?.[1] ?? '';
  const gone = (): boolean => !person.sees(/(CHANGE|DESTRUCTIVE) · /);
  if (name === undefined) await person.pressUntil('y', gone);
  else {
    await person.type(name);
    await person.pressUntil('enter', gone);
  }
  return title;
}

/** Tries once more what nobody knows of whether it ran: the question, then its key. */
export async function tryAgain(person: Person): Promise<void> {
  const settled = (): boolean => !person.sees('IN DOUBT');
  await person.pressUntil('enter', () => settled() || person.sees('a new attempt'));
  if (!settled()) await person.pressUntil('r', settled);
}
