import { createContext, Script } from 'node:vm';

/**
 * A regular expression a person typed, tried on text from anywhere. JavaScript's engine can be made to run for years by an innocent
 * looking pattern, so every try runs under a deadline that really ends it; a pattern that needed it once is given up.
 */
export interface TypedPattern {
  readonly source: string;
  /** Why it is not tried any more, or undefined. */
  readonly problem: string | undefined;
  /** Where it matches in each text: `[from, to)`, or undefined; all undefined once it was given up. */
  locate(texts: readonly string[]): readonly (readonly [number, number] | undefined)[];
}

/** The longest a pattern may take for {@link AT_ONCE} texts, milliseconds. */
const DEADLINE_MS = 40;
const AT_ONCE = 500;

const LOOK = new Script(
  'texts.map((text) => { const found = pattern.exec(text); return found === null ? undefined : [found.index, found.index + found[0].length]; })',
);

/** @returns the pattern, without regard to case, or why it is none, as a sentence */
export function typedPattern(source: string): TypedPattern | string {
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, 'i');
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^Invalid regular expression: (\/.*\/\w*: )?/, '') : '';
    return `That is no regular expression: ${why || 'it cannot be read'}.`;
  }
  let problem: string | undefined;
  const locate = (texts: readonly string[]): readonly (readonly [number, number] | undefined)[] => {
    const found: (readonly [number, number] | undefined)[] = [];
    for (let from = 0; from < texts.length && problem === undefined; from += AT_ONCE) {
      const context = createContext({ pattern, texts: texts.slice(from, from + AT_ONCE) });
      try {
        found.push(...(LOOK.runInContext(context, { timeout: DEADLINE_MS }) as [number, number][]));
      } catch {
        problem = `/${source}/ takes too long on these lines: write it without repetitions inside repetitions.`;
      }
    }
    return problem === undefined ? found : texts.map(() => undefined);
  };
  return {
    source,
    get problem() {
      return problem;
    },
    locate,
  };
}
