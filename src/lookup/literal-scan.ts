/**
 * Finds which of many fixed texts a line holds, in one pass whatever their number (Aho and Corasick). One table lookup for each
 * character; texts are ASCII, and every other character leads back to the start.
 */
export class LiteralScan {
  readonly #classOf = new Uint8Array(128);
  readonly #width: number;
  readonly #next: Uint16Array;
  /** For each state the texts that end there; nothing for most. */
  readonly #found: readonly (readonly number[] | undefined)[];

  constructor(texts: readonly string[]) {
    let classes = 1;
    for (const text of texts) {
      for (const char of text) {
        const code = char.charCodeAt(0);
        if (code > 127) throw new Error(`${text} is not ASCII`);
        if (this.#classOf[code] === 0) this.#classOf[code] = classes++;
      }
    }
    this.#width = classes;
    const { next, found } = build(texts, this.#classOf, classes);
    this.#next = next;
    this.#found = found;
  }

  /** Calls `hit` with the number of each text found, as often as it is found. */
  scan(line: string, hit: (text: number) => void): void {
    const next = this.#next;
    const classOf = this.#classOf;
    const width = this.#width;
    const found = this.#found;
    let state = 0;
    for (let index = 0; index < line.length; index++) {
      const code = line.charCodeAt(index);
      state = next[state * width + (code < 128 ? (classOf[code] as number) : 0)] as number;
      const ends = found[state];
      if (ends !== undefined) for (const text of ends) hit(text);
    }
  }
}

/** The tree of all texts, with every missing branch replaced by where the longest proper suffix would go. */
function build(texts: readonly string[], classOf: Uint8Array, width: number) {
  const most = texts.reduce((sum, text) => sum + text.length, 1);
  if (most > 0xffff) throw new Error('too many texts for a table of 16 bits');
  const next = new Uint16Array(most * width);
  const found: (number[] | undefined)[] = new Array(most).fill(undefined);
  let states = 1;
  texts.forEach((text, number) => {
    let state = 0;
    for (const char of text) {
      const cell = state * width + (classOf[char.charCodeAt(0)] as number);
      if (next[cell] === 0) next[cell] = states++;
      state = next[cell] as number;
    }
    found[state] = [...(found[state] ?? []), number];
  });
  const fallback = new Uint16Array(states);
  const queue = [0];
  for (let head = 0; head < queue.length; head++) {
    const state = queue[head] as number;
    for (let letter = 0; letter < width; letter++) {
      const cell = state * width + letter;
      const child = next[cell] as number;
      const suffix = state === 0 ? 0 : (next[(fallback[state] as number) * width + letter] as number);
      if (child === 0) {
        next[cell] = suffix;
        continue;
      }
      fallback[child] = suffix;
      const more = found[suffix];
      if (more !== undefined) found[child] = [...(found[child] ?? []), ...more];
      queue.push(child);
    }
  }
  return { next: next.slice(0, states * width), found: found.slice(0, states) };
}
