/**
 * The shape of a pattern of the catalogue: which fixed text every match must hold, how short a match can be, and whether it can run away on
 * a hostile line. Understands the part of the regular expression language that the catalogue uses, and refuses the rest.
 */

export interface Shape {
  /** Every match holds at least one of these; the longest choice there is. */
  readonly literals: readonly string[];
  /** Characters of the shortest match: how specific the pattern is. */
  readonly least: number;
}

/** Fixed text shorter than this would make the pattern a candidate on too many lines. */
const SHORTEST = 5;
/** Widest gap a pattern may jump. */
const WIDEST = 400;

interface Part extends Shape {
  /** The text, when the part is nothing but fixed text. */
  readonly text?: string;
}

/** @throws Error for a pattern without fixed text, with an unbounded or nested repetition, or with syntax that is not known here. */
export function shapeOf(source: string): Shape {
  const parser = new Parser(source);
  const { literals, least } = parser.alternatives(0);
  parser.end();
  if (literals.length === 0 || literals.some((one) => one.length < SHORTEST))
    throw new Error(`${source}: no fixed text of ${SHORTEST} characters`);
  return { literals, least };
}

class Parser {
  #at = 0;

  constructor(readonly source: string) {}

  end(): void {
    if (this.#at < this.source.length) throw this.#refused('unexpected )');
  }

  alternatives(depth: number): Part {
    const all = [this.#sequence(depth)];
    while (this.source[this.#at] === '|') {
      this.#at++;
      all.push(this.#sequence(depth));
    }
    const [only] = all;
    if (all.length === 1 && only !== undefined) return only;
    const least = Math.min(...all.map((one) => one.least));
    // One branch without fixed text, and the group promises none.
    const promises = all.every((one) => one.literals.length > 0);
    return { literals: promises ? all.flatMap((one) => one.literals) : [], least };
  }

  #sequence(depth: number): Part {
    let best: readonly string[] = [];
    let run = '';
    let least = 0;
    let plain = true;
    const better = (other: readonly string[]): void => {
      if (shortest(other) > shortest(best)) best = other;
    };
    for (;;) {
      const next = this.source[this.#at];
      if (next === undefined || next === '|' || next === ')') break;
      const start = this.#at;
      const atom = this.#atom(depth);
      const [from, to] = this.#times();
      if (to > 1) this.#check(start, depth, from, to);
      least += atom.least * from;
      if (from === 1 && to === 1 && atom.text !== undefined) {
        run += atom.text;
        continue;
      }
      better([run]);
      run = '';
      plain = false;
      if (from > 0) better(atom.literals);
    }
    better([run]);
    const literals = shortest(best) > 0 ? best : [];
    return plain ? { literals, least, text: run } : { literals, least };
  }

  #atom(depth: number): Part {
    const char = this.source[this.#at++];
    if (char === '(') {
      if (this.source.startsWith('?', this.#at)) {
        if (!this.source.startsWith('?:', this.#at)) throw this.#refused('only (?: groups');
        this.#at += 2;
      }
      const inner = this.alternatives(depth + 1);
      if (this.source[this.#at++] !== ')') throw this.#refused('missing )');
      return { literals: inner.literals, least: inner.least };
    }
    if (char === '[') {
      const end = this.source.indexOf(']', this.#at + 1);
      if (end < 0) throw this.#refused('missing ]');
      this.#at = end + 1;
      return { literals: [], least: 1 };
    }
    if (char === '\\') {
      const escaped = this.source[this.#at++] ?? '';
      if (/[sSdDwW]/.test(escaped)) return { literals: [], least: 1 };
      if (/[A-Za-z0-9]/.test(escaped)) throw this.#refused(`\\${escaped} is not known here`);
      return { literals: [escaped], least: 1, text: escaped };
    }
    if (char === '.') return { literals: [], least: 1 };
    if (char === undefined || '^$*+?{'.includes(char)) throw this.#refused(`${char} is not allowed here`);
    return { literals: [char], least: 1, text: char };
  }

  #times(): readonly [number, number] {
    const rest = this.source.slice(this.#at);
    const counted = /^\{(\d+)(,(\d*))?\}/.exec(rest);
    const mark = counted?.[0] ?? /^[*+?]/.exec(rest)?.[0] ?? '';
    this.#at += mark.length;
    if (mark === '') return [1, 1];
    if (mark === '?') return [0, 1];
    if (mark === '*') return [0, Infinity];
    if (mark === '+') return [1, Infinity];
    const from = Number(counted?.[1]);
    return [from, counted?.[2] === undefined ? from : counted[3] === '' ? Infinity : Number(counted[3])];
  }

  /** A repetition may not repeat a group (nested), nor begin the pattern, nor be wide and without a bound. */
  #check(start: number, depth: number, from: number, to: number): void {
    const repeated = this.source.slice(start, this.#at);
    if (depth > 0 || repeated.startsWith('(')) throw this.#refused(`nested repetition ${repeated}`);
    if (start === 0) throw this.#refused('begins with a repetition');
    const narrow = /^(?:\\d|\[0-9a-f\])/.test(repeated);
    if (!narrow && to > WIDEST) throw this.#refused(`${repeated} has no bound of at most ${WIDEST}`);
    if (from > to) throw this.#refused(`${repeated} is upside down`);
  }

  #refused(why: string): Error {
    return new Error(`${this.source}: ${why}`);
  }
}

const shortest = (texts: readonly string[]): number =>
  texts.length === 0 ? 0 : Math.min(...texts.map((one) => one.length));
